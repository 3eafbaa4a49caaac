// Random steps of every machine of items, in and out of order and time: what the ledger takes and refuses against a
// model with a table and rules of its own; what was recorded folds to what was decided, and the state can be stored
// after every step. Seeds are fixed, so a failure repeats; KL_PROPERTY_SEED runs one seed and KL_PROPERTY_RUNS another
// number of them.
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <tuple>

#include <fmt/format.h>

#include "server/domain/items.h"
#include "tests/unit/domain/account_ledger.h"
#include "tests/unit/domain/fact_text.h"

namespace keyledger::domain {
namespace {

// Kind, state ("-": not open), step, state after it; "*": the item decides.
constexpr char kTable[] = R"(
interaction - planned planned      interaction planned made -         interaction planned missed -
interaction planned postponed planned
opportunity - opened lead          opportunity lead lead lead         opportunity lead qualified qualified
opportunity qualified lead lead    opportunity qualified qualified qualified
opportunity qualified solution solution                               opportunity solution qualified qualified
opportunity solution solution solution                                opportunity solution negotiation negotiation
opportunity negotiation solution solution                             opportunity negotiation negotiation negotiation
opportunity negotiation won -
opportunity lead lost -            opportunity qualified lost -       opportunity solution lost -
opportunity negotiation lost -     opportunity lead dropped -         opportunity qualified dropped -
opportunity solution dropped -     opportunity negotiation dropped -
quote - proposed *                 quote in_approval revised *        quote approved revised *
quote refused revised *            quote entered revised *            quote cleared revised *
quote issued revised *             quote in_approval approval_requested in_approval
quote in_approval approval_given approved                             quote in_approval approval_refused refused
quote approved entered entered     quote entered product_cleared *    quote entered legal_cleared *
quote entered finance_cleared *    quote cleared issued issued        quote issued confirmed confirmed
quote confirmed payment_met payment_met                               quote payment_met conditions_met conditions_met
quote conditions_met production_started -
quote in_approval withdrawn -      quote approved withdrawn -         quote refused withdrawn -
quote entered withdrawn -          quote cleared withdrawn -          quote issued withdrawn -
quote confirmed withdrawn -        quote issued declined -            quote confirmed declined -
quote approved expired -           quote entered expired -            quote cleared expired -
quote issued expired -
issue - opened open                issue open answered answered       issue open escalated escalated
issue open resolved resolved       issue open withdrawn -             issue answered escalated escalated
issue answered resolved resolved   issue answered withdrawn -         issue escalated answered answered
issue escalated resolved resolved  issue escalated withdrawn -        issue resolved open open
issue resolved closed -
plan - drafted draft               plan draft agreed agreed           plan draft ended -
plan agreed agreed agreed          plan agreed reviewed agreed        plan agreed ended -
promise - published open           promise open kept *                promise open broken *
promise open withdrawn -
entitlement - granted open         entitlement open used open         entitlement open revoked -
obligation - agreed open           obligation open ended -
loan - issued out                  loan out returned *
commission - accrued open          commission open paid -             commission open refused -
handover - given open              handover open acknowledged -
order - placed open                order open delivered -             order open cancelled -
sanction - imposed open            sanction open lifted -
contract - signed running          contract running renewed running   contract running amended running
contract running breached breached contract running ended -           contract breached amended running
contract breached breached breached                                   contract breached ended -
)";

// Kind, step, and the event, with ID, a number N and a moment T in seconds.
const std::vector<std::vector<std::string>> kEvents = {
    {"interaction", "planned",
     "interaction_planned { interaction_id: 'ID' kind: INTERACTION_KIND_PHONE people: 'km' start_time { seconds: 1 } "
     "}"},
    {"interaction", "made", "interaction_made { interaction_id: 'ID' kind: INTERACTION_KIND_PHONE people: 'km' }"},
    {"interaction", "missed", "interaction_missed { interaction_id: 'ID' cause: MISSED_CAUSE_OURS }"},
    {"interaction", "postponed",
     "interaction_missed { interaction_id: 'ID' cause: MISSED_CAUSE_POSTPONED new_start_time { seconds: T } }"},
    {"opportunity", "opened", "opportunity_opened { opportunity_id: 'ID' description: 'd' }"},
    {"quote", "proposed",
     "quote_proposed { quote_id: 'ID' proposer: 'a' proposer_role: 'sales' amount { currency_code: 'USD' } "
     "percent_milli: N000 }"},
    {"quote", "revised",
     "quote_revised { quote_id: 'ID' proposer: 'a' proposer_role: 'sales' amount { currency_code: 'USD' } "
     "percent_milli: N000 }"},
    {"quote", "approval_requested", "quote_approval_requested { quote_id: 'ID' role: 'manager' }"},
    {"quote", "approval_given", "quote_approval_given { quote_id: 'ID' role: 'manager' approver: 'b' }"},
    {"quote", "approval_refused",
     "quote_approval_refused { quote_id: 'ID' role: 'manager' approver: 'b' reason: 'r' }"},
    {"quote", "payment",
     "payment_received { amount { currency_code: 'USD' micros: 1 } method: 'transfer' quote_id: 'ID' }"},
    {"issue", "opened", "issue_opened { issue_id: 'ID' kind: ISSUE_KIND_REQUEST description: 'd' }"},
    {"plan", "drafted",
     "plan_drafted { plan_id: 'ID' description: 'd' start_time { seconds: 1 } end_time { seconds: 2 } }"},
    {"plan", "agreed", "plan_agreed { plan_id: 'ID' contact_ids: 'li' }"},
    {"plan", "reviewed", "plan_reviewed { plan_id: 'ID' note: 'n' }"},
    {"plan", "ended", "plan_ended { plan_id: 'ID' ending: PLAN_ENDING_COMPLETED }"},
    {"promise", "published", "promise_published { promise_id: 'ID' description: 'd' end_time { seconds: T } }"},
    {"promise", "published", "promise_published { promise_id: 'ID' description: 'd' due_time { seconds: T } }"},
    {"promise", "kept", "promise_kept { promise_id: 'ID' }"},
    {"promise", "broken", "promise_broken { promise_id: 'ID' reason: 'r' }"},
    {"promise", "withdrawn", "promise_withdrawn { promise_id: 'ID' }"},
    {"entitlement", "granted",
     "entitlement_granted { entitlement_id: 'ID' kind: 'k' quantity: N end_time { seconds: T } }"},
    {"entitlement", "used", "entitlement_used { entitlement_id: 'ID' quantity: 2 }"},
    {"entitlement", "revoked", "entitlement_revoked { entitlement_id: 'ID' reason: 'r' }"},
    {"obligation", "agreed",
     "obligation_agreed { obligation_id: 'ID' side: SIDE_ACCOUNT description: 'd' end_time { seconds: T } }"},
    {"obligation", "ended", "obligation_ended { obligation_id: 'ID' }"},
    {"loan", "issued",
     "loan_issued { loan_id: 'ID' item: 'm' quantity: 5 value { currency_code: 'USD' } due_time { seconds: T } }"},
    {"loan", "returned", "loan_returned { loan_id: 'ID' quantity: 2 }"},
    {"loan", "returned", "loan_returned { loan_id: 'ID' quantity: 1 }"},
    {"commission", "accrued",
     "commission_accrued { commission_id: 'ID' contact_id: 'li' amount { currency_code: 'USD' micros: 7 } }"},
    {"commission", "paid",
     "commission_paid { commission_id: 'ID' contact_id: 'li' amount { currency_code: 'USD' micros: 7 } }"},
    {"commission", "refused", "commission_refused { commission_id: 'ID' contact_id: 'li' reason: 'r' }"},
    {"handover", "given", "handover_given { handover_id: 'ID' from_person: 'a' to_person: 'b' what: 'w' }"},
    {"handover", "acknowledged", "handover_acknowledged { handover_id: 'ID' person: 'b' }"},
    {"order", "placed", "order_placed { order_id: 'ID' amount { currency_code: 'USD' } }"},
    {"order", "delivered", "order_ended { order_id: 'ID' ending: ORDER_ENDING_DELIVERED }"},
    {"order", "cancelled", "order_ended { order_id: 'ID' ending: ORDER_ENDING_CANCELLED }"},
    {"sanction", "imposed",
     "sanction_imposed { sanction_id: 'ID' violation_id: 'v' kind: 'k' person: 'p' end_time { seconds: T } }"},
    {"sanction", "lifted", "sanction_lifted { sanction_id: 'ID' reason: 'r' }"},
    {"contract", "signed", "contract_signed { contract_id: 'ID' start_time { seconds: 1 } end_time { seconds: T } }"},
    {"contract", "renewed", "contract_renewed { contract_id: 'ID' end_time { seconds: T } }"},
    {"contract", "amended", "contract_amended { contract_id: 'ID' description: 'd' end_time { seconds: T } }"},
    {"contract", "breached", "contract_breached { contract_id: 'ID' side: SIDE_ACCOUNT description: 'd' }"},
    {"contract", "ended", "contract_ended { contract_id: 'ID' ending: CONTRACT_ENDING_CANCELLED }"},
};

// Those of kEvents and one for each step of the protocol's enumerations.
std::vector<std::vector<std::string>> AllEvents() {
  std::vector<std::vector<std::string>> events = kEvents;
  const auto add = [&](const std::string& kind, const std::string& steps, const std::string& before) {
    std::istringstream words(steps);
    for (std::string step; words >> step;) {
      std::string name = step;
      for (char& c : name) c = static_cast<char>(std::toupper(c));
      events.push_back({kind, step, before + name + " }"});
    }
  };
  add("opportunity", "lead qualified solution negotiation won lost dropped",
      "opportunity_moved { opportunity_id: 'ID' reason: 'r' stage: OPPORTUNITY_STAGE_");
  add("quote",
      "entered product_cleared legal_cleared finance_cleared issued confirmed payment_met conditions_met "
      "production_started withdrawn declined expired",
      "quote_moved { quote_id: 'ID' person: 'p' step: QUOTE_STEP_");
  add("issue", "open answered escalated resolved closed withdrawn",
      "issue_moved { issue_id: 'ID' note: 'n' person: 'p' state: ISSUE_STATE_");
  return events;
}

std::string Filled(std::string text, const std::string& name, const std::string& value) {
  for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + value.size())) {
    text.replace(at, name.size(), value);
  }
  return text;
}

