#include "projections/accesses/accesses_rows.h"

#include "projections/engine/row_key.h"
#include "server/base/codec.h"

namespace keyledger::projections {
namespace {

// More than a record may name.
constexpr uint64_t kSubjectsMax = 100'000;

char TagOf(AccessBy by) {
  switch (by) {
    case AccessBy::kSubject:
      return 's';
    case AccessBy::kAccount:
      return 'a';
    case AccessBy::kReader:
      return 'd';
  }
  return 's';
}

}  // namespace

std::string AccessKey(uint64_t position) {
  std::string key(1, 'r');
  PutBigEndian64(key, position);
  return key;
}

std::string AccessIndexPrefix(AccessBy by, std::string_view id) {
  std::string key(1, TagOf(by));
  PutSized(key, id);
  return key;
}

std::string AccessIndexKey(std::string_view prefix, Micros record_time, uint64_t position) {
  std::string key(prefix);
  // ~x orders the other way round, and of a signed number too.
  PutOrdered64(key, ~record_time);
  PutBigEndian64(key, ~position);
  return key;
}

bool ParseAccessPlace(std::string_view rest, Micros& record_time, uint64_t& position) {
  if (!GetOrdered64(rest, record_time) || !GetBigEndian64(rest, position)) return false;
  record_time = ~record_time;
  position = ~position;
  return rest.empty();
}

void EncodeAccess(const DataAccess& access, std::string& value) {
  value.clear();
  PutOrdered64(value, access.record_time);
  PutSized(value, access.reader);
  PutSized(value, access.purpose);
  PutSized(value, access.account_id);
  PutSized(value, access.method);
  PutVarint64(value, access.subject_ids.size());
  for (const std::string& subject : access.subject_ids) PutSized(value, subject);
}

bool DecodeAccess(std::string_view value, DataAccess& access) {
  uint64_t subjects = 0;
  if (!GetOrdered64(value, access.record_time) || !GetSized(value, access.reader) || !GetSized(value, access.purpose) ||
      !GetSized(value, access.account_id) || !GetSized(value, access.method) || !GetVarint64(value, subjects) ||
      subjects > kSubjectsMax) {
    return false;
  }
  access.subject_ids.resize(subjects);
  for (std::string& subject : access.subject_ids) {
    if (!GetSized(value, subject)) return false;
  }
  return value.empty();
}

}  // namespace keyledger::projections
