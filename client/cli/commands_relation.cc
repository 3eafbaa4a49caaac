// What is known of the relationship beside the trade: keyledger survey, budget, supplier-rank, cost, referral, club and
// competitor.
#include "client/cli/commands.h"

#include <fmt/format.h>

#include "client/cli/text.h"

namespace keyledger::cli {
namespace {

struct RelationFlags {
  WriteFlags write;
  std::string kind;
  std::string id;
  std::string text;
  std::string contact;
  std::string category;
  std::string place;
  int score = 0;
  int suppliers = 0;
  std::string from;
  std::string until;
  std::string currency = "USD";
  std::string amount;

  CLI::Option* AddMoney(CLI::App* verb, const std::string& option, const std::string& description) {
    verb->add_option("--currency", currency, "ISO 4217 code")->capture_default_str();
    return verb->add_option(option, amount, description)->check(MoneyText());
  }
  CLI::Option* AddKind(CLI::App* verb, const std::string& option, const std::string& description,
                       const std::vector<std::string>& kinds) {
    return verb->add_option(option, kind, description)->required()->check(CLI::IsMember(kinds));
  }
  void FillMoney(ev::Money& money) const {
    money.set_currency_code(currency);
    // MoneyText has checked it.
    money.set_micros(ParseMicros(amount).value_or(0));
  }
};

using Fill = void (*)(const RelationFlags&, ev::Event&);

// A verb that appends one event from flags of its own.
std::pair<CLI::App*, std::shared_ptr<RelationFlags>> AddFact(CLI::App* noun, const std::string& name,
                                                             const std::string& description, Action& selected,
                                                             Fill fill) {
  auto flags = std::make_shared<RelationFlags>();
  CLI::App* verb = AddVerb(noun, name, description, selected, [flags, fill](Session& session) {
    ev::Event event;
    fill(*flags, event);
    return AppendEvent(session, flags->write, std::move(event));
  });
  flags->write.AddTo(verb);
  return {verb, flags};
}

void AddSurvey(CLI::App& root, Action& selected) {
  CLI::App* noun = root.add_subcommand("survey", "What accounts say");
  const auto [verb, flags] = AddFact(
      noun, "answer", "Records an answer to a survey", selected, [](const RelationFlags& given, ev::Event& event) {
        ev::SurveyAnswered& answered = *event.mutable_survey_answered();
        answered.set_kind(given.kind == "satisfaction" ? ev::SURVEY_KIND_SATISFACTION : ev::SURVEY_KIND_RECOMMENDATION);
        answered.set_score(given.score);
        answered.set_survey_id(given.id);
        answered.set_contact_id(given.contact);
      });
  flags->AddKind(verb, "--kind", "recommendation (0 to 10) or satisfaction (1 to 5)",
                 {"recommendation", "satisfaction"});
  verb->add_option("--score", flags->score, "The answer")->required();
  verb->add_option("--survey", flags->id, "The survey");
  verb->add_option("--contact", flags->contact, "Id of the contact who answered");
}

void AddBudget(CLI::App& root, Action& selected) {
  CLI::App* noun = root.add_subcommand("budget", "What accounts can spend in all");
  const auto [verb, flags] =
      AddFact(noun, "state", "Records what the account spends in all in a stretch of time, with whomever", selected,
              [](const RelationFlags& given, ev::Event& event) {
                ev::BudgetStated& stated = *event.mutable_budget_stated();
                *stated.mutable_start_time() = TimeOf(given.from);
                *stated.mutable_end_time() = TimeOf(given.until);
                given.FillMoney(*stated.mutable_amount());
                stated.set_basis(given.kind == "estimated" ? ev::BUDGET_BASIS_ESTIMATED : ev::BUDGET_BASIS_DECLARED);
                stated.set_category(given.category);
                stated.set_source(given.text);
              });
  verb->add_option("--from", flags->from, "Start of the stretch")->required()->check(TimeText());
  verb->add_option("--until", flags->until, "End of the stretch, exclusive")->required()->check(TimeText());
  flags->AddMoney(verb, "--amount", "The budget")->required();
  flags->AddKind(verb, "--basis", "declared by the account, or estimated", {"declared", "estimated"});
  verb->add_option("--category", flags->category, "Category that it is for (default: everything)");
  verb->add_option("--source", flags->text, "Where the figure comes from");
}

// "1", "1.5" or "2": halves of a place.
CLI::Validator PlaceText() {
  return CLI::Validator(
      [](const std::string& text) {
        const std::optional<int64_t> tenths = ParseMicros(text, 10);
        return tenths && *tenths % 5 == 0 && *tenths > 0 && *tenths <= 10'000
                   ? std::string()
                   : fmt::format("'{}' is no place: give 1, 1.5, 2 and so on", text);
      },
      "PLACE");
}

void AddSupplierRank(CLI::App& root, Action& selected) {
  CLI::App* noun = root.add_subcommand("supplier-rank", "Our place among the suppliers of accounts");
  const auto [verb, flags] =
      AddFact(noun, "state", "Records our place among the suppliers that the account uses", selected,
              [](const RelationFlags& given, ev::Event& event) {
                ev::SupplierRankStated& stated = *event.mutable_supplier_rank_stated();
                // PlaceText has checked it.
                stated.set_place_halves(static_cast<int32_t>(ParseMicros(given.place, 10).value_or(0) / 5));
                stated.set_suppliers(given.suppliers);
                stated.set_source(given.text);
              });
  verb->add_option("--place", flags->place, "Our place, from 1; 1.5 where two share the first and the second")
      ->required()
      ->check(PlaceText());
  verb->add_option("--suppliers", flags->suppliers, "How many suppliers the account uses, us included")->required();
  verb->add_option("--source", flags->text, "Where it is known from");
}

void AddCost(CLI::App& root, Action& selected) {
  CLI::App* noun = root.add_subcommand("cost", "What accounts cost");
  const auto [verb, flags] = AddFact(noun, "record", "Records money spent on the account", selected,
                                     [](const RelationFlags& given, ev::Event& event) {
                                       ev::CostRecorded& cost = *event.mutable_cost_recorded();
                                       cost.set_purpose(given.kind == "acquisition" ? ev::COST_PURPOSE_ACQUISITION
                                                        : given.kind == "retention" ? ev::COST_PURPOSE_RETENTION
                                                                                    : ev::COST_PURPOSE_SERVICE);
                                       given.FillMoney(*cost.mutable_cost());
                                       cost.set_kind(given.id);
                                       cost.set_description(given.text);
                                     });
  flags->AddKind(verb, "--purpose", "acquisition, retention or service", {"acquisition", "retention", "service"});
  flags->AddMoney(verb, "--cost", "How much")->required();
  verb->add_option("--kind", flags->id, "Kind of cost");
  verb->add_option("--description", flags->text, "What it was");
}

void AddReferral(CLI::App& root, Action& selected) {
  CLI::App* noun = root.add_subcommand("referral", "How accounts came to us");
  const auto [verb, flags] = AddFact(noun, "record", "Records how the account came to us", selected,
                                     [](const RelationFlags& given, ev::Event& event) {
                                       ev::ReferralRecorded& referral = *event.mutable_referral_recorded();
                                       referral.set_referrer_account_id(given.id);
                                       referral.set_lead_source(given.kind);
                                     });
  verb->add_option("--source", flags->kind, "Lead source, for example referral, broker, direct")->required();
  verb->add_option("--referrer", flags->id, "The account that referred it");
}

void AddClub(CLI::App& root, Action& selected) {
  CLI::App* noun = root.add_subcommand("club", "Members of customer clubs");
  {
    const auto [verb, flags] = AddFact(
        noun, "join", "Records that the account became a member", selected,
        [](const RelationFlags& given, ev::Event& event) { event.mutable_club_joined()->set_club_id(given.id); });
    verb->add_option("--club", flags->id, "The club")->required();
  }
  const auto [verb, flags] = AddFact(noun, "leave", "Records that the account is a member no more", selected,
                                     [](const RelationFlags& given, ev::Event& event) {
                                       event.mutable_club_left()->set_club_id(given.id);
                                       event.mutable_club_left()->set_reason(given.text);
                                     });
  verb->add_option("--club", flags->id, "The club")->required();
  verb->add_option("--reason", flags->text, "Why");
}

void AddCompetitor(CLI::App& root, Action& selected) {
  CLI::App* noun = root.add_subcommand("competitor", "What competitors do");
  const auto [verb, flags] = AddFact(noun, "observe", "Records a competitor's move at the account", selected,
                                     [](const RelationFlags& given, ev::Event& event) {
                                       ev::CompetitorMoveObserved& move = *event.mutable_competitor_move_observed();
                                       move.set_competitor(given.id);
                                       move.set_kind(given.kind == "approach" ? ev::COMPETITOR_MOVE_KIND_APPROACH
                                                     : given.kind == "offer"  ? ev::COMPETITOR_MOVE_KIND_OFFER
                                                     : given.kind == "won"    ? ev::COMPETITOR_MOVE_KIND_WON
                                                                              : ev::COMPETITOR_MOVE_KIND_LOST);
                                       move.set_description(given.text);
                                     });
  verb->add_option("--competitor", flags->id, "The competitor")->required();
  flags->AddKind(verb, "--kind",
                 "approach; offer: a better one; won a part of the business; lost business to us, or withdrew",
                 {"approach", "offer", "won", "lost"});
  verb->add_option("--description", flags->text, "What is known of it");
}

}  // namespace

void AddRelationCommands(CLI::App& root, Action& selected) {
  AddSurvey(root, selected);
  AddBudget(root, selected);
  AddSupplierRank(root, selected);
  AddCost(root, selected);
  AddReferral(root, selected);
  AddClub(root, selected);
  AddCompetitor(root, selected);
}

}  // namespace keyledger::cli