struct Item {
  std::string state;
  std::set<std::string> cleared;
  bool paid = false;
  bool for_once = false;
  // Thousandths of a percent, units, or pieces.
  int64_t number = 0;
  Micros start = 0;
  std::optional<Micros> end;
};

// What an event asks for, as it was made up.
struct Asked {
  std::string kind;
  std::string step;
  std::string id;
  int64_t number = 0;
  Micros end = 0;
  bool for_once = false;
  int64_t quantity = 0;
  Micros occurred = 0;
};

class Model {
 public:
  Model() {
    std::istringstream words(kTable);
    for (std::string kind, from, step, to; words >> kind >> from >> step >> to;) table_[{kind, from, step}] = to;
  }

  Reason Take(const Asked& asked) {
    const Reason reason = Decide(asked);
    if (reason == Reason::kUnspecified) clock_ = std::max(clock_, asked.occurred);
    return reason;
  }

  // "quote Q1 approved", one a line, of what is open.
  std::set<std::string> Open() const {
    std::set<std::string> open;
    for (const auto& [key, item] : items_) {
      if (!IsGone(key.first, item, clock_)) open.insert(key.first + " " + key.second + " " + item.state);
    }
    return open;
  }

 private:
  static bool IsGone(const std::string& kind, const Item& item, Micros clock) {
    return kind != "contract" && item.end.has_value() && clock >= *item.end + 400 * kMicrosPerDay;
  }

