// keyledger account timeline, profile and profiles; interaction list and attendance: what happened with an account, and
// what is known of it.
#include "client/cli/commands.h"

#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "client/cli/describe.h"
#include "client/cli/figures.h"
#include "client/cli/kind_flag.h"
#include "client/cli/pipeline_flags.h"
#include "keyledger/events/v1/event.pb.h"

namespace keyledger::cli {
namespace {

struct TimelineFlags {
  std::string account;
  std::string as_of;
  std::string known_at;
  std::string start;
  bool decisions = false;
  bool retracted = false;
  KindFlag kinds;
  PageFlags pages;
  ReadFlags read;
};

int ShowTimeline(Session& session, const TimelineFlags& flags) {
  v1::GetTimelineRequest request;
  request.set_account_id(flags.account);
  if (!flags.as_of.empty()) {
    *request.mutable_as_of() = TimeOf(flags.as_of);
  }
  if (!flags.known_at.empty()) {
    *request.mutable_known_at() = TimeOf(flags.known_at);
  }
  if (!flags.start.empty()) {
    *request.mutable_start_time() = TimeOf(flags.start);
  }
  flags.kinds.Fill(request);
  request.set_decisions(flags.decisions);
  request.set_retracted(flags.retracted);
  request.set_min_cursor(flags.read.min_cursor);
  return ShowPages(
      session, request, flags.pages, &client::Client::GetTimeline,
      Table({{"when"}, {"account"}, {"revision", Align::kRight}, {"what"}, {"by"}}),
      [](Table& table, const v1::GetTimelineResponse& response) {
        for (const v1::TimelineEntry& entry : response.entries()) {
          const ev::EventRecord& record = entry.record();
          table.Add({FormatTime(record.occurred_time()), record.account_id(), FormatCount(record.revision()),
                     (entry.retracted() ? "retracted: " : "") + DescribeEvent(record.event()), record.actor()});
        }
      });
}

void AddTimelineFlags(CLI::App* verb, TimelineFlags& flags) {
  verb->add_option("ACCOUNT", flags.account, "The account")->required();
  verb->add_option("--as-of", flags.as_of, "Only what occurred before this time")->check(TimeText());
  verb->add_option("--known-at", flags.known_at, "Only what was recorded before this time")->check(TimeText());
  verb->add_option("--start", flags.start, "Only what occurred from this time on")->check(TimeText());
  verb->add_flag("--retracted", flags.retracted, "Also what was taken back");
  flags.pages.AddTo(verb);
  flags.read.AddTo(verb, /*with_as_of=*/false);
}

struct AttendanceFlags {
  PipelineFlags scope;
  std::string activity;
};

int ShowAttendance(Session& session, const AttendanceFlags& flags) {
  v1::ListAttendanceRequest request;
  flags.scope.Fill(request);
  request.set_activity_id(flags.activity);
  v1::ListAttendanceResponse last;
  const int code = ShowPages(session, request, flags.scope.pages, &client::Client::ListAttendance,
                             Table({{"account"}, {"when"}, {"how"}, {"contacts"}, {"ours"}}),
                             [&last](Table& table, const v1::ListAttendanceResponse& response) {
                               for (const v1::Attendance& one : response.attendances()) {
                                 table.Add({one.account_id(), FormatTime(one.occurred_time()),
                                            ShortEnum(ev::InteractionKind_Name(one.kind()), "INTERACTION_KIND_"),
                                            fmt::format("{}", fmt::join(one.contact_ids(), ", ")),
                                            fmt::format("{}", fmt::join(one.people(), ", "))});
                               }
                               last = response;
                             });
  if (code == kExitOk && !session.json()) {
    session.out() << fmt::format("{} accounts, {} contacts\n", FormatCount(last.account_count()),
                                 FormatCount(last.contact_count()));
  }
  return code;
}

void AddAttendance(CLI::App* interaction, Action& selected) {
  auto flags = std::make_shared<AttendanceFlags>();
  CLI::App* verb = AddVerb(interaction, "attendance", "Lists who was at an activity, over all accounts", selected,
                           [flags](Session& session) { return ShowAttendance(session, *flags); });
  verb->footer("Example: keyledger interaction attendance gathering-26");
  verb->add_option("ACTIVITY", flags->activity, "The activity")->required();
  flags->scope.AddTo(verb);
}

std::string GapText(const v1::ProfileGap& gap) {
  std::string text = ShortEnum(v1::GapKind_Name(gap.kind()), "GAP_KIND_");
  if (!gap.name().empty()) {
    text += " " + gap.name();
  }
  return gap.has_last_time() ? fmt::format("{} ({})", text, FormatTime(gap.last_time())) : text;
}

void PrintPosts(Session& session, const v1::GetProfileResponse& profile) {
  if (profile.posts().empty()) {
    return;
  }
  Table table({{"post"}, {"contact"}, {"rank", Align::kRight}, {"key"}, {"since"}, {"known"}, {"last met"}});
  for (const v1::ProfilePost& post : profile.posts()) {
    table.Add({post.post(), post.contact_id().empty() ? "nobody" : post.contact_id(),
               post.rank() == 0 ? "-" : FormatCount(post.rank()), post.key_post() ? "yes" : "",
               TimeOrDash(post.has_since_time(), post.since_time()),
               fmt::format("{}", fmt::join(post.known_fields(), ", ")),
               TimeOrDash(post.has_last_met_time(), post.last_met_time())});
  }
  session.out() << "\n";
  session.Print(table);
}

void PrintReports(Session& session, const v1::GetProfileResponse& profile) {
  Table table({{""}, {"what"}, {"since"}});
  for (const v1::ProfileFact& fact : profile.facts()) {
    table.Add({"fact",
               fact.fact().key() + " = " + fact.fact().value() + (fact.person().empty() ? "" : ", by " + fact.person()),
               FormatTime(fact.stated_time())});
  }
  for (const v1::ProfileNeed& need : profile.needs()) {
    table.Add({"need", need.need().need_id() + ": " + need.need().description(), FormatTime(need.stated_time())});
  }
  for (const v1::ProfilePosition& position : profile.positions()) {
    table.Add({"sees us as",
               ShortEnum(ev::PositionLevel_Name(position.position().level()), "POSITION_LEVEL_") +
                   (position.position().contact_id().empty() ? "" : ", says " + position.position().contact_id()),
               FormatTime(position.stated_time())});
  }
  for (const v1::ProfileValue& value : profile.values()) {
    table.Add(
        {"worth",
         fmt::format("{}, changed by {}", FormatMoney(value.valued().value()), FormatMicros(value.change_micros())),
         FormatTime(value.stated_time())});
  }
  for (int i = 0; i < profile.tender_lists_size(); ++i) {
    const ev::TenderListStated& list = profile.tender_lists(i);
    table.Add(
        {"tender list",
         list.list_id() + " " + list.issuer() + (list.has_end_time() ? ", until " + FormatTime(list.end_time()) : ""),
         i < profile.tender_list_times_size() ? FormatTime(profile.tender_list_times(i)) : ""});
  }
  for (const ev::EvaluationRecorded& one : profile.evaluations()) {
    table.Add({"evaluation",
               fmt::format("{}{}: {}{}{}", one.aspect(), one.sku().empty() ? "" : " of " + one.sku(),
                           ShortEnum(ev::EvaluationResult_Name(one.result()), "EVALUATION_RESULT_"),
                           one.contact_id().empty() ? "" : ", says " + one.contact_id(),
                           one.note().empty() ? "" : ": " + one.note()),
               ""});
  }
  for (const ev::AdaptationRecorded& one : profile.adaptations()) {
    table.Add({one.ours() ? "adapted by us" : "adapted by them",
               ShortEnum(ev::AdaptationKind_Name(one.kind()), "ADAPTATION_KIND_") + ": " + one.description(), ""});
  }
  if (profile.has_ceded()) {
    table.Add({"given up", profile.ceded().competitor() + ": " + profile.ceded().reason(), ""});
  }
  if (!table.empty()) {
    session.out() << "\n";
    session.Print(table);
  }
}

void PrintProfile(Session& session, const v1::GetProfileResponse& profile) {
  const v1::SwitchingCost& cost = profile.switching_cost();
  Table table = Table::Fields();
  table.Add({"account", profile.account_id()});
  table.Add({"time zone", profile.time_zone()});
  for (const v1::CoveringPerson& person : profile.people()) {
    table.Add({"ours", fmt::format("{} ({}), {} times", person.person(), fmt::join(person.roles(), ", "),
                                   FormatCount(person.interactions()))});
  }
  table.Add({"contracts run for", FormatCount(cost.contract_days()) + " days"});
  table.Add({"early end costs", FormatMicros(cost.penalty_micros()) + " " + cost.currency_code()});
  table.Add({"time invested", fmt::format("{} minutes of ours, {} of theirs", FormatCount(cost.our_minutes()),
                                          FormatCount(cost.account_minutes()))});
  if (cost.has_points()) {
    table.Add({"points", FormatCount(cost.points())});
  }
  table.Add({"entitlements", FormatCount(cost.entitlements())});
  table.Add({"categories", FormatCount(cost.categories())});
  for (const ev::Money& saved : profile.saved()) {
    table.Add({"saved by bundles", FormatMoney(saved)});
  }
  for (const v1::ProfileGap& gap : profile.gaps()) {
    table.Add({"missing", GapText(gap)});
  }
  session.Print(table);
  PrintPosts(session, profile);
  PrintReports(session, profile);
}

int ShowProfile(Session& session, const TimelineFlags& flags) {
  v1::GetProfileRequest request;
  request.set_account_id(flags.account);
  flags.read.Fill(request);
  if (!flags.known_at.empty()) {
    *request.mutable_known_at() = TimeOf(flags.known_at);
  }
  const client::Result<v1::GetProfileResponse> result = session.client().GetProfile(request);
  const bool of_a_moment = request.has_as_of() || request.has_known_at();
  if (!result.ok() && result.error().reason == "ACCOUNT_NOT_FOUND" && of_a_moment &&
      result.error().Metadata("into_account_id").empty()) {
    return session.Fail(result.error(), "look for it at another moment, or without --as-of and --known-at");
  }
  return Show(session, result, [&](const v1::GetProfileResponse& profile) { PrintProfile(session, profile); });
}

int ShowProfiles(Session& session, const PipelineFlags& flags, bool complete_too) {
  v1::ListProfilesRequest request;
  flags.Fill(request);
  request.set_complete_too(complete_too);
  v1::ListProfilesResponse last;
  const int code = ShowPages(session, request, flags.pages, &client::Client::ListProfiles,
                             Table({{"account"}, {"owner"}, {"asked", Align::kRight}, {"missing"}}),
                             [&last](Table& table, const v1::ListProfilesResponse& response) {
                               for (const v1::ProfileState& profile : response.profiles()) {
                                 std::vector<std::string> gaps;
                                 for (const v1::ProfileGap& gap : profile.gaps()) {
                                   gaps.push_back(GapText(gap));
                                 }
                                 table.Add({profile.account_id(), profile.owner(), FormatCount(profile.required()),
                                            fmt::format("{}", fmt::join(gaps, ", "))});
                               }
                               last = response;
                             });
  if (code == kExitOk && !session.json()) {
    session.out() << fmt::format("{} accounts are asked for a profile, {} are complete\n",
                                 FormatCount(last.account_count()), FormatCount(last.complete_count()));
  }
  return code;
}

}  // namespace

void AddProfileCommands(CLI::App& root, Action& selected) {
  CLI::App* noun = Noun(root, "account", "Accounts: who they are");
  {
    auto flags = std::make_shared<TimelineFlags>();
    CLI::App* verb = AddVerb(noun, "timeline", "Lists everything that happened with an account, newest first", selected,
                             [flags](Session& session) { return ShowTimeline(session, *flags); });
    verb->footer("Example: keyledger account timeline acme --kind gift-given --kind service-provided");
    AddTimelineFlags(verb, *flags);
    flags->kinds.AddTo(verb, *ev::EventKind_descriptor());
    verb->add_flag("--decisions", flags->decisions, "Decisions of the ledger, too");
  }
  {
    auto flags = std::make_shared<TimelineFlags>();
    CLI::App* verb = AddVerb(noun, "profile", "Shows what is known of an account as a partner", selected,
                             [flags](Session& session) { return ShowProfile(session, *flags); });
    verb->footer("Example: keyledger account profile acme");
    verb->add_option("ACCOUNT", flags->account, "The account")->required();
    verb->add_option("--known-at", flags->known_at, "Only what was recorded before this time")->check(TimeText());
    flags->read.AddTo(verb);
  }
  {
    auto flags = std::make_shared<PipelineFlags>();
    auto complete = std::make_shared<bool>(false);
    CLI::App* verb = AddVerb(noun, "profiles", "Lists accounts of which something is not known, or stale", selected,
                             [flags, complete](Session& session) { return ShowProfiles(session, *flags, *complete); });
    verb->footer("Example: keyledger account profiles --owner km-07");
    verb->add_flag("--complete", *complete, "Complete profiles, too");
    flags->AddTo(verb);
  }
  AddManagement(noun, selected);
  AddProspects(noun, selected);
  auto flags = std::make_shared<TimelineFlags>();
  flags->kinds.names = {"interaction-planned", "interaction-made", "interaction-missed"};
  CLI::App* interaction = Noun(root, "interaction", "Occasions on which we and an account met, spoke or wrote");
  CLI::App* verb = AddVerb(interaction, "list", "Lists interactions with an account, newest first", selected,
                           [flags](Session& session) { return ShowTimeline(session, *flags); });
  verb->footer("Example: keyledger interaction list acme");
  AddTimelineFlags(verb, *flags);
  AddAttendance(interaction, selected);
}

}  // namespace keyledger::cli
