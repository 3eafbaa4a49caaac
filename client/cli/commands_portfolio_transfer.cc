// keyledger owner transfer-all, transfer-status and transfers: what one person has for all accounts goes to another.
#include "client/cli/commands.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "client/cli/describe.h"
#include "client/cli/fact_verb.h"
#include "client/cli/poll.h"
#include "client/cli/text.h"
#include "client/cpp/backoff.h"
#include "keyledger/ledger/v1/engagement_service.pb.h"

namespace keyledger::cli {
namespace {

Table TransferTable() {
  return Table({{"transfer"},
                {"from"},
                {"to"},
                {"role"},
                {"reason"},
                {"state"},
                {"accounts", Align::kRight},
                {"went over", Align::kRight},
                {"overtaken", Align::kRight},
                {"undecided", Align::kRight},
                {"began"},
                {"ended"}});
}

void AddRow(Table& table, const v1::PortfolioTransfer& transfer) {
  const ev::PortfolioTransferStarted& started = transfer.started();
  table.Add({started.transfer_id(), started.from_person(), started.to_person().empty() ? "nobody" : started.to_person(),
             started.role().empty() ? "all" : started.role(),
             ShortEnum(ev::OwnerChangeReason_Name(started.reason()), "OWNER_CHANGE_REASON_"),
             ShortEnum(v1::PortfolioTransferState_Name(transfer.state()), "PORTFOLIO_TRANSFER_STATE_"),
             FormatCount(transfer.accounts()), FormatCount(transfer.transferred()), FormatCount(transfer.overtaken()),
             FormatCount(transfer.undecided()), FormatTime(transfer.start_time()),
             FormatTime(transfer.complete_time())});
}

void PrintTransfer(Session& session, const v1::PortfolioTransfer& transfer) {
  Table table = TransferTable();
  AddRow(table, transfer);
  session.Print(table);
  if (!transfer.detail().empty()) {
    session.out() << Printable(transfer.detail()) << "\n";
  }
}

// Shows the transfer once every account was looked at, or as it is after `wait_seconds`.
int ShowTransfer(Session& session, const std::string& transfer_id, int wait_seconds) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(wait_seconds);
  v1::GetPortfolioTransferRequest request;
  request.set_transfer_id(transfer_id);
  client::Waiter waiter;
  std::chrono::milliseconds poll = kPollMin;
  while (true) {
    const auto result = session.client().GetPortfolioTransfer(request);
    const bool running = result.ok() && result->transfer().state() == v1::PORTFOLIO_TRANSFER_STATE_RUNNING;
    if (running && std::chrono::steady_clock::now() < give_up) {
      waiter.WaitFor(poll);
      poll = std::min(2 * poll, kPollMax);
      continue;
    }
    const int shown = Show(session, result, [&](const v1::GetPortfolioTransferResponse& response) {
      PrintTransfer(session, response.transfer());
    });
    if (running && wait_seconds > 0) {
      session.err() << "still under way; the ledger goes on: keyledger owner transfer-status " << Printable(transfer_id)
                    << "\n";
    }
    return shown;
  }
}

struct TransferFlags {
  v1::TransferPortfolioRequest request;
  std::string reason;
  std::string occurred;
  int wait = 10;
};

int TransferAll(Session& session, const TransferFlags& flags) {
  v1::TransferPortfolioRequest request = flags.request;
  const std::string wrong = SetField(request, "reason", flags.reason, "");
  if (!wrong.empty()) {
    return session.Usage("--reason: " + wrong);
  }
  if (!flags.occurred.empty()) {
    *request.mutable_transfer_time() = TimeOf(flags.occurred);
  }
  const auto result = session.client().TransferPortfolio(request);
  if (!result.ok() || request.validate_only()) {
    return Show(session, result,
                [&](const v1::TransferPortfolioResponse& response) { PrintTransfer(session, response.transfer()); });
  }
  return ShowTransfer(session, result->transfer().started().transfer_id(), flags.wait);
}

void AddTransferAll(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<TransferFlags>();
  CLI::App* verb = AddVerb(noun, "transfer-all", "Hands every account that a person is responsible for to another",
                           selected, [flags](Session& session) { return TransferAll(session, *flags); });
  verb->footer("Example: keyledger owner transfer-all --from km-07 --to km-12 --reason departed --preview");
  const auto text = [&](const char* option, std::string* (v1::TransferPortfolioRequest::*field)(),
                        const char* description) {
    return verb->add_option(option, *(flags->request.*field)(), description);
  };
  text("--from", &v1::TransferPortfolioRequest::mutable_from_person, "Who has them")->required();
  text("--to", &v1::TransferPortfolioRequest::mutable_to_person, "Who is to have them (default: nobody)");
  text("--role", &v1::TransferPortfolioRequest::mutable_role, "Only this role (default: all)");
  text("--region", &v1::TransferPortfolioRequest::mutable_region, "Only accounts of this region path and below");
  text("--note", &v1::TransferPortfolioRequest::mutable_note, "Why, in words");
  text("--actor", &v1::TransferPortfolioRequest::mutable_actor, "Who asks");
  text("--request-id", &v1::TransferPortfolioRequest::mutable_request_id,
       "Makes the request safe to repeat (default: a new random id)");
  verb->add_option("--reason", flags->reason,
                   fmt::format("Why: {}", fmt::join(EnumNames(*ev::OwnerChangeReason_descriptor()), ", ")))
      ->required();
  verb->add_option_function<uint32_t>(
      "--rank", [flags](const uint32_t& rank) { flags->request.set_rank(rank); }, "Rank of --to, 1 to 9");
  verb->add_option("--occurred", flags->occurred, "When they go over (default: now)")->check(TimeText());
  verb->add_flag_callback(
      "--preview", [flags] { flags->request.set_validate_only(true); }, "Only say how many accounts it would be");
  verb->add_option("--wait", flags->wait, "Seconds to wait for the outcome, 0 to 3600 (default: 10)")
      ->check(CLI::Range(0, 3600));
}

}  // namespace

void AddPortfolioTransferCommands(CLI::App& root, Action& selected) {
  CLI::App* noun = Noun(root, "owner", "Who of ours is responsible for accounts");
  AddTransferAll(noun, selected);
  {
    auto transfer = std::make_shared<std::string>();
    CLI::App* verb = AddVerb(noun, "transfer-status", "Shows how far the transfer of a portfolio is", selected,
                             [transfer](Session& session) { return ShowTransfer(session, *transfer, 0); });
    verb->footer("Example: keyledger owner transfer-status portfolio-1");
    verb->add_option("TRANSFER", *transfer, "The transfer")->required();
  }
  auto pages = std::make_shared<PageFlags>();
  CLI::App* verb =
      AddVerb(noun, "transfers", "Lists transfers of portfolios, newest first", selected, [pages](Session& session) {
        return ShowPages(session, v1::ListPortfolioTransfersRequest(), *pages, &client::Client::ListPortfolioTransfers,
                         TransferTable(), [](Table& table, const v1::ListPortfolioTransfersResponse& response) {
                           for (const v1::PortfolioTransfer& transfer : response.transfers()) {
                             AddRow(table, transfer);
                           }
                         });
      });
  verb->footer("Example: keyledger owner transfers --all");
  pages->AddTo(verb);
}

}  // namespace keyledger::cli
