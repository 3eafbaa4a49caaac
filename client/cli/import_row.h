// Import rows: from the fields of a file to a purchase or return, exactly, with a reason for every row that is none.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "client/cli/date_format.h"
#include "client/cli/row_reader.h"
#include "keyledger/ledger/v1/ledger_service.pb.h"

namespace keyledger::cli {

// How rows are read.
struct ImportOptions {
  // Column numbers from 1, by name: account_id, occurred, units, amount, invoice, merchant, region, category, sku,
  // cost.
  std::map<std::string, size_t> columns;
  Separator separator = Separator::kComma;
  bool header = false;
  std::string date_format = "%Y-%m-%d";
  std::string time_zone = "UTC";
  std::string currency = "USD";
  // An invoice number that starts so marks a return. Empty: none does.
  std::string returns_prefix;
  // Micros that one unit of the amount and cost columns is worth: 1,000,000 (unit), 10,000 (cent), 1,000 (milli) or 1
  // (micro).
  int64_t amount_unit_micros = 1'000'000;
  bool skip_zero_amount = false;
  // Merchant of rows without one. Empty: "import" for rows with an invoice number.
  std::string merchant;
  std::string account_prefix;
  std::string actor;
};

// Parses --columns ("account_id=2,occurred=3"). Returns what is wrong, or "": unknown or repeated names, numbers that
// are none, account_id, occurred or amount missing.
std::string ParseColumns(std::string_view text, std::map<std::string, size_t>& columns);

// The same for columns of other names. `names` may be given, `required` must be.
std::string ParseColumns(std::string_view text, const std::vector<std::string_view>& names,
                         const std::vector<std::string_view>& required, std::map<std::string, size_t>& columns);

// As the server checks it: 1 to 128 bytes of [A-Za-z0-9._~:@/-], the first alphanumeric.
bool IsAccountId(std::string_view id);

// What a row says.
struct ImportRow {
  std::string account_id;
  int64_t occurred_micros = 0;
  std::string merchant_id;
  std::string invoice_number;
  std::string region;
  std::string category;
  std::string sku;
  // At least 1.
  int64_t quantity = 1;
  // Zero or more.
  int64_t amount_micros = 0;
  std::optional<int64_t> cost_micros;
  bool is_return = false;
};

// Reads rows. A row is a return if its invoice number has the returns prefix, or its units or amount are negative;
// quantity and money then are absolute values. Units that are missing or 0 mean a quantity of 1. Threads: immutable.
class ImportRowParser {
 public:
  // Nothing if the date format or time zone is wrong; `error` says how.
  static std::optional<ImportRowParser> Make(const ImportOptions& options, std::string& error);

  // Returns the row, or why it is none.
  std::variant<ImportRow, std::string> Parse(const Row& row) const;

 private:
  ImportRowParser(const ImportOptions& options, DateFormat dates) : options_(options), dates_(std::move(dates)) {}
  // "" if the column is not mapped; nothing if the row is too short.
  std::optional<std::string> Field(const Row& row, const std::string& name) const;

  ImportOptions options_;
  DateFormat dates_;
};

// Gives each row the request id it has in every run: of merchant and invoice number where there is one, otherwise of
// the row's text and how often that text came before, so that equal rows of one file stay distinct and a second run
// repeats the first. Threads: thread-compatible. Memory: 16 bytes or so for each distinct row without an invoice
// number.
class RowIds {
 public:
  std::string Next(const ImportRow& row, std::string_view text);

 private:
  std::unordered_map<uint64_t, uint32_t> occurrences_;
};

// Returns the append of one row.
::keyledger::ledger::v1::AppendRequest MakeRowRequest(const ImportRow& row, const ImportOptions& options,
                                                      std::string request_id);

// Returns the append that opens an account; its request id is the same in every run.
::keyledger::ledger::v1::AppendRequest MakeOpenRequest(const std::string& account_id, int64_t open_micros,
                                                       const ImportOptions& options);

}  // namespace keyledger::cli
