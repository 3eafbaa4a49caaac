#include "server/base/error.h"

#include <algorithm>
#include <charconv>

#include <absl/strings/cord.h>
#include <fmt/format.h>

#include "server/base/check.h"

namespace keyledger {
namespace {

constexpr char kReasonUrl[] = "keyledger/reason";
constexpr char kRetryUrl[] = "keyledger/retry-ms";
constexpr std::string_view kFieldUrl = "keyledger/field/";
constexpr std::string_view kMetadataUrl = "keyledger/metadata/";

// absl's string_view is another type than the standard one.
std::string_view View(absl::string_view text) { return {text.data(), text.size()}; }

int IntPayload(const absl::Status& status, const char* url) {
  auto payload = status.GetPayload(url);
  if (!payload.has_value()) return 0;
  const std::string text(*payload);
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// Payload urls of one kind sort by their running number, so that order of addition is kept.
void AddPair(absl::Status& status, std::string_view kind, std::string_view key, std::string_view value) {
  KL_CHECK(!status.ok());
  int count = 0;
  status.ForEachPayload(
      [&](absl::string_view url, const absl::Cord&) { count += View(url).starts_with(kind) ? 1 : 0; });
  std::string payload(key);
  payload += '\0';
  payload += value;
  status.SetPayload(fmt::format("{}{:04}", kind, count), absl::Cord(payload));
}

std::vector<std::pair<std::string, std::string>> Pairs(const absl::Status& status, std::string_view kind) {
  std::vector<std::pair<std::string, std::string>> numbered;
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    if (View(url).starts_with(kind)) numbered.emplace_back(std::string(View(url)), std::string(payload));
  });
  std::sort(numbered.begin(), numbered.end());
  for (auto& [first, second] : numbered) {
    const size_t zero = second.find('\0');
    first = second.substr(0, zero);
    second = second.substr(zero + 1);
  }
  return numbered;
}

}  // namespace

absl::StatusCode CodeOf(Reason reason) {
  const int value = static_cast<int>(reason);
  if (value == 0) return absl::StatusCode::kInternal;
  if (value < 20) return absl::StatusCode::kInvalidArgument;
  if (value < 40) return absl::StatusCode::kNotFound;
  if (value < 60) return absl::StatusCode::kAlreadyExists;
  if (value < 80) return absl::StatusCode::kAborted;
  if (value < 100) return absl::StatusCode::kFailedPrecondition;
  if (value < 120) return absl::StatusCode::kResourceExhausted;
  if (reason == Reason::kProjectionBehind) return absl::StatusCode::kDeadlineExceeded;
  if (value < 140) return absl::StatusCode::kUnavailable;
  if (value < 160) return absl::StatusCode::kDataLoss;
  return absl::StatusCode::kFailedPrecondition;
}

absl::Status MakeError(Reason reason, const std::string& message) {
  absl::Status status(CodeOf(reason), message);
  status.SetPayload(kReasonUrl, absl::Cord(std::to_string(static_cast<int>(reason))));
  return status;
}

absl::Status FieldError(std::string_view field, const std::string& description) {
  absl::Status status = MakeError(Reason::kInvalidField, fmt::format("{}: {}", field, description));
  AddField(status, field, description);
  return status;
}

void AddField(absl::Status& status, std::string_view field, std::string_view description) {
  AddPair(status, kFieldUrl, field, description);
}

void AddMetadata(absl::Status& status, std::string_view key, std::string_view value) {
  AddPair(status, kMetadataUrl, key, value);
}

void SetRetryDelayMs(absl::Status& status, int ms) { status.SetPayload(kRetryUrl, absl::Cord(std::to_string(ms))); }

Reason ReasonOf(const absl::Status& status) { return static_cast<Reason>(IntPayload(status, kReasonUrl)); }

std::vector<std::pair<std::string, std::string>> FieldsOf(const absl::Status& status) {
  return Pairs(status, kFieldUrl);
}

std::vector<std::pair<std::string, std::string>> MetadataOf(const absl::Status& status) {
  return Pairs(status, kMetadataUrl);
}

int RetryDelayMsOf(const absl::Status& status) { return IntPayload(status, kRetryUrl); }

std::string MessageOf(const absl::Status& status) { return std::string(View(status.message())); }

}  // namespace keyledger