  Reason Decide(const Asked& asked) {
    const std::pair key(asked.kind, asked.id);
    if (asked.step == "payment") {
      if (items_.contains(key)) items_[key].paid = true;
      return Reason::kUnspecified;
    }
    // What is refused leaves the clock, and so what is open, as it was.
    const bool is_open = items_.contains(key) && !IsGone(asked.kind, items_[key], std::max(clock_, asked.occurred));
    const bool is_contract = asked.kind == "contract";
    const bool opens = table_.contains({asked.kind, "-", asked.step});
    if (opens && is_open) return is_contract ? Reason::kContractExists : Reason::kItemExists;
    if (!opens && !is_open) return is_contract ? Reason::kContractNotOpen : Reason::kItemNotOpen;
    Item item = opens ? Item{"-", {}, false, false, 0, 0, std::nullopt} : items_[key];
    const auto row = table_.find({asked.kind, item.state, asked.step});
    if (row == table_.end()) return Reason::kStepNotAllowed;
    if (const Reason reason = Guard(asked, item); reason != Reason::kUnspecified) return reason;
    item.state = row->second == "*" ? Outcome(asked, item) : row->second;
    if (item.state == "-") {
      items_.erase(key);
    } else {
      items_[key] = item;
    }
    return Reason::kUnspecified;
  }

