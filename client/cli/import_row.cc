// Rows to events. See import_row.h.
#include "client/cli/import_row.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <fmt/format.h>

#include "client/cli/text.h"
#include "keyledger/ledger/v1/ledger_service.pb.h"

namespace keyledger::cli {
namespace {

namespace v1 = ::keyledger::ledger::v1;
namespace ev = ::keyledger::events::v1;

constexpr std::array<std::string_view, 10> kColumns = {"account_id", "occurred", "units",    "amount", "invoice",
                                                       "merchant",   "region",   "category", "sku",    "cost"};
constexpr size_t kColumnMax = 10'000;

void SetMoney(ev::Money* money, const std::string& currency, int64_t micros) {
  money->set_currency_code(currency);
  money->set_micros(micros);
}

}  // namespace

bool IsAccountId(std::string_view id) {
  const auto alphanumeric = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  };
  return !id.empty() && id.size() <= 128 && alphanumeric(id[0]) && std::all_of(id.begin(), id.end(), [&](char c) {
    return alphanumeric(c) || std::string_view("._~:@/-").find(c) != std::string_view::npos;
  });
}

std::string ParseColumns(std::string_view text, std::map<std::string, size_t>& columns) {
  return ParseColumns(text, {kColumns.begin(), kColumns.end()}, {"account_id", "occurred", "amount"}, columns);
}

std::string ParseColumns(std::string_view text, const std::vector<std::string_view>& names,
                         const std::vector<std::string_view>& required, std::map<std::string, size_t>& columns) {
  columns.clear();
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view item = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    const size_t equals = item.find('=');
    const std::string name(item.substr(0, equals));
    if (equals == std::string_view::npos || std::find(names.begin(), names.end(), name) == names.end()) {
      return fmt::format("--columns: '{}' is not one of {}=NUMBER", item, fmt::join(names, "=NUMBER, "));
    }
    const std::optional<int64_t> number = ParseInteger(item.substr(equals + 1));
    if (!number || *number < 1 || *number > static_cast<int64_t>(kColumnMax)) {
      return fmt::format("--columns: '{}' needs a column number from 1 to {}", item, kColumnMax);
    }
    if (!columns.emplace(name, static_cast<size_t>(*number)).second) {
      return fmt::format("--columns: {} is given twice", name);
    }
  }
  for (const std::string_view name : required) {
    if (columns.count(std::string(name)) == 0) {
      return fmt::format("--columns: {} is required", name);
    }
  }
  return "";
}

std::optional<ImportRowParser> ImportRowParser::Make(const ImportOptions& options, std::string& error) {
  std::optional<DateFormat> dates = DateFormat::Make(options.date_format, options.time_zone, error);
  if (!dates) {
    return std::nullopt;
  }
  return ImportRowParser(options, std::move(*dates));
}

std::optional<std::string> ImportRowParser::Field(const Row& row, const std::string& name) const {
  const auto column = options_.columns.find(name);
  if (column == options_.columns.end()) {
    return "";
  }
  if (column->second > row.fields.size()) {
    return std::nullopt;
  }
  return std::string(Trim(row.fields[column->second - 1]));
}

