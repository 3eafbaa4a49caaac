#include "projections/accesses/accesses_projection.h"

#include <string>

#include "projections/accesses/accesses_rows.h"

namespace keyledger::projections {

absl::Status AccessesProjection::Apply(const RecordView& record, Rows& rows) const {
  if (!record.record.event().has_personal_data_read()) return absl::OkStatus();
  const events::v1::PersonalDataRead& read = record.record.event().personal_data_read();
  DataAccess access;
  access.record_time = record.recorded;
  access.reader = read.reader();
  access.purpose = read.purpose();
  access.account_id = read.read_account_id();
  access.subject_ids.assign(read.subject_ids().begin(), read.subject_ids().end());
  access.method = read.method();
  const uint64_t position = record.record.position();
  std::string value;
  EncodeAccess(access, value);
  rows.Put(AccessKey(position), value);
  const auto index = [&](AccessBy by, const std::string& id) {
    if (!id.empty()) rows.Put(AccessIndexKey(AccessIndexPrefix(by, id), access.record_time, position), "");
  };
  for (const std::string& subject : access.subject_ids) index(AccessBy::kSubject, subject);
  index(AccessBy::kAccount, access.account_id);
  index(AccessBy::kReader, access.reader);
  return absl::OkStatus();
}

std::shared_ptr<const Projection> MakeAccessesProjection() { return std::make_shared<AccessesProjection>(); }

}  // namespace keyledger::projections
