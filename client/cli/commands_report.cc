// keyledger report retention: the retention report as a page.
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "client/cli/commands.h"
#include "client/cli/part_file.h"
#include "client/cli/progress.h"
#include "client/cli/report_page.h"
#include "client/cli/scope_flags.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/portfolio_service.pb.h"
#include "keyledger/ledger/v1/retention_service.pb.h"

namespace keyledger::cli {
namespace {

constexpr int kCurvePoints = 200;
// Of the calls below.
constexpr uint64_t kCalls = 12;

struct ReportFlags {
  ScopeFlags scope;
  std::string file;
  std::string title = "Retention report";
  bool force = false;
  int inactive_days = 365;
  int horizon_days = 365;
  std::string discount = "1";
};

std::string ScopeText(const ReportFlags& flags) {
  std::string text = flags.scope.period_length > 1
                         ? fmt::format("Periods of {} {}s", flags.scope.period_length, flags.scope.period)
                         : fmt::format("Periods of one {}", flags.scope.period);
  text += fmt::format(" in {}", flags.scope.time_zone.empty() ? "UTC" : flags.scope.time_zone);
  text += flags.scope.basis == "net" ? ", revenue net of returns" : ", gross revenue";
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) {
      text += fmt::format(", {} {}", name, value);
    }
  };
  add("region", flags.scope.region);
  add("segment", flags.scope.segment);
  add("owner", flags.scope.owner);
  add("tier", flags.scope.tier);
  add("club", flags.scope.club);
  add("what occurred before", flags.scope.as_of);
  add("as known at", flags.scope.known_at);
  return text;
}

// Asks for everything. Returns the failure after which there is no page; what a rule refuses is none.
class Questions {
 public:
  Questions(Session& session, const ReportFlags& flags)
      : session_(session), flags_(flags), progress_(session.err(), session.err_is_terminal(), "asking", kCalls) {}

  template <typename Request, typename Response>
  void Ask(Request request, client::Result<Response> (client::Client::*method)(const Request&),
           client::Result<Response>& answer) {
    if (failure_) {
      return;
    }
    flags_.scope.Fill(ScopeOf(request));
    flags_.scope.read.Fill(request);
    answer = (session_.client().*method)(request);
    progress_.Update(++asked_);
    // An older server does not know all of them.
    if (!answer.ok() && answer.error().code != grpc::StatusCode::FAILED_PRECONDITION &&
        answer.error().code != grpc::StatusCode::UNIMPLEMENTED) {
      failure_ = answer.error();
    }
  }

  std::optional<client::ClientError> Finish() {
    progress_.Finish(asked_);
    return failure_;
  }

 private:
  Session& session_;
  const ReportFlags& flags_;
  Progress progress_;
  uint64_t asked_ = 0;
  std::optional<client::ClientError> failure_;
};