  // Also takes over what the item is decided by.
  static Reason Guard(const Asked& asked, Item& item) {
    if (asked.step == "payment_met" && !item.paid) return Reason::kStepNotAllowed;
    if ((asked.step == "approval_given" || asked.step == "approval_refused") && item.number > 10) {
      return Reason::kLimitExceeded;
    }
    if (asked.step == "used") {
      if (asked.occurred < item.start || asked.occurred >= *item.end) return Reason::kEntitlementSpent;
      if (item.number > 0 && item.number < 2) return Reason::kEntitlementSpent;
      if (item.number == -1) return Reason::kEntitlementSpent;
      // 0 is without limit; -1 stands for all used up.
      if (item.number > 0) item.number = item.number == 2 ? -1 : item.number - 2;
    }
    if (asked.step == "returned") {
      if (asked.quantity > item.number) return Reason::kInvalidField;
      item.number -= asked.quantity;
    }
    if (asked.step == "renewed" && asked.end <= *item.end) return Reason::kContractNotOpen;
    if (asked.kind == "contract" && (asked.step == "signed" || asked.step == "renewed" || asked.step == "amended")) {
      item.end = asked.end;
    }
    if (asked.step == "published") {
      item.for_once = asked.for_once;
      if (!asked.for_once) item.end = asked.end;
    }
    if (asked.step == "granted" || asked.step == "imposed" || (asked.kind == "obligation" && asked.step == "agreed")) {
      item.end = asked.end;
    }
    if (asked.step == "granted") {
      item.start = asked.occurred;
      item.number = asked.number;
    }
    if (asked.step == "issued" && asked.kind == "loan") item.number = 5;
    return Reason::kUnspecified;
  }

  static std::string Outcome(const Asked& asked, Item& item) {
    if (asked.kind == "promise") return item.for_once ? "-" : "open";
    if (asked.kind == "loan") return item.number == 0 ? "-" : "out";
    if (asked.step == "proposed" || asked.step == "revised") {
      item = {"", {}, false, false, asked.number, 0, std::nullopt};
      return asked.number <= 5 ? "approved" : "in_approval";
    }
    item.cleared.insert(asked.step);
    return item.cleared.size() == 3 ? "cleared" : "entered";
  }

  std::map<std::tuple<std::string, std::string, std::string>, std::string> table_;
  std::map<std::pair<std::string, std::string>, Item> items_;
  Micros clock_ = At("2026-01-01");
};

std::set<std::string> OpenOf(const AccountState& state) {
  std::set<std::string> open;
  for (const auto& [key, item] : state.items) {
    if (IsPastItsEnd(item, state.clock)) continue;
    open.insert(fmt::format("{} {} {}", KindName(key.first), key.second, StateName(key.first, item.state)));
  }
  for (const auto& [id, contract] : state.contracts) {
    open.insert("contract " + id + (contract.breached ? " breached" : " running"));
  }
  return open;
}

