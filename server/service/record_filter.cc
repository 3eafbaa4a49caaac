// See record_filter.h.
#include "server/service/record_filter.h"

#include <algorithm>

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include "keyledger/events/v1/record.pb.h"
#include "server/base/error.h"

namespace keyledger::service {
namespace {

constexpr int kConditionsMax = 50;

using google::protobuf::internal::WireFormatLite;

}  // namespace

bool PeekRecord(std::string_view bytes, RecordPeek& peek) {
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  while (const uint32_t tag = in.ReadTag()) {
    const int field = WireFormatLite::GetTagFieldNumber(tag);
    const bool wanted =
        field == events::v1::EventRecord::kAccountIdFieldNumber || field == events::v1::EventRecord::kEventFieldNumber;
    if (!wanted) {
      if (!WireFormatLite::SkipField(&in, tag)) return false;
      continue;
    }
    uint32_t length = 0;
    if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED || !in.ReadVarint32(&length))
      return false;
    const auto start = static_cast<size_t>(in.CurrentPosition());
    if (length > bytes.size() - start || !in.Skip(static_cast<int>(length))) return false;
    const std::string_view value = bytes.substr(start, length);
    if (field == events::v1::EventRecord::kAccountIdFieldNumber) {
      peek.account_id = value;
    } else {
      google::protobuf::io::CodedInputStream event(reinterpret_cast<const uint8_t*>(value.data()),
                                                   static_cast<int>(value.size()));
      peek.kind = WireFormatLite::GetTagFieldNumber(event.ReadTag());
    }
  }
  return true;
}

absl::StatusOr<RecordFilter> RecordFilter::Make(const ledger::v1::RecordFilter& filter) {
  RecordFilter made;
  if (filter.kinds_size() > kConditionsMax)
    return FieldError("filter.kinds", fmt::format("at most {} are allowed", kConditionsMax));
  if (filter.account_prefixes_size() > kConditionsMax) {
    return FieldError("filter.account_prefixes", fmt::format("at most {} are allowed", kConditionsMax));
  }
  for (int i = 0; i < filter.kinds_size(); ++i) {
    const int kind = filter.kinds(i);
    if (kind == 0 || !events::v1::EventKind_IsValid(kind)) {
      return FieldError(fmt::format("filter.kinds[{}]", i), fmt::format("{} is not a kind of event", kind));
    }
    made.kinds_.push_back(kind);
  }
  made.prefixes_.assign(filter.account_prefixes().begin(), filter.account_prefixes().end());
  return made;
}

bool RecordFilter::Passes(std::string_view record_bytes) const {
  if (passes_all()) return true;
  RecordPeek peek;
  if (!PeekRecord(record_bytes, peek)) return false;
  if (!kinds_.empty() && std::find(kinds_.begin(), kinds_.end(), peek.kind) == kinds_.end()) return false;
  return prefixes_.empty() || std::any_of(prefixes_.begin(), prefixes_.end(), [&](const std::string& prefix) {
           return peek.account_id.starts_with(prefix);
         });
}

}  // namespace keyledger::service
