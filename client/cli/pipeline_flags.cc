// See pipeline_flags.h.
#include "client/cli/pipeline_flags.h"

#include <fmt/format.h>

namespace keyledger::cli {

void PipelineFlags::AddAccount(CLI::App* verb) { verb->add_option("--account", account, "Only of this account"); }

void PipelineFlags::AddState(CLI::App* verb) {
  verb->add_option("--state", state, "open, ended or all")
      ->check(CLI::IsMember({"open", "ended", "all"}))
      ->capture_default_str();
}

void PipelineFlags::AddPerson(CLI::App* verb, const std::string& help) { verb->add_option("--person", person, help); }

void PipelineFlags::AddTo(CLI::App* verb, bool pages_too) {
  verb->add_option("--as-of", as_of, "Only what occurred before this time")->check(TimeText());
  verb->add_option("--known-at", known_at, "Only what was recorded before this time")->check(TimeText());
  verb->add_option("--region", region, "Only accounts of this region and all below it");
  verb->add_option("--segment", segment, "Only accounts of this segment");
  verb->add_option("--owner", owner, "Only accounts of this owner");
  verb->add_option("--tier", tier, "Only accounts that hold this tier");
  verb->add_option("--club", club, "Only members of this club");
  read.AddTo(verb, /*with_as_of=*/false);
  if (pages_too) {
    pages.AddTo(verb);
  }
}

void PipelineFlags::FillScope(v1::EngagementScope& scope) const {
  if (!as_of.empty()) {
    *scope.mutable_as_of() = TimeOf(as_of);
  }
  if (!known_at.empty()) {
    *scope.mutable_known_at() = TimeOf(known_at);
  }
  v1::PopulationFilter& accounts = *scope.mutable_accounts();
  accounts.set_region(region);
  accounts.set_segment(segment);
  accounts.set_owner(owner);
  accounts.set_tier_id(tier);
  accounts.set_club_id(club);
}

std::string TimeOrDash(bool given, const google::protobuf::Timestamp& time) { return given ? FormatTime(time) : "-"; }

std::string MoneyOrDash(bool given, const ev::Money& money) { return given ? FormatMoney(money) : "-"; }

void PrintSums(Session& session, const google::protobuf::RepeatedPtrField<v1::ItemSum>& sums) {
  if (session.json()) {
    return;
  }
  for (const v1::ItemSum& sum : sums) {
    session.out() << fmt::format(
        "all that match: {} of {} {}{}\n", FormatCount(sum.items()), FormatMicros(sum.micros()), sum.currency_code(),
        sum.expected_micros() == 0 ? std::string()
                                   : fmt::format(", {} by their chance", FormatMicros(sum.expected_micros())));
  }
}

}  // namespace keyledger::cli
