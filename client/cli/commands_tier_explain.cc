// keyledger tier explain.
#include <algorithm>

#include <fmt/format.h>

#include "client/cli/commands.h"
#include "client/cli/describe.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/tier_service.pb.h"

namespace keyledger::cli {
namespace {

// What the words of a page need to know of the answer.
class Page {
 public:
  explicit Page(const v1::ExplainStandingResponse& response) : response_(response) {}

  std::string Date(const google::protobuf::Timestamp& time) const {
    return FormatLocalTime(time, response_.time_zone());
  }

  Table Head() const {
    Table table = Table::Fields();
    table.Add({"account", response_.account_id()});
    const v1::TierAssignment& standing = response_.standing();
    if (response_.has_standing()) {
      table.Add({"tier", fmt::format("{} of ladder {}, since {}", standing.tier_id(), standing.ladder_id(),
                                     Date(standing.since()))});
      table.Add({"reason", ShortEnum(ev::TierAssignmentReason_Name(standing.reason()), "TIER_ASSIGNMENT_REASON_")});
    } else {
      table.Add({"tier", "none"});
    }
    for (const ev::ConditionEvidence& condition : standing.met()) {
      table.Add({"given for", Needs(condition) + ", " + Has(condition)});
    }
    for (const ev::ConditionEvidence& condition : standing.missed()) {
      table.Add({"missed", Needs(condition) + ", " + Has(condition)});
    }
    if (response_.program_id().empty()) {
      table.Add({"program", "none with tiers governs the account"});
      return table;
    }
    table.Add({"program", fmt::format("{} version {}, days of {}", response_.program_id(), response_.program_version(),
                                      response_.time_zone())});
    if (response_.locked()) {
      table.Add({"locked", response_.has_locked_until() ? "until " + Date(response_.locked_until())
                                                        : "until the lock is taken off"});
    }
    if (response_.has_grace_until()) {
      table.Add({"in grace", "until " + Date(response_.grace_until())});
    }
    table.Add({"next review", Review()});
    return table;
  }

  // The early warning. Requires: there is one.
  std::string Warning() const {
    const v1::DowngradeWarning& warning = response_.downgrade_warning();
    return fmt::format("warning: {} falls to {} on {}{}, unless what is missing is there before", warning.tier_id(),
                       warning.to_tier_id(), Date(warning.fall_time()),
                       warning.has_grace_start_time()
                           ? fmt::format(", at the end of a grace from {}", Date(warning.grace_start_time()))
                           : "");
  }

  Table Rules() const {
    Table table({{"to"}, {"when"}, {"takes"}, {"measured over"}, {"has", Align::kRight}, {"missing", Align::kRight}});
    if (response_.has_keep()) {
      AddRule(response_.keep(), "keep", "before " + Date(response_.keep().decided_time()), table);
    }
    for (const v1::StandingRule& rule : response_.higher_tiers()) {
      AddRule(rule, "enter", Entrance(rule), table);
    }
    return table;
  }

  // The records behind the values, the first `most` of each.
  Table Events(int most) const {
    Table table({{"value"}, {"made by"}, {"when"}, {"revision", Align::kRight}, {"adds", Align::kRight}});
    for (const v1::MeasuredValue& value : response_.values()) {
      std::string name = ShortEnum(ev::Metric_Name(value.metric()), "METRIC_");
      if (!value.fact_key().empty()) {
        name += " " + value.fact_key();
      }
      if (value.has_to_time()) {
        name +=
            fmt::format(" {} to {}", value.has_from_time() ? Date(value.from_time()) : "ever", Date(value.to_time()));
      }
      if (value.contributions_total() == 0) {
        table.Add({name, "nothing yet"});
      }
      const int shown = std::min(most, value.contributions_size());
      for (int i = 0; i < shown; ++i) {
        const v1::ValueContribution& one = value.contributions(i);
        table.Add({i == 0 ? name : "", ShortEnum(ev::EventKind_Name(one.kind()), "EVENT_KIND_"),
                   Date(one.occurred_time()), std::to_string(one.revision()),
                   one.contribution() == 0 ? "" : Sum(value.metric(), one.contribution())});
      }
      if (shown < value.contributions_total()) {
        table.Add({shown == 0 ? name : "", fmt::format("{} more", FormatCount(value.contributions_total() - shown))});
      }
    }
    return table;
  }

 private:
  std::string Review() const {
    if (!response_.has_next_review()) {
      return response_.locked() && !response_.has_locked_until() ? "none while the lock holds"
                                                                 : "none: the program ends before one";
    }
    const std::string moment =
        Date(response_.next_review().time()) + (response_.next_review().ends_grace() ? " (end of the grace)" : "");
    const std::string& tier = response_.projected_tier_id();
    switch (response_.outcome()) {
      case v1::REVIEW_OUTCOME_KEPT:
        return fmt::format("{}: {} is kept if nothing else happens", moment, tier);
      case v1::REVIEW_OUTCOME_RISES:
        return fmt::format("{}: rises to {} if nothing else happens", moment, tier);
      case v1::REVIEW_OUTCOME_FALLS:
        return fmt::format("{}: falls to {} if nothing else happens", moment, tier);
      case v1::REVIEW_OUTCOME_GRACE_STARTS:
        return fmt::format("{}: {} is at stake if nothing else happens, a grace begins", moment, tier);
      case v1::REVIEW_OUTCOME_BEGINS:
        return fmt::format("{}: begins with {} if nothing else happens", moment, tier);
      default:
        return moment + ": comparing all accounts decides";
    }
  }

