// keyledger tier review: start, show, list.
#include "client/cli/commands.h"

#include <fmt/format.h>

#include "client/cli/describe.h"
#include "client/cli/program_name.h"
#include "client/cli/progress.h"
#include "client/cli/text.h"
#include "client/cpp/backoff.h"
#include "keyledger/ledger/v1/tier_service.pb.h"

namespace keyledger::cli {
namespace {

constexpr std::chrono::milliseconds kPoll{200};

std::string StateText(const v1::Review& review) {
  return ShortEnum(v1::ReviewState_Name(review.state()), "REVIEW_STATE_");
}

std::string ValueText(const ev::PopulationCut& cut, int64_t value) {
  return MetricValueText(cut.metric(), cut.growth(), value, {});
}

std::string CutText(const ev::PopulationCut& cut) {
  const auto percent = [](uint32_t milli) { return fmt::format("{}.{:03} %", milli / 1000, milli % 1000); };
  switch (cut.cut_case()) {
    case ev::PopulationCut::kTopCount:
      return fmt::format("top {}", cut.top_count());
    case ev::PopulationCut::kTopPercentMilli:
      return fmt::format("top {} of accounts", percent(cut.top_percent_milli()));
    case ev::PopulationCut::kCoveringPercentMilli:
      return fmt::format("fewest holding {}", percent(cut.covering_percent_milli()));
    case ev::PopulationCut::CUT_NOT_SET:
      break;
  }
  return "";
}

void PrintReview(Session& session, const v1::Review& review) {
  Table head = Table::Fields();
  head.Add({"review", review.review_id()});
  head.Add({"program", fmt::format("{} version {}", review.program_id(), review.program_version())});
  head.Add({"ladder", review.ladder_id()});
  head.Add({"as of", FormatTime(review.as_of())});
  head.Add({"state", StateText(review)});
  if (!review.detail().empty()) {
    head.Add({"detail", review.detail()});
  }
  if (!review.reruns_review_id().empty()) {
    head.Add({"reruns", review.reruns_review_id()});
  }
  head.Add({"started", FormatTime(review.start_time())});
  if (review.has_complete_time()) {
    head.Add({"ended", FormatTime(review.complete_time())});
  }
  head.Add({"population", FormatCount(review.population())});
  head.Add({review.validate_only() ? "would rise" : "raised", FormatCount(review.raised())});
  head.Add({review.validate_only() ? "would fall" : "lowered", FormatCount(review.lowered())});
  if (review.begun() > 0) {
    head.Add({"new on the ladder", FormatCount(review.begun())});
  }
  head.Add({"held by a lock", FormatCount(review.locked())});
  head.Add({"changed meanwhile", FormatCount(review.overtaken())});
  if (review.undecided() > 0) {
    head.Add({"could not be decided", FormatCount(review.undecided())});
  }
  session.Print(head);
  if (review.cuts().empty()) {
    return;
  }
  session.out() << "\n";
  Table cuts({{"cut"},
              {"metric"},
              {"ranked", Align::kRight},
              {"members", Align::kRight},
              {"cut value", Align::kRight},
              {"last member"}});
  for (const ev::PopulationCut& cut : review.cuts()) {
    cuts.Add({CutText(cut), ShortEnum(ev::Metric_Name(cut.metric()), "METRIC_"), FormatCount(cut.ranked()),
              FormatCount(cut.members()), ValueText(cut, cut.last_value()), cut.last_account_id()});
  }
  session.Print(cuts);
}

void PrintChanges(Session& session, const v1::Review& review, const std::vector<v1::ReviewChange>& changes,
                  uint64_t total) {
  if (changes.empty()) {
    return;
  }
  const bool rerun = !review.reruns_review_id().empty();
  session.out() << fmt::format("\n{} of {} changes\n", FormatCount(changes.size()), FormatCount(total));
  Table table(
      rerun ? std::vector<Column>{{"account"},
                                  {"held"},
                                  {"earlier review"},
                                  {"tier"},
                                  {"value before", Align::kRight},
                                  {"value", Align::kRight},
                                  {"rank", Align::kRight}}
            : std::vector<Column>{{"account"}, {"held"}, {"tier"}, {"value", Align::kRight}, {"rank", Align::kRight}});
  for (const v1::ReviewChange& change : changes) {
    std::vector<std::string> row{change.account_id(), change.held_tier_id().empty() ? "none" : change.held_tier_id()};
    if (rerun) {
      row.push_back(change.earlier_tier_id().empty() ? "none" : change.earlier_tier_id());
    }
    row.push_back(change.tier_id());
    std::string before;
    std::string value;
    std::string rank;
    // The first cut speaks for the account; the others are in the JSON.
    if (change.values_size() > 0 && review.cuts_size() > 0) {
      const v1::ReviewedValue& first = change.values(0);
      before = first.has_earlier_value() ? ValueText(review.cuts(0), first.earlier_value()) : "unknown";
      value = first.has_value() ? ValueText(review.cuts(0), first.value()) : "unknown";
      rank = first.rank() > 0 ? FormatCount(first.rank()) : "none";
    }
    if (rerun) {
      row.push_back(before);
    }
    row.push_back(value);
    row.push_back(rank);
    table.Add(row);
  }
  session.Print(table);
}

// Prints a review with its changes: one page, or all of them.
int ShowReview(Session& session, const std::string& review_id, const PageFlags& page) {
  v1::GetReviewRequest request;
  request.set_review_id(review_id);
  request.set_page_size(page.page_size);
  request.set_page_token(page.page_token);
  std::vector<v1::ReviewChange> changes;
  while (true) {
    const auto result = session.client().GetReview(request);
    if (!result.ok()) {
      return session.Fail(result.error());
    }
    request.set_page_token(result->next_page_token());
    const bool last = !page.all || request.page_token().empty();
    if (session.json()) {
      session.PrintJson(*result);
    } else {
      changes.insert(changes.end(), result->changes().begin(), result->changes().end());
      if (last) {
        PrintReview(session, result->review());
        PrintChanges(session, result->review(), changes, result->changes_total());
      }
    }
    if (last) {
      break;
    }
  }
  if (!session.json() && !request.page_token().empty()) {
    // Named whole: after `start` the same line again would start another review.
    const std::string show = "keyledger tier review show " + Printable(review_id);
    session.err() << fmt::format("more: {} --all, or {} --page-token {}\n", show, show, request.page_token());
  }
  return kExitOk;
}

// Follows a review to its end, which comes whether or not it is followed: the review is named first of all.
int WaitForReview(Session& session, const std::string& review_id, const PageFlags& page) {
  session.err() << "following " << Printable(review_id) << "\n" << std::flush;
  client::Waiter waiter;
  std::unique_ptr<Progress> progress;
  v1::GetReviewRequest request;
  request.set_review_id(review_id);
  request.set_page_size(1);
  while (true) {
    const auto result = session.client().GetReview(request);
    if (!result.ok()) {
      const int code = session.Fail(result.error());
      session.err() << "go on with: keyledger tier review show " << Printable(review_id) << "\n";
      return code;
    }
    const v1::Review& review = result->review();
    // Every account is read twice.
    const uint64_t done = review.accounts_measured() + review.accounts_decided();
    const bool over = review.state() == v1::REVIEW_STATE_COMPLETED || review.state() == v1::REVIEW_STATE_FAILED;
    // Counting comes first: until then the end is not known.
    if (!progress && (over || review.accounts_measured() > 0)) {
      progress =
          std::make_unique<Progress>(session.err(), session.err_is_terminal(), "reviewing", 2 * review.accounts());
    }
    if (over) {
      progress->Finish(done);
      const int shown = ShowReview(session, review_id, page);
      return review.state() == v1::REVIEW_STATE_FAILED && shown == kExitOk ? kExitInternal : shown;
    }
    if (progress) {
      progress->Update(done);
    }
    waiter.WaitFor(kPoll);
  }
}

void AddStart(CLI::App* noun, Action& selected) {
  struct Flags {
    std::string program;
    std::string ladder;
    std::string as_of;
    std::string request_id;
    std::string actor;
    std::string reruns;
    bool preview = false;
    bool no_wait = false;
    PageFlags page;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = AddVerb(
      noun, "start", "Ranks all accounts of a program as of a moment and assigns tiers; shows progress", selected,
      [flags](Session& session) {
        const std::optional<ProgramName> program = ParseProgramName(session, flags->program);
        if (!program) {
          return kExitUsage;
        }
        v1::StartReviewRequest request;
        request.set_program_id(program->id);
        request.set_program_version(program->version);
        request.set_ladder_id(flags->ladder);
        *request.mutable_as_of() = TimeOf(flags->as_of);
        request.set_request_id(flags->request_id);
        request.set_actor(flags->actor);
        request.set_validate_only(flags->preview);
        request.set_reruns_review_id(flags->reruns);
        const auto result = session.client().StartReview(request);
        if (!result.ok() || flags->no_wait) {
          return Show(session, result,
                      [&](const v1::StartReviewResponse& response) { PrintReview(session, response.review()); });
        }
        return WaitForReview(session, result->review().review_id(), flags->page);
      });
  verb->add_option("PROGRAM", flags->program, "ID for the version in force then, or ID@VERSION")->required();
  verb->add_option("--as-of", flags->as_of,
                   "The moment reviewed, exclusive: a date, or a time (RFC 3339) at a whole quarter of an hour")
      ->required()
      ->check(TimeText());
  verb->add_option("--ladder", flags->ladder, "Ladder (default: the program's)");
  verb->add_flag("--preview", flags->preview, "Compute and show everything, record nothing");
  verb->add_option("--reruns", flags->reruns, "The earlier review of this moment to repeat with what is known now");
  verb->add_flag("--no-wait", flags->no_wait, "Return at once; tier review show shows the progress");
  verb->add_option("--request-id", flags->request_id, "Makes the request safe to repeat (default: a new random id)");
  verb->add_option("--actor", flags->actor, "Who starts it");
  flags->page.AddTo(verb);
}

void AddShow(CLI::App* noun, Action& selected) {
  struct Flags {
    std::string review;
    PageFlags page;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = AddVerb(noun, "show", "Shows a review or preview and what it changes", selected,
                           [flags](Session& session) { return ShowReview(session, flags->review, flags->page); });
  verb->add_option("REVIEW", flags->review, "Review id, for example review-1")->required();
  flags->page.AddTo(verb);
}

void AddList(CLI::App* noun, Action& selected) {
  auto page = std::make_shared<PageFlags>();
  CLI::App* verb = AddVerb(noun, "list", "Lists recorded reviews, latest first", selected, [page](Session& session) {
    Table table({{"review"},
                 {"program"},
                 {"ladder"},
                 {"as of"},
                 {"state"},
                 {"population", Align::kRight},
                 {"raised", Align::kRight},
                 {"lowered", Align::kRight},
                 {"reruns"},
                 {"ended"}});
    return ShowPages(
        session, v1::ListReviewsRequest(), *page, &client::Client::ListReviews, table,
        [](Table& rows, const v1::ListReviewsResponse& response) {
          for (const v1::Review& review : response.reviews()) {
            rows.Add({review.review_id(), fmt::format("{} version {}", review.program_id(), review.program_version()),
                      review.ladder_id(), FormatTime(review.as_of()), StateText(review),
                      FormatCount(review.population()), FormatCount(review.raised()), FormatCount(review.lowered()),
                      review.reruns_review_id(), review.has_complete_time() ? FormatTime(review.complete_time()) : ""});
          }
        });
  });
  page->AddTo(verb);
}

}  // namespace

void AddReviewCommands(CLI::App* tier, Action& selected) {
  CLI::App* noun = tier->add_subcommand("review", "Reviews that rank accounts: start, show, list");
  noun->require_subcommand(1);
  AddStart(noun, selected);
  AddShow(noun, selected);
  AddList(noun, selected);
}

}  // namespace keyledger::cli
