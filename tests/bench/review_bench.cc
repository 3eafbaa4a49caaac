// A population review over many accounts: how fast, and in how much memory.
#include <time.h>

#include <algorithm>

#include "tests/bench/bench.h"

namespace keyledger::bench {
namespace {

constexpr double kMebibyte = 1 << 20;

// The first 5 % and the next 20 % by net spend, as classes of key accounts are commonly cut.
constexpr char kRankingProgram[] = R"(program_id: ranking
time_zone: UTC
currency_code: USD
effective_from: 1990-01-01
tier_ladder:
  ladder_id: class
  metric: net_spend
  window: {lifetime: true}
  review_period: year
  tiers:
    - {tier_id: other}
    - {tier_id: next, entrance_rule: {any_of: [{all_of: [{top_percent_milli: 25_000}]}]}}
    - {tier_id: core, entrance_rule: {any_of: [{all_of: [{top_percent_milli: 5_000}]}]}}
)";

// 2025-07-01T00:00:00Z, after all purchases.
constexpr int64_t kAsOfSeconds = 1'751'328'000;

}  // namespace

void BenchReview(Ledger& ledger, const Scale& scale, Report& report) {
  ledger.PublishProgram(kRankingProgram);
  ledger.OpenAccounts(scale.reviewed);
  ledger.SendPurchases(scale.reviewed, 1);
  ledger.AwaitProjections();
  // What filling the ledger left in memory is not the review's.
  ledger.Restart();
  ledger.AwaitProjections();
  const double before = static_cast<double>(ledger.server().ResidentBytes());
  ledger::v1::StartReviewRequest start;
  start.set_program_id("ranking");
  start.mutable_as_of()->set_seconds(kAsOfSeconds);
  start.set_request_id("bench");
  start.set_validate_only(true);
  ledger::v1::StartReviewResponse started;
  grpc::ClientContext context;
  const double begin = Now();
  if (const grpc::Status status = ledger.tiers().StartReview(&context, start, &started); !status.ok()) {
    Fail("StartReview: " + status.error_message());
  }
  ledger::v1::GetReviewRequest get;
  get.set_review_id(started.review().review_id());
  get.set_page_size(1);
  ledger::v1::GetReviewResponse got;
  double most = before;
  while (got.review().state() != ledger::v1::REVIEW_STATE_COMPLETED) {
    const timespec pause{0, 5'000'000};
    nanosleep(&pause, nullptr);
    grpc::ClientContext poll;
    if (!ledger.tiers().GetReview(&poll, get, &got).ok() || got.review().state() == ledger::v1::REVIEW_STATE_FAILED) {
      Fail("GetReview: " + got.review().detail());
    }
    most = std::max(most, static_cast<double>(ledger.server().ResidentBytes()));
  }
  const double seconds = Now() - begin;
  const auto population = static_cast<double>(got.review().population());
  report.Figure("review, ranked and decided", "accounts/s", {population / seconds});
  report.Figure("review, ranking", "bytes/account", {static_cast<double>(got.review().ranking_bytes()) / population});
  report.Figure("review, growth of resident memory", "MiB", {std::max(most - before, 4096.0) / kMebibyte});
}

}  // namespace keyledger::bench
