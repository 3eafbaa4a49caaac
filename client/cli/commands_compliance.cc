// keyledger compliance given, flags and violations: what was given, what went beyond a limit, and what was done against
// the rules.
#include "client/cli/commands.h"

#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "client/cli/describe.h"
#include "client/cli/kind_flag.h"
#include "client/cli/pipeline_flags.h"
#include "keyledger/ledger/v1/retention_service.pb.h"

namespace keyledger::cli {
namespace {

struct ComplianceFlags {
  PipelineFlags scope;
  std::string start;
  std::string period = "month";
  std::string time_zone;
  std::string limit;
  bool prices = false;
  KindFlag kinds;
};

std::string LimitText(const v1::GivenLimit& limit) {
  std::string text = limit.counter() + ":";
  if (limit.has_max_times()) {
    text += fmt::format(" {} of {} times", FormatCount(limit.times()), FormatCount(limit.max_times()));
  }
  if (limit.has_max_micros()) {
    text += fmt::format(" {} of {}", FormatMicros(limit.micros()), FormatMicros(limit.max_micros()));
  }
  return text;
}

void AddGivenRows(Table& table, const v1::ListGivenResponse& response) {
  for (const v1::GivenRow& row : response.rows()) {
    std::string value;
    for (const ev::Money& money : row.value()) {
      value += (value.empty() ? "" : ", ") + FormatMoney(money);
    }
    std::string limits;
    for (const v1::GivenLimit& limit : row.limits()) {
      limits += (limits.empty() ? "" : "; ") + LimitText(limit);
    }
    table.Add({row.account_id(), row.contact_id(), row.period(),
               ShortEnum(ev::EventKind_Name(row.kind()), "EVENT_KIND_"), row.name(), FormatCount(row.times()),
               row.quantity() == 0 ? "-" : FormatCount(row.quantity()), value,
               fmt::format("{}", fmt::join(row.purposes(), "; ")), limits});
  }
}

int ShowGiven(Session& session, const ComplianceFlags& flags) {
  v1::ListGivenRequest request;
  flags.scope.Fill(request);
  if (!flags.start.empty()) {
    *request.mutable_start_time() = TimeOf(flags.start);
  }
  request.set_period(flags.period == "year"      ? v1::PERIOD_YEAR
                     : flags.period == "quarter" ? v1::PERIOD_QUARTER
                                                 : v1::PERIOD_MONTH);
  request.set_time_zone(flags.time_zone);
  flags.kinds.Fill(request);
  return ShowPages(session, request, flags.scope.pages, &client::Client::ListGiven,
                   Table({{"account"},
                          {"contact"},
                          {"period"},
                          {"what"},
                          {"name"},
                          {"times", Align::kRight},
                          {"units", Align::kRight},
                          {"value"},
                          {"for"},
                          {"limits"}}),
                   AddGivenRows);
}

int ShowFlags(Session& session, const ComplianceFlags& flags) {
  v1::ListFlagsRequest request;
  flags.scope.Fill(request);
  if (!flags.start.empty()) {
    *request.mutable_start_time() = TimeOf(flags.start);
  }
  request.set_limit_id(flags.limit);
  if (flags.prices) {
    request.set_measure(ev::LIMIT_MEASURE_UNIT_PRICE_MICROS);
  }
  return ShowPages(
      session, request, flags.scope.pages, &client::Client::ListFlags,
      Table({{"when"},
             {"account"},
             {"limit"},
             {"measure"},
             {"value", Align::kRight},
             {"allowed", Align::kRight},
             {"fact"},
             {"revision", Align::kRight},
             {"program"}}),
      [](Table& table, const v1::ListFlagsResponse& response) {
        for (const v1::FlagEntry& entry : response.flags()) {
          const ev::ComplianceFlagged& flag = entry.flag();
          const bool money =
              flag.measure() == ev::LIMIT_MEASURE_MICROS || flag.measure() == ev::LIMIT_MEASURE_UNIT_PRICE_MICROS;
          const auto number = [money](int64_t value) { return money ? FormatMicros(value) : FormatCount(value); };
          table.Add({FormatTime(entry.occurred_time()), entry.account_id(), flag.limit_id(),
                     ShortEnum(ev::LimitMeasure_Name(flag.measure()), "LIMIT_MEASURE_"), number(flag.value()),
                     number(flag.threshold()), ShortEnum(ev::EventKind_Name(entry.fact_kind()), "EVENT_KIND_"),
                     FormatCount(flag.fact_revision()),
                     fmt::format("{} v{}", entry.program_id(), entry.program_version())});
        }
      });
}

int ShowViolations(Session& session, const ComplianceFlags& flags) {
  v1::ListViolationsRequest request;
  flags.scope.Fill(request);
  if (!flags.start.empty()) {
    *request.mutable_start_time() = TimeOf(flags.start);
  }
  return ShowPages(session, request, flags.scope.pages, &client::Client::ListViolations,
                   Table({{"when"}, {"account"}, {"what"}, {"sanctions that hold", Align::kRight}}),
                   [](Table& table, const v1::ListViolationsResponse& response) {
                     for (const v1::ViolationEntry& entry : response.violations()) {
                       bool first = true;
                       for (const ev::EventRecord& record : entry.records()) {
                         table.Add({FormatTime(record.occurred_time()), first ? entry.account_id() : "",
                                    DescribeEvent(record.event()), first ? FormatCount(entry.sanctions_open()) : ""});
                         first = false;
                       }
                     }
                   });
}

CLI::App* AddQuery(CLI::App* noun, const std::string& name, const std::string& description, Action& selected,
                   const std::shared_ptr<ComplianceFlags>& flags, int (*show)(Session&, const ComplianceFlags&)) {
  CLI::App* verb =
      AddVerb(noun, name, description, selected, [flags, show](Session& session) { return show(session, *flags); });
  verb->add_option("--start", flags->start, "Only what occurred from this time on")->check(TimeText());
  return verb;
}

}  // namespace

void AddComplianceCommands(CLI::App& root, Action& selected) {
  CLI::App* noun = Noun(root, "compliance", "What was given, and what limits and rules say to it");
  {
    auto flags = std::make_shared<ComplianceFlags>();
    CLI::App* verb =
        AddQuery(noun, "given", "Lists gifts, commissions, services, loans and samples by contact and period", selected,
                 flags, ShowGiven);
    verb->footer("Example: keyledger compliance given --account acme --period quarter");
    flags->kinds.AddTo(verb, *ev::EventKind_descriptor(),
                       {"gift-given", "commission-paid", "commission-accrued", "commission-refused", "service-provided",
                        "loan-issued", "interaction-made"});
    flags->scope.AddAccount(verb);
    verb->add_option("--period", flags->period, "month, quarter or year")
        ->check(CLI::IsMember({"month", "quarter", "year"}))
        ->capture_default_str();
    verb->add_option("--time-zone", flags->time_zone, "IANA zone of the periods (default: UTC)");
    flags->scope.AddTo(verb);
  }
  {
    auto flags = std::make_shared<ComplianceFlags>();
    CLI::App* verb = AddQuery(noun, "flags",
                              "Lists facts that went beyond a limit which flags; what a limit refuses leaves no record",
                              selected, flags, ShowFlags);
    verb->footer("Example: keyledger compliance flags --prices");
    verb->add_option("--limit", flags->limit, "Only of this limit");
    verb->add_flag("--prices", flags->prices, "Only prices above the market");
    flags->scope.AddTo(verb);
  }
  auto flags = std::make_shared<ComplianceFlags>();
  CLI::App* verb =
      AddQuery(noun, "violations", "Lists violations with their sanctions", selected, flags, ShowViolations);
  verb->footer("Example: keyledger compliance violations --account acme");
  flags->scope.AddAccount(verb);
  flags->scope.AddTo(verb);
}

}  // namespace keyledger::cli