std::variant<ImportRow, std::string> ImportRowParser::Parse(const Row& row) const {
  if (!row.error.empty()) {
    return row.error;
  }
  std::map<std::string, std::string> fields;
  for (const std::string_view name : kColumns) {
    std::optional<std::string> field = Field(row, std::string(name));
    if (!field) {
      return fmt::format("column {} ({}) is missing: the row has {}", options_.columns.at(std::string(name)), name,
                         row.fields.size());
    }
    fields[std::string(name)] = std::move(*field);
  }
  ImportRow result;
  if (fields["account_id"].empty()) {
    return "account_id is empty";
  }
  result.account_id = options_.account_prefix + fields["account_id"];
  if (!IsAccountId(result.account_id)) {
    return fmt::format("account_id '{}' is none: 1 to 128 of A-Z a-z 0-9 . _ ~ : @ / -, the first a letter or digit",
                       result.account_id);
  }
  const std::optional<int64_t> occurred = dates_.Parse(fields["occurred"]);
  if (!occurred) {
    return fmt::format("occurred '{}' does not match {}", fields["occurred"], options_.date_format);
  }
  result.occurred_micros = *occurred;
  const std::optional<int64_t> units = fields["units"].empty() ? 0 : ParseInteger(fields["units"]);
  if (!units) {
    return fmt::format("units '{}' is no whole number", fields["units"]);
  }
  const std::optional<int64_t> amount = ParseMicros(fields["amount"], options_.amount_unit_micros);
  if (!amount) {
    return fmt::format("amount '{}' is no decimal number, finer than a millionth, or out of range", fields["amount"]);
  }
  if (!fields["cost"].empty()) {
    result.cost_micros = ParseMicros(fields["cost"], options_.amount_unit_micros);
    if (!result.cost_micros) {
      return fmt::format("cost '{}' is no decimal number, finer than a millionth, or out of range", fields["cost"]);
    }
    result.cost_micros = std::abs(*result.cost_micros);
  }
  result.invoice_number = fields["invoice"];
  const bool prefixed = !options_.returns_prefix.empty() &&
                        result.invoice_number.compare(0, options_.returns_prefix.size(), options_.returns_prefix) == 0;
  result.is_return = prefixed || *units < 0 || *amount < 0;
  result.quantity = *units == 0 ? 1 : std::abs(*units);
  result.amount_micros = std::abs(*amount);
  result.merchant_id = !fields["merchant"].empty() ? fields["merchant"] : options_.merchant;
  if (result.merchant_id.empty() && !result.invoice_number.empty()) {
    result.merchant_id = "import";
  }
  result.region = fields["region"];
  result.category = fields["category"];
  result.sku = fields["sku"];
  return result;
}

std::string RowIds::Next(const ImportRow& row, std::string_view text) {
  if (!row.invoice_number.empty()) {
    return "import-" + StableHash(fmt::format("invoice\n{}\n{}", row.merchant_id, row.invoice_number));
  }
  const std::string hash = StableHash(fmt::format("row\n{}", text));
  // Two texts that share the first half of their hash share a counter: their ids stay distinct and the same in every
  // run.
  const uint32_t occurrence = ++occurrences_[std::stoull(hash.substr(0, 16), nullptr, 16)];
  return fmt::format("import-{}-{}", hash, occurrence);
}

v1::AppendRequest MakeRowRequest(const ImportRow& row, const ImportOptions& options, std::string request_id) {
  v1::AppendRequest request;
  request.set_account_id(row.account_id);
  request.set_request_id(std::move(request_id));
  request.mutable_expected_revision()->mutable_any();
  request.set_actor(options.actor);
  request.set_view(v1::APPEND_VIEW_BASIC);
  v1::SubmittedEvent& submitted = *request.add_events();
  *submitted.mutable_occurred_time() = TimestampFromMicros(row.occurred_micros);
  if (row.is_return) {
    ev::PurchaseReturned& returned = *submitted.mutable_event()->mutable_purchase_returned();
    returned.set_merchant_id(row.merchant_id);
    returned.set_return_number(row.invoice_number);
    returned.set_region(row.region);
    ev::ReturnLine& line = *returned.add_lines();
    line.set_sku(row.sku);
    line.set_category(row.category);
    line.set_quantity(row.quantity);
    SetMoney(line.mutable_amount(), options.currency, row.amount_micros);
    return request;
  }
  ev::PurchaseRecorded& purchase = *submitted.mutable_event()->mutable_purchase_recorded();
  purchase.set_merchant_id(row.merchant_id);
  purchase.set_invoice_number(row.invoice_number);
  purchase.set_region(row.region);
  ev::PurchaseLine& line = *purchase.add_lines();
  line.set_sku(row.sku);
  line.set_category(row.category);
  line.set_quantity(row.quantity);
  SetMoney(line.mutable_amount(), options.currency, row.amount_micros);
  if (row.cost_micros) {
    SetMoney(line.mutable_cost(), options.currency, *row.cost_micros);
  }
  return request;
}

v1::AppendRequest MakeOpenRequest(const std::string& account_id, int64_t open_micros, const ImportOptions& options) {
  v1::AppendRequest request;
  request.set_account_id(account_id);
  request.set_request_id("import-open");
  request.mutable_expected_revision()->mutable_any();
  request.set_actor(options.actor);
  request.set_view(v1::APPEND_VIEW_BASIC);
  v1::SubmittedEvent& submitted = *request.add_events();
  *submitted.mutable_occurred_time() = TimestampFromMicros(open_micros);
  submitted.mutable_event()->mutable_account_opened();
  return request;
}

}  // namespace keyledger::cli
