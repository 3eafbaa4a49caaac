// See merge_outcome.h.
#include "client/cli/merge_outcome.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include <fmt/format.h>

#include "client/cli/describe.h"
#include "client/cli/poll.h"
#include "client/cli/text.h"
#include "client/cpp/backoff.h"
#include "keyledger/ledger/v1/ledger_service.pb.h"

namespace keyledger::cli {
namespace {

void Print(Session& session, const ev::EventRecord& end) {
  if (session.json()) {
    session.PrintJson(end);
  } else if (end.event().has_account_merge_completed()) {
    session.out() << "merged into " << Printable(end.event().account_merge_completed().into_account_id()) << "\n";
  } else {
    const ev::AccountMergeReturned& returned = end.event().account_merge_returned();
    session.out() << fmt::format("not merged: account {} refused with {}; all is as it was before\n",
                                 Printable(returned.into_account_id()), ShortEnum(returned.refusal(), ""));
  }
}

}  // namespace

int ShowMergeOutcome(Session& session, const std::string& account_id, const v1::AppendResponse& appended,
                     int wait_seconds) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(wait_seconds);
  client::Waiter waiter;
  std::chrono::milliseconds poll = kPollMin;
  v1::ReadAccountRequest request;
  request.set_account_id(account_id);
  request.set_from_revision(appended.events(0).revision() + 1);
  request.set_limit(1);
  while (true) {
    std::optional<ev::EventRecord> next;
    const auto error = session.client().ReadAccount(request, [&](const v1::ReadAccountResponse& frame) {
      for (const std::string& bytes : frame.records()) {
        ev::EventRecord record;
        if (record.ParseFromString(bytes)) next = std::move(record);
      }
      return true;
    });
    if (error) {
      return session.Fail(*error);
    }
    if (next && (next->event().has_account_merge_completed() || next->event().has_account_merge_returned())) {
      Print(session, *next);
      return kExitOk;
    }
    if (next) {
      request.set_from_revision(next->revision() + 1);
    } else if (std::chrono::steady_clock::now() < give_up) {
      waiter.WaitFor(poll);
      poll = std::min(2 * poll, kPollMax);
    } else {
      session.err() << "still under way; the ledger goes on: keyledger account get " << Printable(account_id) << "\n";
      return kExitOk;
    }
  }
}

}  // namespace keyledger::cli
