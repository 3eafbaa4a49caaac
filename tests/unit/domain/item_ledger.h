// ItemLedger: an account and short ways to submit steps of items to it, for tests of what is taken and what is refused.
#pragma once

#include <string>

#include <fmt/format.h>

#include "server/domain/items.h"
#include "tests/unit/domain/account_ledger.h"
#include "tests/unit/domain/fact_text.h"

namespace keyledger::domain {

class ItemLedger {
 public:
  // `yaml`: of a program; the account is opened on `open`.
  explicit ItemLedger(const std::string& yaml = Head(), const std::string& open = "2026-01-01") : ledger_(yaml) {
    EXPECT_TRUE(ledger_.Submit({AccountLedger::Open(At(open))}).ok());
  }

  AccountLedger& ledger() { return ledger_; }
  const AccountState& state() const { return ledger_.state(); }

  // Submits the event that `text` says. Returns "ok", or the message of the refusal without the event's place.
  std::string Do(const std::string& at, const std::string& text) { return Submit(FactOf(At(at), text)); }
  std::string Submit(const Fact& fact) {
    result_ = ledger_.Submit({fact});
    if (result_.ok()) {
      AccountState folded;
      for (const DecidedEvent& event : ledger_.log()) {
        EXPECT_TRUE(Evolve(folded, event.event, event.occurred).ok());
      }
      EXPECT_EQ(folded, state()) << "the records fold to what was decided";
      return "ok";
    }
    const std::string message = MessageOf(result_.status());
    return message.starts_with("events[0]") ? message.substr(message.find(' ') + 1) : message;
  }

  // Of the last request: why it was refused, with metadata as "k=v;"; the field it was about; what it recorded.
  Reason reason() const { return ReasonOf(result_.status()); }
  std::string metadata() const {
    std::string text;
    for (const auto& [key, value] : MetadataOf(result_.status())) text += key + "=" + value + ";";
    return text;
  }
  std::string field() const {
    const auto fields = FieldsOf(result_.status());
    return fields.empty() ? "" : fields.front().first;
  }
  const std::vector<DecidedEvent>& recorded() const { return *result_; }

  // "draft", or "" if no item of that id is open.
  std::string StateOf(ItemKind kind, const std::string& id) const {
    const auto item = state().items.find({kind, id});
    return item == state().items.end() ? "" : std::string(StateName(kind, item->second.state));
  }

 private:
  AccountLedger ledger_;
  absl::StatusOr<std::vector<DecidedEvent>> result_ = std::vector<DecidedEvent>();
};

}  // namespace keyledger::domain
