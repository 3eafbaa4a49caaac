// The shape of a submitted event: every rule written beside the fields in events/v1/event.proto. See ValidateFact in
// decide.h.
#include <cstdlib>
#include <set>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/decide.h"
#include "server/domain/program_check.h"
#include "server/domain/proto_time.h"
#include "server/domain/unknown_fields.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;

constexpr int kLinesMax = 500;
constexpr int64_t kQuantityMax = 1'000'000'000;
constexpr int64_t kPointsMax = 1'000'000'000'000;
constexpr size_t kCustomDataBytesMax = 64 * 1024;
// Enough for a person to see what is going on, and small enough for a status on the wire.
constexpr size_t kViolationsMax = 32;

bool HasControl(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
  }
  return false;
}

class Validator {
 public:
  explicit Validator(std::string path) : root_(std::move(path)) {}

  // The result: every violation of a field, the first of them in the message.
  absl::Status Result() const {
    if (violations_.empty()) return absl::OkStatus();
    const auto& [field, description] = violations_.front();
    std::string message = fmt::format("{}: {}", field, description);
    if (violations_.size() > 1) message += fmt::format(" (and {} more)", violations_.size() - 1);
    absl::Status status = MakeError(Reason::kInvalidField, message);
    for (size_t i = 0; i < violations_.size() && i < kViolationsMax; ++i) {
      AddField(status, violations_[i].first, violations_[i].second);
    }
    return status;
  }

  void Validate(const Event& event) {
    FindUnknownFields(event, root_, [this](const std::string& path, int number) {
      Add(path, fmt::format("holds field number {}, which this ledger does not know", number));
    });
    switch (event.payload_case()) {
      case Event::kAccountOpened:
        return Opened(root_ + ".account_opened", event.account_opened());
      case Event::kAccountFactsUpdated:
        return FactsUpdated(root_ + ".account_facts_updated", event.account_facts_updated());
      case Event::kAccountClosed:
        return FreeText(root_ + ".account_closed.reason", event.account_closed().reason(), 1, 512);
      case Event::kAccountReopened:
        return FreeText(root_ + ".account_reopened.reason", event.account_reopened().reason(), 1, 512);
      case Event::kPurchaseRecorded:
        return Purchase(root_ + ".purchase_recorded", event.purchase_recorded());
      case Event::kPurchaseReturned:
        return Return(root_ + ".purchase_returned", event.purchase_returned());
      case Event::kPointsRedeemed:
        return Redeemed(root_ + ".points_redeemed", event.points_redeemed());
      case Event::kPointsAdjusted:
        return Adjusted(root_ + ".points_adjusted", event.points_adjusted());
      case Event::kCustomEvent:
        return Custom(root_ + ".custom_event", event.custom_event());
      default:
        return;
    }
  }

 private:
  using Money = events::v1::Money;

  void Add(std::string field, std::string description) {
    violations_.emplace_back(std::move(field), std::move(description));
  }

  // One line: for ids, names and codes.
  void Text(const std::string& field, const std::string& text, size_t bytes_min, size_t bytes_max) {
    if (HasControl(text)) Add(field, "must not hold control characters");
    FreeText(field, text, bytes_min, bytes_max);
  }

  void FreeText(const std::string& field, const std::string& text, size_t bytes_min, size_t bytes_max) {
    if (bytes_min > 0 && text.empty()) {
      Add(field, "is required");
    } else if (text.size() > bytes_max) {
      Add(field, fmt::format("must be at most {} bytes, is {}", bytes_max, text.size()));
    } else if (!IsUtf8(text)) {
      Add(field, "must be UTF-8");
    }
  }

  void Range(const std::string& field, int64_t value, int64_t min, int64_t max) {
    if (value < min || value > max) Add(field, fmt::format("must be {} to {}, is {}", min, max, value));
  }

  void Region(const std::string& field, const std::string& region) {
    if (!IsRegionPath(region)) {
      Add(field,
          "must be up to 8 non-empty segments separated by \"/\", 128 bytes of UTF-8 without control characters");
    }
  }

  void OutputOnly(const std::string& field, bool set) {
    if (set) Add(field, "is written by the ledger and must not be set");
  }

