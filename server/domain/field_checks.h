// FieldChecks: rules of form that fields of facts share, and the violations found. Internal to the room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "keyledger/events/v1/money.pb.h"
#include "server/base/clock.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/field_path.h"
#include "server/domain/program_check.h"
#include "server/domain/proto_time.h"

namespace keyledger::domain {

// Threads: thread-compatible.
class FieldChecks {
 public:
  // The result: the violations, the first of them in the message.
  absl::Status Result() const {
    if (violations_.empty()) return absl::OkStatus();
    const auto& [field, description] = violations_.front();
    std::string message = fmt::format("{}: {}", field, description);
    if (count_ > 1) message += fmt::format(" (and {} more)", count_ - 1);
    absl::Status status = MakeError(Reason::kInvalidField, message);
    for (const auto& [path, what] : violations_) AddField(status, path, what);
    return status;
  }

  void Add(const FieldPath& field, std::string description) {
    ++count_;
    if (violations_.size() < kViolationsMax) violations_.emplace_back(field.Text(), std::move(description));
  }

  // Whether a repeated field holds a number of entries in [min, max]. If not, they are not looked at.
  bool Count(const FieldPath& field, int size, int min, int max) {
    if (size >= min && size <= max) return true;
    Add(field, min == 0 ? fmt::format("must be at most {}, are {}", max, size)
                        : fmt::format("must be {} to {}, are {}", min, max, size));
    return false;
  }

  // One line: for ids, names and codes.
  void Text(const FieldPath& field, const std::string& text, size_t bytes_min, size_t bytes_max) {
    if (HasControl(text)) Add(field, "must not hold control characters");
    FreeText(field, text, bytes_min, bytes_max);
  }

  void FreeText(const FieldPath& field, const std::string& text, size_t bytes_min, size_t bytes_max) {
    if (bytes_min > 0 && text.empty()) {
      Add(field, "is required");
    } else if (text.size() > bytes_max) {
      Add(field, fmt::format("must be at most {} bytes, is {}", bytes_max, text.size()));
    } else if (!IsUtf8(text)) {
      Add(field, "must be UTF-8");
    }
  }

  void Range(const FieldPath& field, int64_t value, int64_t min, int64_t max) {
    if (value < min || value > max) Add(field, fmt::format("must be {} to {}, is {}", min, max, value));
  }

  void Region(const FieldPath& field, const std::string& region) {
    if (!IsRegionPath(region)) {
      Add(field,
          "must be up to 8 non-empty segments separated by \"/\", 128 bytes of UTF-8 without control characters");
    }
  }

  void Id(const FieldPath& field, const std::string& id) {
    if (!IsSnakeId(id)) Add(field, "must be lower snake case, 1 to 64 bytes: [a-z][a-z0-9_]*");
  }

  // An amount of its own, of `micros_min` or more.
  void Sum(const FieldPath& field, bool is_set, const events::v1::Money& money, int64_t micros_min) {
    if (!is_set) return Add(field, "is required");
    if (!IsCurrencyCode(money.currency_code())) {
      Add(field.Field("currency_code"), "must be three capital letters (ISO 4217)");
    }
    Range(field.Field("micros"), money.micros(), micros_min, kMoneyMicrosMax);
  }

  // As Sum, but it may be absent.
  void OptionalSum(const FieldPath& field, bool is_set, const events::v1::Money& money, int64_t micros_min) {
    if (is_set) Sum(field, true, money, micros_min);
  }

  // As Id, but it may be empty.
  void OptionalId(const FieldPath& field, const std::string& id) {
    if (!id.empty()) Id(field, id);
  }

  void AccountId(const FieldPath& field, const std::string& id) {
    if (!IsAccountId(id)) Add(field, "must be 1 to 128 bytes of [A-Za-z0-9._~:@/-], the first alphanumeric");
  }

  // Ids of people, contacts and the like: `count_min` to `count_max`, distinct, 1 to 128 bytes each.
  template <typename Strings>
  void Ids(const FieldPath& path, std::string_view name, const Strings& ids, int count_min, int count_max) {
    if (!Count(path.Field(name), ids.size(), count_min, count_max)) return;
    std::set<std::string_view> seen;
    for (int i = 0; i < ids.size(); ++i) {
      Text(path.Field(name, i), ids[i], 1, 128);
      if (!seen.insert(ids[i]).second) Add(path.Field(name, i), fmt::format("'{}' is given twice", ids[i]));
    }
  }

  // Whether an enumeration holds a value that it has, other than the unspecified one, 0.
  template <typename Enum>
  void Named(const FieldPath& field, Enum value, bool (*is_valid)(int)) {
    if (static_cast<int>(value) == 0) {
      Add(field, "is required");
    } else {
      Known(field, value, is_valid);
    }
  }
  // As Named, but 0 is accepted.
  template <typename Enum>
  void Known(const FieldPath& field, Enum value, bool (*is_valid)(int)) {
    if (!is_valid(value)) Add(field, "is not a value of this enumeration");
  }

  // A required moment; returns false if it is none.
  bool Moment(const FieldPath& field, bool is_set, const google::protobuf::Timestamp& time) {
    if (!is_set) {
      Add(field, "is required");
      return false;
    }
    if (IsExactTimestamp(time)) return true;
    Add(field, "must be from 0001 to 9999, in whole microseconds");
    return false;
  }
  // As Moment, but it may be absent.
  void OptionalMoment(const FieldPath& field, bool is_set, const google::protobuf::Timestamp& time) {
    if (is_set) Moment(field, true, time);
  }

  // start_time and end_time of the message at `path`: both required, at most so many days apart.
  template <typename Message>
  void Stretch(const FieldPath& path, const Message& message, int64_t days_max) {
    const bool start = Moment(path.Field("start_time"), message.has_start_time(), message.start_time());
    const bool end = Moment(path.Field("end_time"), message.has_end_time(), message.end_time());
    if (!start || !end) return;
    const Micros length = MicrosOf(message.end_time()) - MicrosOf(message.start_time());
    if (length <= 0) {
      Add(path.Field("end_time"), "must be later than start_time");
    } else if (length > days_max * kMicrosPerDay) {
      Add(path.Field("end_time"), fmt::format("must be at most {} days after start_time", days_max));
    }
  }

 private:
  // Violations that are kept and told: enough for a person to see what is going on, and small enough for a status on
  // the wire. The rest are counted.
  static constexpr size_t kViolationsMax = 32;

  static bool HasControl(std::string_view text) {
    for (const char c : text) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
    }
    return false;
  }

  // At most kViolationsMax, of count_.
  std::vector<std::pair<std::string, std::string>> violations_;
  size_t count_ = 0;
};

}  // namespace keyledger::domain