class Walk {
 public:
  explicit Walk(uint64_t seed)
      : random_(seed),
        ledger_(Head() +
                "limits:\n  - limit_id: discounts\n    discounts: {authorities: [{role: sales, max_percent_milli: "
                "5000}, {role: manager, max_percent_milli: 10000}]}\n") {
    EXPECT_TRUE(ledger_.Submit({AccountLedger::Open(now_)}).ok());
    EXPECT_TRUE(Evolve(folded_, ledger_.log()[0].event, now_).ok());
  }

  void Run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) Step();
    EXPECT_GT(taken_, steps / 10) << "most steps must not be refused";
  }

 private:
  int64_t Pick(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random_() % static_cast<uint64_t>(high - low + 1));
  }

  void Step() {
    // Mostly little time goes by, sometimes a year and more; one event in eight comes late.
    now_ += Pick(0, 40) == 0 ? Pick(0, 450) * kMicrosPerDay : Pick(0, 3) * kMicrosPerHour;
    Asked asked;
    asked.occurred = Pick(0, 7) == 0 ? now_ - Pick(0, 90) * kMicrosPerDay : now_;
    const auto& chosen = events_[Pick(0, static_cast<int64_t>(events_.size()) - 1)];
    asked.kind = chosen[0];
    asked.step = chosen[1];
    asked.id = fmt::format("{}", Pick(1, 2));
    asked.number = Pick(0, 3) * 4;
    asked.end = asked.occurred + Pick(1, 60) * kMicrosPerDay;
    asked.for_once = chosen[2].find("due_time") != std::string::npos;
    asked.quantity = chosen[2].find("quantity: 2") != std::string::npos ? 2 : 1;
    std::string text = Filled(chosen[2], "'ID'", "'" + asked.id + "'");
    text = Filled(text, " N000", fmt::format(" {}", asked.number * 1000));
    text = Filled(text, " N ", fmt::format(" {} ", asked.number));
    text = Filled(text, "seconds: T", fmt::format("seconds: {}", asked.end / kMicrosPerSecond));
    const auto result = ledger_.Submit({FactOf(asked.occurred, text)});
    const Reason expected = model_.Take(asked);
    ASSERT_EQ(ReasonOf(result.status()), expected) << text << "\n" << result.status();
    if (!result.ok()) return;
    ++taken_;
    for (const DecidedEvent& event : *result) ASSERT_TRUE(Evolve(folded_, event.event, event.occurred).ok()) << text;
    ASSERT_EQ(folded_, ledger_.state()) << text;
    ASSERT_EQ(OpenOf(ledger_.state()), model_.Open()) << text;
    const auto stored = DecodeState(EncodeState(folded_));
    ASSERT_TRUE(stored.ok()) << stored.status();
    ASSERT_EQ(*stored, folded_) << text;
  }

  static constexpr Micros kMicrosPerHour = 3'600 * kMicrosPerSecond;

  const std::vector<std::vector<std::string>> events_ = AllEvents();
  std::mt19937_64 random_;
  AccountLedger ledger_;
  Model model_;
  AccountState folded_;
  Micros now_ = At("2026-01-01");
  int taken_ = 0;
};

TEST(RandomSteps, AreTakenAndRefusedAsTheModelSays) {
  const char* const one = std::getenv("KL_PROPERTY_SEED");
  const char* const runs = std::getenv("KL_PROPERTY_RUNS");
  const uint64_t first = one == nullptr ? 1 : std::strtoull(one, nullptr, 10);
  const uint64_t count = one != nullptr ? 1 : runs == nullptr ? 20 : std::strtoull(runs, nullptr, 10);
  for (uint64_t seed = first; seed < first + count && !HasFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("KL_PROPERTY_SEED={}", seed));
    Walk(seed).Run(2'000);
  }
}

}  // namespace
}  // namespace keyledger::domain