  // An amount from zero up; `currency` is that of the amounts before it, and set by the first.
  void Amount(const std::string& field, const Money& amount, std::string& currency) {
    if (!IsCurrencyCode(amount.currency_code())) {
      Add(field + ".currency_code", "must be three capital letters (ISO 4217)");
    } else if (currency.empty()) {
      currency = amount.currency_code();
    } else if (currency != amount.currency_code()) {
      Add(field + ".currency_code", fmt::format("must be {} as in the amounts before it", currency));
    }
    Range(field + ".micros", amount.micros(), 0, kMoneyMicrosMax);
  }

  void Facts(const std::string& field, const google::protobuf::RepeatedPtrField<events::v1::Fact>& facts,
             std::set<std::string>& keys) {
    if (facts.size() > static_cast<int>(kFactsMax))
      Add(field, fmt::format("must be at most {}, are {}", kFactsMax, facts.size()));
    for (int i = 0; i < facts.size(); ++i) {
      const std::string at = fmt::format("{}[{}]", field, i);
      if (!IsSnakeId(facts[i].key())) Add(at + ".key", "must be lower snake case, 1 to 64 bytes: [a-z][a-z0-9_]*");
      FreeText(at + ".value", facts[i].value(), 1, 1024);
      if (!keys.insert(facts[i].key()).second) Add(at + ".key", fmt::format("'{}' is given twice", facts[i].key()));
    }
  }

  void Opened(const std::string& path, const events::v1::AccountOpened& opened) {
    Text(path + ".display_name", opened.display_name(), 0, 256);
    Region(path + ".region", opened.region());
    Text(path + ".segment", opened.segment(), 0, 64);
    Text(path + ".owner", opened.owner(), 0, 128);
    std::set<std::string> keys;
    Facts(path + ".facts", opened.facts(), keys);
  }

  void FactsUpdated(const std::string& path, const events::v1::AccountFactsUpdated& updated) {
    if (!updated.has_display_name() && !updated.has_region() && !updated.has_segment() && !updated.has_owner() &&
        updated.set_facts().empty() && updated.removed_keys().empty()) {
      Add(path, "must set at least one field");
    }
    Text(path + ".display_name", updated.display_name(), 0, 256);
    Region(path + ".region", updated.region());
    Text(path + ".segment", updated.segment(), 0, 64);
    Text(path + ".owner", updated.owner(), 0, 128);
    std::set<std::string> keys;
    Facts(path + ".set_facts", updated.set_facts(), keys);
    if (updated.removed_keys_size() > static_cast<int>(kFactsMax)) {
      Add(path + ".removed_keys", fmt::format("must be at most {}, are {}", kFactsMax, updated.removed_keys_size()));
    }
    for (int i = 0; i < updated.removed_keys_size(); ++i) {
      const std::string at = fmt::format("{}.removed_keys[{}]", path, i);
      const std::string& key = updated.removed_keys(i);
      if (!IsSnakeId(key)) Add(at, "must be lower snake case, 1 to 64 bytes: [a-z][a-z0-9_]*");
      if (!keys.insert(key).second) Add(at, fmt::format("'{}' is given twice", key));
    }
  }

  void Purchase(const std::string& path, const events::v1::PurchaseRecorded& purchase) {
    Text(path + ".merchant_id", purchase.merchant_id(), 0, 64);
    Text(path + ".invoice_number", purchase.invoice_number(), 0, 64);
    if (purchase.merchant_id().empty() && !purchase.invoice_number().empty()) {
      Add(path + ".merchant_id", "is required with invoice_number");
    }
    Region(path + ".region", purchase.region());
    if (!events::v1::SaleMode_IsValid(purchase.sale_mode())) {
      Add(path + ".sale_mode", fmt::format("{} is no sale mode", static_cast<int>(purchase.sale_mode())));
    }
    if (purchase.lines().empty() || purchase.lines_size() > kLinesMax) {
      Add(path + ".lines", fmt::format("must be 1 to {}, are {}", kLinesMax, purchase.lines_size()));
    }
    std::string currency;
    for (int i = 0; i < purchase.lines_size(); ++i) {
      const auto& line = purchase.lines(i);
      const std::string at = fmt::format("{}.lines[{}]", path, i);
      Text(at + ".sku", line.sku(), 0, 64);
      Text(at + ".category", line.category(), 0, 64);
      Range(at + ".quantity", line.quantity(), 1, kQuantityMax);
      if (line.has_amount()) {
        Amount(at + ".amount", line.amount(), currency);
      } else {
        Add(at + ".amount", "is required");
      }
      if (line.has_cost()) Amount(at + ".cost", line.cost(), currency);
    }
  }

