// keyledger points transfer and transfer-status.
#include "client/cli/commands.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "client/cli/describe.h"
#include "client/cli/poll.h"
#include "client/cli/text.h"
#include "client/cpp/backoff.h"
#include "keyledger/ledger/v1/ledger_service.pb.h"
#include "keyledger/ledger/v1/points_service.pb.h"

namespace keyledger::cli {
namespace {

std::string StateText(const v1::Transfer& transfer) {
  const std::string state = ShortEnum(v1::TransferState_Name(transfer.state()), "TRANSFER_STATE_");
  return transfer.refusal().empty() ? state : state + ": " + ShortEnum(transfer.refusal(), "");
}

void PrintTransfer(Session& session, const v1::Transfer& transfer) {
  Table table({{"transfer"}, {"from"}, {"to"}, {"points", Align::kRight}, {"state"}, {"sent"}, {"ended"}, {"reason"}});
  table.Add({transfer.transfer_id(), transfer.account_id(), transfer.to_account_id(), FormatCount(transfer.points()),
             StateText(transfer), FormatTime(transfer.occurred_time()), FormatTime(transfer.end_record_time()),
             transfer.reason()});
  session.Print(table);
}

// Shows the transfer once it has ended, or as it is after `wait_seconds`.
int ShowTransfer(Session& session, const v1::GetTransferRequest& request, int wait_seconds) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(wait_seconds);
  client::Waiter waiter;
  std::chrono::milliseconds poll = kPollMin;
  while (true) {
    const auto result = session.client().GetTransfer(request);
    const bool in_transit = result.ok() && result->transfer().state() == v1::TRANSFER_STATE_SENT;
    if (in_transit && std::chrono::steady_clock::now() < give_up) {
      waiter.WaitFor(poll);
      poll = std::min(2 * poll, kPollMax);
      continue;
    }
    const int shown = Show(
        session, result, [&](const v1::GetTransferResponse& response) { PrintTransfer(session, response.transfer()); });
    if (in_transit && wait_seconds > 0) {
      session.err() << "still in transit; the ledger goes on: keyledger points transfer-status "
                    << Printable(request.account_id()) << " " << Printable(request.transfer_id()) << "\n";
    }
    return shown;
  }
}

void AddSend(CLI::App* noun, Action& selected) {
  struct Flags {
    WriteFlags write;
    std::string transfer;
    std::string to;
    std::string points;
    std::string reason;
    int wait = 10;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = AddVerb(noun, "transfer", "Sends points to another account and waits until they are there or back",
                           selected, [flags](Session& session) {
                             const std::optional<int64_t> points = ParseInteger(flags->points);
                             if (!points) {
                               return session.Usage(fmt::format("'{}' is no number of points", flags->points));
                             }
                             ev::Event event;
                             ev::PointsTransferSent& sent = *event.mutable_points_transfer_sent();
                             sent.set_transfer_id(flags->transfer);
                             sent.set_to_account_id(flags->to);
                             sent.set_points(*points);
                             sent.set_reason(flags->reason);
                             std::optional<v1::AppendRequest> append =
                                 MakeAppend(session, flags->write, std::move(event));
                             if (!append) {
                               return static_cast<int>(kExitUsage);
                             }
                             const auto appended = session.client().Append(*std::move(append));
                             if (!appended.ok()) {
                               return session.Fail(appended.error());
                             }
                             v1::GetTransferRequest request;
                             request.set_account_id(flags->write.account);
                             request.set_transfer_id(flags->transfer);
                             request.set_min_cursor(appended->cursor());
                             return ShowTransfer(session, request, flags->wait);
                           });
  flags->write.AddTo(verb);
  verb->add_option("TRANSFER", flags->transfer, "Name of the transfer, new for the account")->required();
  verb->add_option("TO", flags->to, "Account that is to have the points")->required();
  verb->add_option("POINTS", flags->points, "Points to send")->required();
  verb->add_option("--reason", flags->reason, "What for");
  verb->add_option("--wait", flags->wait, "Seconds to wait for the outcome, 0 to 3600 (default: 10)")
      ->check(CLI::Range(0, 3600));
}

void AddStatus(CLI::App* noun, Action& selected) {
  struct Flags {
    std::string account;
    std::string transfer;
    ReadFlags read;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = AddVerb(noun, "transfer-status", "Shows how a transfer stands", selected, [flags](Session& session) {
    v1::GetTransferRequest request;
    request.set_account_id(flags->account);
    request.set_transfer_id(flags->transfer);
    flags->read.Fill(request);
    return ShowTransfer(session, request, 0);
  });
  verb->add_option("ACCOUNT", flags->account, "Account that sent it")->required();
  verb->add_option("TRANSFER", flags->transfer, "The transfer")->required();
  flags->read.AddTo(verb, /*with_as_of=*/false);
}

}  // namespace

void AddTransfer(CLI::App* points, Action& selected) {
  AddSend(points, selected);
  AddStatus(points, selected);
}

}  // namespace keyledger::cli
