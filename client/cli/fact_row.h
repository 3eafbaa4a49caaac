// Fact rows: from the fields of a file to facts of the relationship, one kind of fact a file, with a reason for every
// row that is none.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "client/cli/import_row.h"
#include "keyledger/events/v1/event.pb.h"

namespace keyledger::cli {

// A kind of fact and its columns, beside account_id and occurred. Columns up to `required` must be given and hold a
// value; the others may be missing or empty.
struct FactKind {
  std::string_view name;
  std::array<std::string_view, 15> columns;
  size_t required = 0;
};

inline constexpr std::array<FactKind, 18> kFactKinds = {
    {{"survey", {"kind", "score", "survey", "contact"}, 2},
     {"budget", {"from", "until", "amount", "basis", "category", "source"}, 4},
     {"supplier-rank", {"place", "suppliers", "source"}, 2},
     {"cost", {"purpose", "amount", "kind", "description"}, 2},
     {"referral", {"source", "referrer"}, 1},
     {"club-join", {"club"}, 1},
     {"club-leave", {"club", "reason"}, 1},
     {"competitor", {"competitor", "kind", "description"}, 2},
     {"contract-sign", {"contract", "from", "until", "value", "kind"}, 3},
     {"contract-renew", {"contract", "until", "value"}, 2},
     {"contract-end", {"contract", "ending", "reason"}, 2},
     {"interaction",
      {"kind", "by", "contact", "purpose", "preparation", "result", "next", "next_by", "next_kind", "interest", "cost",
       "minutes", "activity", "opportunity", "id"},
      2},
     {"interaction-plan", {"id", "kind", "start", "by", "contact", "purpose", "preparation", "activity"}, 4},
     {"interaction-miss", {"id", "cause", "reason", "until"}, 2},
     {"need", {"need", "what", "category", "purpose", "quantity", "by_time", "contact"}, 2},
     {"score", {"key", "score", "by", "basis"}, 2},
     {"issue", {"id", "kind", "what", "due", "person", "contact", "severity"}, 3},
     {"owner", {"role", "person", "rank", "reason"}, 2}}};

// Nothing if there is no such kind.
const FactKind* FindFactKind(std::string_view name);

// "account_id, occurred, kind, score and as there are survey, contact".
std::string FactColumns(const FactKind& kind);

// What a row says.
struct FactRow {
  std::string account_id;
  int64_t occurred_micros = 0;
  events::v1::Event event;
};

// Reads rows of one kind. Values are written as the options of `keyledger survey answer`, `interaction make` and so on;
// amounts and times as the import's options say. Several people or contacts are separated by ";". Threads: immutable.
class FactRowParser {
 public:
  // Nothing if a column is unknown or missing, the date format or the time zone is wrong; `error` says which.
  static std::optional<FactRowParser> Make(const FactKind& kind, std::string_view columns, ImportOptions options,
                                           std::string& error);

  // Returns the row, or why it is none.
  std::variant<FactRow, std::string> Parse(const Row& row) const;

 private:
  FactRowParser(const FactKind& kind, ImportOptions options, DateFormat dates)
      : kind_(kind), options_(std::move(options)), dates_(std::move(dates)) {}

  const FactKind& kind_;
  ImportOptions options_;
  DateFormat dates_;
};

}  // namespace keyledger::cli
