// keyledger demo load: the programs of the story, all accounts through AppendStream, then the reviews of the programs
// that rank.
#include <algorithm>
#include <map>
#include <mutex>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "client/cli/commands.h"
#include "client/cli/demo_generator.h"
#include "client/cli/demo_story.h"
#include "client/cli/import.h"
#include "client/cli/poll.h"
#include "client/cli/progress.h"
#include "client/cli/text.h"
#include "client/cpp/appender.h"
#include "client/cpp/backoff.h"
#include "keyledger/ledger/v1/ledger_service.pb.h"
#include "keyledger/ledger/v1/program_service.pb.h"
#include "keyledger/ledger/v1/tier_service.pb.h"

namespace keyledger::cli {
namespace {

struct LoadOptions {
  DemoOptions generated;
  bool no_story = false;
};

// What became of the requests. Filled by the appender's callbacks.
struct Tally {
  std::mutex mutex;
  uint64_t applied = 0;
  uint64_t replayed = 0;
  std::map<std::string, uint64_t> refused;
  std::optional<client::ClientError> fatal;

  // Redemptions refused for want of points, to be recorded as declined.
  std::vector<v1::AppendRequest> declined;

  // `redemption`: the request, if it is one.
  void Add(const client::Result<v1::AppendResponse>& result, const std::shared_ptr<v1::AppendRequest>& redemption) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (result.ok()) {
      (result->replayed() ? replayed : applied) += 1;
      return;
    }
    if (redemption && result.error().reason == "REQUEST_ID_REUSED") {
      ++replayed;  // declined by an earlier run
      return;
    }
    if (redemption && result.error().reason == "INSUFFICIENT_POINTS") {
      declined.push_back(*redemption);
    }
    const int code = ExitCodeOf(result.error());
    if (code == kExitUnavailable || code == kExitInternal) {
      fatal = fatal ? fatal : result.error();
    } else {
      ++refused[result.error().reason.empty() ? std::string(client::CodeName(result.error().code))
                                              : result.error().reason];
    }
  }
};

void PrintTally(Session& session, const Tally& tally, uint64_t requests, double seconds) {
  if (session.json()) {
    nlohmann::json summary = {{"requests", requests}, {"applied", tally.applied}, {"already_there", tally.replayed}};
    summary["refused"] = tally.refused;
    session.out() << summary.dump() << "\n" << std::flush;
    return;
  }
  Table table({{"demo"}, {"", Align::kRight}});
  table.Add({"requests", FormatCount(requests)});
  table.Add({"applied", FormatCount(tally.applied)});
  table.Add({"already there", FormatCount(tally.replayed)});
  for (const auto& [reason, count] : tally.refused) {
    table.Add({"refused, " + reason, FormatCount(count)});
  }
  session.Print(table);
  if (tally.applied == 0 && tally.replayed > 0) {
    session.out() << "The demo was loaded before: nothing has changed.\n" << std::flush;
  }
  session.err() << fmt::format(
      "{:.1f} s, {} requests/s\n", seconds,
      FormatCount(static_cast<int64_t>(static_cast<double>(requests) / std::max(seconds, 1e-3))));
}

// Turns a refused redemption into a record of it under the same request id. A refusal leaves no trace in the ledger, so
// without this a second run would ask again, and an account that has earned more since would be granted what the story
// says it was not.
v1::AppendRequest Declined(v1::AppendRequest request) {
  ev::Event& event = *request.mutable_events(0)->mutable_event();
  const int64_t points = event.points_redeemed().points();
  event.mutable_custom_event()->set_type("keyledger.demo.redemption_declined");
  event.mutable_custom_event()->set_content_type("application/json");
  event.mutable_custom_event()->set_data(fmt::format("{{\"points\":{}}}", points));
  return request;
}

// Sends what has been declined since it was last asked. False once the server has failed.
bool SendDeclined(Tally& tally, client::PipelinedAppender& appender) {
  std::vector<v1::AppendRequest> declined;
  {
    const std::lock_guard<std::mutex> lock(tally.mutex);
    if (tally.fatal) {
      return false;
    }
    declined.swap(tally.declined);
  }
  for (v1::AppendRequest& request : declined) {
    appender.Append(Declined(std::move(request)), [&tally](const auto& result) {
      // Its refusal has been counted; only a failure matters here.
      if (!result.ok()) {
        tally.Add(result, nullptr);
      }
    });
  }
  return true;
}

// A second time nothing is published. Returns the exit code.
int PublishPrograms(Session& session) {
  for (const v1::PublishProgramRequest& request : DemoPrograms()) {
    const auto result = session.client().PublishProgram(request);
    if (!result.ok()) return session.Fail(result.error());
  }
  return kExitOk;
}

// Follows a review to its end: they come one at a time.
int WaitForReview(Session& session, const std::string& review_id) {
  client::Waiter waiter;
  std::chrono::milliseconds poll = kPollMin;
  v1::GetReviewRequest request;
  request.set_review_id(review_id);
  request.set_page_size(1);
  while (true) {
    const auto result = session.client().GetReview(request);
    if (!result.ok()) return session.Fail(result.error());
    const v1::ReviewState state = result->review().state();
    if (state == v1::REVIEW_STATE_COMPLETED) return kExitOk;
    if (state == v1::REVIEW_STATE_FAILED) {
      session.err() << Printable(review_id) << " failed: " << Printable(result->review().detail()) << "\n";
      return kExitInternal;
    }
    waiter.WaitFor(poll);
    poll = std::min(2 * poll, kPollMax);
  }
}

// A second time the reviews of the first are found. Returns the exit code.
int RunReviews(Session& session) {
  for (const v1::StartReviewRequest& request : DemoReviews()) {
    const auto result = session.client().StartReview(request);
    if (!result.ok()) return session.Fail(result.error());
    const int code = WaitForReview(session, result->review().review_id());
    if (code != kExitOk) return code;
  }
  return kExitOk;
}

// The story first: it is written, and the same however many accounts are generated.
std::vector<v1::AppendRequest> AllRequests(const LoadOptions& options) {
  std::vector<v1::AppendRequest> requests;
  if (!options.no_story) requests = DemoStory();
  for (v1::AppendRequest& request : DemoRequests(options.generated)) requests.push_back(std::move(request));
  return requests;
}

int Load(Session& session, const LoadOptions& options) {
  if (!options.no_story) {
    const int published = PublishPrograms(session);
    if (published != kExitOk) return published;
  }
  std::vector<v1::AppendRequest> requests = AllRequests(options);
  Tally tally;
  Progress progress(session.err(), session.err_is_terminal(), "loading", requests.size());
  uint64_t sent = 0;
  {
    client::AppenderOptions appender_options;
    appender_options.give_up_after = std::max(session.timeout(), std::chrono::milliseconds(1000));
    client::PipelinedAppender appender(session.client().channel(), appender_options);
    for (v1::AppendRequest& request : requests) {
      if (!SendDeclined(tally, appender)) {
        break;
      }
      progress.Update(++sent);
      std::shared_ptr<v1::AppendRequest> redemption;
      if (request.events(0).event().has_points_redeemed()) {
        redemption = std::make_shared<v1::AppendRequest>(request);
      }
      appender.Append(std::move(request), [&tally, redemption](const auto& result) { tally.Add(result, redemption); });
    }
    appender.Flush();
    SendDeclined(tally, appender);
    appender.Flush();
  }
  progress.Finish(sent);
  if (tally.fatal) {
    session.err() << "loading stopped; run it again to go on: what is in the ledger already stays as it is\n";
    return session.Fail(*tally.fatal);
  }
  const double seconds = progress.seconds();
  if (!options.no_story) {
    const int reviewed = RunReviews(session);
    if (reviewed != kExitOk) return reviewed;
  }
  WaitForProjections(session);
  PrintTally(session, tally, requests.size(), seconds);
  // A redemption of more points than there are is part of the story, a refusal of another kind is not.
  const bool expected =
      tally.refused.empty() || (tally.refused.size() == 1 && tally.refused.count("INSUFFICIENT_POINTS") == 1);
  return expected ? kExitOk : kExitPartly;
}

}  // namespace

void AddDemoCommands(CLI::App& root, Action& selected) {
  CLI::App* noun = root.add_subcommand("demo", "A ledger to try things on");
  auto options = std::make_shared<LoadOptions>();
  CLI::App* verb = AddVerb(noun, "load", "Loads three years of made-up accounts; running it twice changes nothing",
                           selected, [options](Session& session) { return Load(session, *options); });
  verb->add_option("--accounts", options->generated.accounts, "Number of accounts beside the story's forty")
      ->check(CLI::Range(1u, kDemoAccountsMax))
      ->capture_default_str();
  verb->add_option("--seed", options->generated.seed, "Another seed, other accounts")->capture_default_str();
  verb->add_flag("--no-story", options->no_story, "Without the five programs and the forty accounts under them");
}

}  // namespace keyledger::cli