std::optional<client::ClientError> AskAll(Session& session, const ReportFlags& flags, ReportAnswers& answers) {
  using client::Client;
  Questions questions(session, flags);
  v1::GetRetentionRequest retention;
  retention.set_find_end(flags.scope.as_of.empty());
  questions.Ask(retention, &Client::GetRetention, answers.retention);
  questions.Ask(v1::GetCohortsRequest(), &Client::GetCohorts, answers.cohorts);
  v1::GetSurvivalRequest survival;
  survival.set_event(v1::SURVIVAL_EVENT_SECOND_PURCHASE);
  questions.Ask(survival, &Client::GetSurvival, answers.second_purchase);
  survival.set_event(v1::SURVIVAL_EVENT_LOSS);
  survival.set_inactive_days(flags.inactive_days);
  questions.Ask(survival, &Client::GetSurvival, answers.loss);
  questions.Ask(v1::GetRfmRequest(), &Client::GetRfm, answers.rfm);
  v1::GetConcentrationRequest concentration;
  concentration.set_curve_points(kCurvePoints);
  questions.Ask(concentration, &Client::GetConcentration, answers.concentration);
  v1::GetMigrationRequest migration;
  migration.set_discount_milli(MilliOf(flags.discount));
  questions.Ask(migration, &Client::GetMigration, answers.migration);
  v1::GetForecastRequest forecast;
  forecast.mutable_forecast()->set_horizon_days(flags.horizon_days);
  forecast.set_page_size(kReportRowsMax);
  questions.Ask(forecast, &Client::GetForecast, answers.forecast);
  v1::ListAtRiskRequest at_risk;
  at_risk.mutable_forecast()->set_horizon_days(flags.horizon_days);
  at_risk.set_page_size(kReportRowsMax);
  questions.Ask(at_risk, &Client::ListAtRisk, answers.at_risk);
  v1::GetLossEffectRequest effect;
  effect.set_discount_milli(MilliOf(flags.discount));
  questions.Ask(effect, &Client::GetLossEffect, answers.loss_effect);
  v1::ListProfitabilityRequest profit;
  profit.set_page_size(kReportRowsMax);
  questions.Ask(profit, &Client::ListProfitability, answers.most_profitable);
  profit.set_loss_making_only(true);
  questions.Ask(profit, &Client::ListProfitability, answers.loss_making);
  return questions.Finish();
}

int Report(Session& session, const ReportFlags& flags) {
  std::error_code ignored;
  if (!flags.force && std::filesystem::exists(flags.file, ignored)) {
    return session.Usage(fmt::format("{} exists; --force writes over it", flags.file));
  }
  ReportAnswers answers;
  answers.title = flags.title;
  answers.made = FormatTime(TimeOf("now"));
  answers.scope = ScopeText(flags);
  answers.period = flags.scope.PeriodWords();
  answers.inactive_days = flags.inactive_days;
  if (const std::optional<client::ClientError> failure = AskAll(session, flags, answers)) {
    return FailScoped(session, flags.scope, *failure);
  }
  if (answers.retention.ok() && IsEmpty(*answers.retention)) {
    if (const std::string why = WhyEmpty(session, flags.scope); !why.empty()) {
      return session.NotFound(why);
    }
  }
  PartFile file(flags.file);
  if (!file.Write(RetentionReport(answers)) || !file.Finish()) {
    session.err() << "error: " << Printable(file.error()) << "\n";
    return kExitInternal;
  }
  if (session.json()) {
    const nlohmann::json answer = {{"file", flags.file}, {"bytes", file.bytes()}};
    session.out() << answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  } else {
    session.out() << fmt::format("{}: {} bytes; open it in a browser\n", Printable(flags.file),
                                 FormatCount(static_cast<int64_t>(file.bytes())));
  }
  return kExitOk;
}

}  // namespace

void AddReportCommands(CLI::App& root, Action& selected) {
  CLI::App* noun = root.add_subcommand("report", "Reports as pages for a browser or a printer");
  auto flags = std::make_shared<ReportFlags>();
  CLI::App* verb = AddVerb(noun, "retention", "Writes the retention report: one page that carries all it shows",
                           selected, [flags](Session& session) { return Report(session, *flags); });
  verb->add_option("--html", flags->file, "The file to write")->required();
  verb->add_flag("--force", flags->force, "Write over a file that exists");
  verb->add_option("--title", flags->title, "Heading of the page")->capture_default_str();
  verb->add_option("--inactive-days", flags->inactive_days, "An account silent for so many days counts as lost")
      ->check(CLI::Range(1, 3660))
      ->capture_default_str();
  verb->add_option("--horizon-days", flags->horizon_days, "Days ahead that are forecast")
      ->check(CLI::Range(1, 3660))
      ->capture_default_str();
  verb->add_option("--discount", flags->discount, "Discount of values per period in percent")
      ->check(PercentText())
      ->capture_default_str();
  flags->scope.AddTo(verb, {.by = false});
}

}  // namespace keyledger::cli