  void Return(const std::string& path, const events::v1::PurchaseReturned& returned) {
    Text(path + ".merchant_id", returned.merchant_id(), 0, 64);
    Text(path + ".return_number", returned.return_number(), 0, 64);
    Text(path + ".purchase_invoice_number", returned.purchase_invoice_number(), 0, 64);
    if (returned.merchant_id().empty() &&
        (!returned.return_number().empty() || !returned.purchase_invoice_number().empty())) {
      Add(path + ".merchant_id", "is required with return_number or purchase_invoice_number");
    }
    Region(path + ".region", returned.region());
    OutputOnly(path + ".purchase_revision", returned.has_purchase_revision());
    if (returned.lines().empty() || returned.lines_size() > kLinesMax) {
      Add(path + ".lines", fmt::format("must be 1 to {}, are {}", kLinesMax, returned.lines_size()));
    }
    std::string currency;
    for (int i = 0; i < returned.lines_size(); ++i) {
      const auto& line = returned.lines(i);
      const std::string at = fmt::format("{}.lines[{}]", path, i);
      Range(at + ".line_number", line.line_number(), 0, kLinesMax);
      Text(at + ".sku", line.sku(), 0, 64);
      Text(at + ".category", line.category(), 0, 64);
      Range(at + ".quantity", line.quantity(), 1, kQuantityMax);
      if (line.has_amount()) {
        Amount(at + ".amount", line.amount(), currency);
      } else {
        Add(at + ".amount", "is required");
      }
    }
  }

  void Redeemed(const std::string& path, const events::v1::PointsRedeemed& redeemed) {
    Range(path + ".points", redeemed.points(), 1, kPointsMax);
    Text(path + ".reward", redeemed.reward(), 0, 128);
    OutputOnly(path + ".allocations", !redeemed.allocations().empty());
  }

  void Adjusted(const std::string& path, const events::v1::PointsAdjusted& adjusted) {
    if (adjusted.points() == 0) Add(path + ".points", "must not be 0");
    Range(path + ".points", adjusted.points(), -kPointsMax, kPointsMax);
    FreeText(path + ".reason", adjusted.reason(), 1, 512);
    if (adjusted.has_expire_time()) {
      if (adjusted.points() < 0) Add(path + ".expire_time", "is for added points only");
      if (!IsExactTimestamp(adjusted.expire_time())) {
        Add(path + ".expire_time", "must be from 0001 to 9999, in whole microseconds");
      }
    }
    OutputOnly(path + ".allocations", !adjusted.allocations().empty());
  }

  void Custom(const std::string& path, const events::v1::CustomEvent& custom) {
    Text(path + ".type", custom.type(), 1, 256);
    Text(path + ".source", custom.source(), 0, 256);
    Text(path + ".content_type", custom.content_type(), 0, 128);
    Text(path + ".schema_uri", custom.schema_uri(), 0, 256);
  }

  const std::string root_;
  std::vector<std::pair<std::string, std::string>> violations_;
};

}  // namespace

absl::Status ValidateFact(const Event& event, const std::string& field) {
  if (event.payload_case() == Event::PAYLOAD_NOT_SET) {
    absl::Status status = MakeError(Reason::kUnknownEvent, fmt::format("{}: holds no event this ledger knows", field));
    AddField(status, field, "must hold one of the facts of keyledger.events.v1.Event");
    return status;
  }
  if (event.payload_case() >= Event::kPointsAccrued) {
    const std::string name = Event::descriptor()->FindFieldByNumber(static_cast<int>(event.payload_case()))->name();
    absl::Status status =
        MakeError(Reason::kDecisionNotAccepted, fmt::format("{}.{}: only the ledger derives this event", field, name));
    AddField(status, field + "." + name, "is derived by the ledger and cannot be submitted");
    return status;
  }
  if (event.has_custom_event() && event.custom_event().data().size() > kCustomDataBytesMax) {
    absl::Status status = MakeError(Reason::kPayloadTooLarge,
                                    fmt::format("{}.custom_event.data: {} bytes, at most {} are accepted", field,
                                                event.custom_event().data().size(), kCustomDataBytesMax));
    AddField(status, field + ".custom_event.data", fmt::format("must be at most {} bytes", kCustomDataBytesMax));
    return status;
  }
  Validator validator(field);
  validator.Validate(event);
  return validator.Result();
}

}  // namespace keyledger::domain
