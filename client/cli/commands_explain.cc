// keyledger account explain.
#include <fmt/format.h>

#include "client/cli/commands.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/account_service.pb.h"

namespace keyledger::cli {
namespace {

const char* CauseWords(ev::EventKind kind, int64_t points) {
  switch (kind) {
    case ev::EVENT_KIND_PURCHASE_RECORDED:
      return "purchase";
    case ev::EVENT_KIND_PURCHASE_RETURNED:
      return "return";
    case ev::EVENT_KIND_POINTS_REDEEMED:
      return points > 0 ? "redemption undone" : "redemption";
    case ev::EVENT_KIND_POINTS_ADJUSTED:
      return "adjustment";
    case ev::EVENT_KIND_POINTS_EXPIRED:
      return "ran out";
    case ev::EVENT_KIND_POINTS_RESERVED:
      return points > 0 ? "hold ended" : "held";
    case ev::EVENT_KIND_POINTS_TRANSFER_SENT:
      return points > 0 ? "transfer ended" : "sent";
    case ev::EVENT_KIND_POINTS_TRANSFER_RECEIVED:
      return "came in";
    case ev::EVENT_KIND_POINTS_TRANSFER_COMPLETED:
      return "arrived elsewhere";
    default:
      return "other";
  }
}

std::string Signed(int64_t points) { return (points > 0 ? "+" : "") + FormatCount(points); }

// "base 100, promoted 20", or the lots that points were taken from or came back to.
std::string PartsText(const v1::BalanceCause& cause) {
  std::vector<std::string> parts;
  for (const v1::BalanceCausePart& part : cause.parts()) {
    if (!part.rule_id().empty()) {
      parts.push_back(fmt::format("{} {}", part.rule_id(), FormatCount(part.points())));
    } else if (part.points() < 0) {
      parts.push_back(
          fmt::format("{} of lot {}", FormatCount(-static_cast<__int128>(part.points())), part.lot_revision()));
    } else if (cause.kind() != ev::EVENT_KIND_POINTS_ADJUSTED &&
               cause.kind() != ev::EVENT_KIND_POINTS_TRANSFER_RECEIVED) {
      parts.push_back(fmt::format("{} back to lot {}", FormatCount(part.points()), part.lot_revision()));
    }
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

void AddCauses(Table& table, const v1::ExplainAccountResponse& response) {
  for (const v1::BalanceCause& cause : response.causes()) {
    table.Add({FormatTime(cause.occurred_time()), Signed(cause.points()), CauseWords(cause.kind(), cause.points()),
               cause.due() ? "due" : std::to_string(cause.revision()), cause.description(), PartsText(cause)});
  }
}

}  // namespace

void AddExplainAccount(CLI::App* noun, Action& selected) {
  struct Flags {
    std::string account;
    ReadFlags read;
    PageFlags page;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = AddVerb(
      noun, "explain", "Shows why an account has the points it has: what added and took them", selected,
      [flags](Session& session) {
        v1::ExplainAccountRequest request;
        request.set_account_id(flags->account);
        flags->read.Fill(request);
        Table table({{"when"}, {"points", Align::kRight}, {"cause"}, {"revision", Align::kRight}, {"what"}, {"parts"}});
        bool first = true;
        return ShowPages(session, request, flags->page, &client::Client::ExplainAccount, table,
                         [&](Table& rows, const v1::ExplainAccountResponse& response) {
                           if (first) {
                             first = false;
                             session.out() << fmt::format("{} points, from:\n", FormatCount(response.points()));
                             for (const v1::BalanceCauseTotal& total : response.totals()) {
                               session.out() << fmt::format("  {:>12}  {} x {}\n", Signed(total.points()),
                                                            FormatCount(total.causes()),
                                                            CauseWords(total.kind(), total.points()));
                             }
                           }
                           AddCauses(rows, response);
                         });
      });
  verb->add_option("ACCOUNT", flags->account, "Account id")->required();
  flags->read.AddTo(verb);
  flags->page.AddTo(verb);
}

}  // namespace keyledger::cli