  std::string Entrance(const v1::StandingRule& rule) const {
    if (!rule.has_decided_time()) {
      return "not while the lock holds";
    }
    const auto& decided = rule.decided_time();
    const bool at_once =
        decided.seconds() == response_.as_of().seconds() && decided.nanos() == response_.as_of().nanos();
    return at_once ? "at once" : "from " + Date(decided);
  }

  void AddRule(const v1::StandingRule& rule, const char* verb, const std::string& when, Table& table) const {
    bool first = true;
    for (const v1::StandingAlternative& alternative : rule.alternatives()) {
      const std::string lead = first ? "" : "or ";
      if (alternative.conditions().empty()) {
        table.Add({fmt::format("{} {}", verb, rule.tier_id()), when, lead + "nothing"});
      }
      for (int i = 0; i < alternative.conditions_size(); ++i) {
        const v1::StandingCondition& condition = alternative.conditions(i);
        table.Add({first ? fmt::format("{} {}", verb, rule.tier_id()) : "", first ? when : "",
                   (i == 0 ? lead : "and ") + Needs(condition.evidence()), Window(condition.evidence()),
                   Has(condition.evidence()), Missing(condition)});
        first = false;
      }
      first = false;
    }
  }

  std::string Value(const ev::ConditionEvidence& condition, int64_t value) const {
    return MetricValueText(condition.metric(), condition.growth(), value, response_.currency_code());
  }

  // What is summed up for a metric: of a share of wallet the spend.
  std::string Sum(ev::Metric metric, int64_t value) const {
    return MetricValueText(metric == ev::METRIC_WALLET_SHARE_MILLI ? ev::METRIC_NET_SPEND : metric, false, value,
                           response_.currency_code());
  }

  std::string Needs(const ev::ConditionEvidence& condition) const {
    switch (condition.comparison()) {
      case ev::COMPARISON_AMONG_FIRST:
        return DescribeMetric(condition) + " among the first";
      case ev::COMPARISON_AT_MOST:
        return DescribeMetric(condition) + " at most " + Value(condition, condition.threshold());
      default:
        return DescribeMetric(condition) + " at least " + Value(condition, condition.threshold());
    }
  }

  std::string Has(const ev::ConditionEvidence& condition) const {
    return condition.has_value() ? Value(condition, condition.value()) : "not known";
  }

  std::string Window(const ev::ConditionEvidence& condition) const {
    if (!condition.has_window_end()) {
      return "";
    }
    return (condition.has_window_start() ? Date(condition.window_start()) : std::string("ever")) + " to " +
           Date(condition.window_end());
  }

  std::string Missing(const v1::StandingCondition& condition) const {
    switch (condition.missing_unknown_reason()) {
      case v1::MISSING_UNKNOWN_REASON_NOT_MEASURED:
        return "not known";
      case v1::MISSING_UNKNOWN_REASON_COMPARISON:
        return "comparing all accounts decides";
      case v1::MISSING_UNKNOWN_REASON_PAST_PERIOD:
        return "a past period falls short";
      case v1::MISSING_UNKNOWN_REASON_SEVERAL_PERIODS:
        return "in several periods";
      default:
        break;
    }
    if (condition.evidence().holds()) {
      return "nothing";
    }
    const bool less = condition.evidence().comparison() == ev::COMPARISON_AT_MOST;
    return Sum(condition.evidence().metric(), condition.missing()) + (less ? " less" : " more");
  }

  const v1::ExplainStandingResponse& response_;
};

void PrintExplained(Session& session, const v1::ExplainStandingResponse& response, int events) {
  const Page page(response);
  session.Print(page.Head());
  if (response.program_id().empty()) {
    return;
  }
  session.out() << "\n";
  if (response.has_downgrade_warning()) {
    session.out() << Printable(page.Warning()) << "\n\n";
  }
  session.Print(page.Rules());
  const Table records = page.Events(events);
  if (!records.empty()) {
    session.out() << "\n";
    session.Print(records);
  }
}

}  // namespace

void AddExplainStanding(CLI::App* noun, Action& selected) {
  struct Flags {
    std::string account;
    ReadFlags read;
    int events = 5;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = AddVerb(
      noun, "explain",
      "Shows what keeps an account's tier and by when, what the next tiers take, and the events behind it", selected,
      [flags](Session& session) {
        v1::ExplainStandingRequest request;
        request.set_account_id(flags->account);
        flags->read.Fill(request);
        return Show(
            session, session.client().ExplainStanding(request),
            [&](const v1::ExplainStandingResponse& response) { PrintExplained(session, response, flags->events); });
      });
  verb->add_option("ACCOUNT", flags->account, "Account id")->required();
  verb->add_option("--events", flags->events, "Records to show behind each value, 0 to 100")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  verb->add_option("--as-of", flags->read.as_of, "As it was, or will be, just before this time (default: now)")
      ->check(TimeText());
}

}  // namespace keyledger::cli
