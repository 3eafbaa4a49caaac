// keyledger points: redeem, reserve, capture, release, adjust, balance, lots, statement, expiry; from
// commands_transfer.cc transfer and transfer-status, and from commands_liability.cc liability.
#include "client/cli/commands.h"

#include <fmt/format.h>

#include "client/cli/describe.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/points_service.pb.h"

namespace keyledger::cli {
namespace {

// "accrued", "reservation_expired".
std::string KindText(ev::EventKind kind) {
  const std::string& name = ev::EventKind_Name(kind);
  return ShortEnum(name, name.starts_with("EVENT_KIND_POINTS_") ? "EVENT_KIND_POINTS_" : "EVENT_KIND_");
}

std::string Change(int64_t points) {
  return points > 0 ? "+" + FormatCount(points) : points == 0 ? "" : FormatCount(points);
}

std::string Description(const v1::StatementEntry& entry) {
  if (entry.transfer_id().empty()) {
    // Points that a return gave back, of a merged account's purchase.
    return entry.other_account_id().empty() ? entry.description() : "spent by " + entry.other_account_id();
  }
  std::string text = entry.transfer_id();
  if (!entry.other_account_id().empty()) {
    const bool sent = entry.kind() == ev::EVENT_KIND_POINTS_TRANSFER_SENT;
    text += (sent ? " to " : " from ") + entry.other_account_id();
  }
  return entry.description().empty() ? text : text + ": " + entry.description();
}

void AddRedeem(CLI::App* noun, Action& selected) {
  struct Flags {
    WriteFlags write;
    std::string points;
    std::string reward;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = AddVerb(noun, "redeem", "Spends points, earliest expiry first", selected, [flags](Session& session) {
    const std::optional<int64_t> points = ParseInteger(flags->points);
    if (!points) {
      return session.Usage(fmt::format("'{}' is no number of points", flags->points));
    }
    ev::Event event;
    event.mutable_points_redeemed()->set_points(*points);
    event.mutable_points_redeemed()->set_reward(flags->reward);
    return AppendEvent(session, flags->write, std::move(event));
  });
  flags->write.AddTo(verb);
  verb->add_option("POINTS", flags->points, "Points to take")->required();
  verb->add_option("--reward", flags->reward, "What is given for them");
}

void AddReserve(CLI::App* noun, Action& selected) {
  struct Flags {
    WriteFlags write;
    std::string reservation;
    std::string points;
    std::string until;
    std::string reward;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb =
      AddVerb(noun, "reserve", "Holds points until they are captured or released", selected, [flags](Session& session) {
        const std::optional<int64_t> points = ParseInteger(flags->points);
        if (!points) {
          return session.Usage(fmt::format("'{}' is no number of points", flags->points));
        }
        ev::Event event;
        ev::PointsReserved& reserved = *event.mutable_points_reserved();
        reserved.set_reservation_id(flags->reservation);
        reserved.set_points(*points);
        *reserved.mutable_hold_until() = TimeOf(flags->until);
        reserved.set_reward(flags->reward);
        return AppendEvent(session, flags->write, std::move(event));
      });
  flags->write.AddTo(verb);
  verb->add_option("RESERVATION", flags->reservation, "Name of the reservation, new for the account")->required();
  verb->add_option("POINTS", flags->points, "Points to hold")->required();
  verb->add_option("--until", flags->until, "When what is still held goes back")->check(TimeText())->required();
  verb->add_option("--reward", flags->reward, "What is to be given for them");
}

void AddCapture(CLI::App* noun, Action& selected) {
  struct Flags {
    WriteFlags write;
    std::string reservation;
    std::string points;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = AddVerb(noun, "capture", "Spends points that are held", selected, [flags](Session& session) {
    ev::Event event;
    event.mutable_reservation_captured()->set_reservation_id(flags->reservation);
    if (!flags->points.empty()) {
      const std::optional<int64_t> points = ParseInteger(flags->points);
      if (!points) {
        return session.Usage(fmt::format("--points: '{}' is no number of points", flags->points));
      }
      event.mutable_reservation_captured()->set_points(*points);
    }
    return AppendEvent(session, flags->write, std::move(event));
  });
  flags->write.AddTo(verb);
  verb->add_option("RESERVATION", flags->reservation, "The reservation")->required();
  verb->add_option("--points", flags->points, "Points to spend; the rest goes back (default: all)");
}

void AddRelease(CLI::App* noun, Action& selected) {
  struct Flags {
    WriteFlags write;
    std::string reservation;
    std::string reason;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = AddVerb(noun, "release", "Gives back points that are held", selected, [flags](Session& session) {
    ev::Event event;
    event.mutable_reservation_released()->set_reservation_id(flags->reservation);
    event.mutable_reservation_released()->set_reason(flags->reason);
    return AppendEvent(session, flags->write, std::move(event));
  });
  flags->write.AddTo(verb);
  verb->add_option("RESERVATION", flags->reservation, "The reservation")->required();
  verb->add_option("--reason", flags->reason, "Why");
}

void AddAdjust(CLI::App* noun, Action& selected) {
  struct Flags {
    WriteFlags write;
    std::string points;
    std::string reason;
    std::string expire;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb =
      AddVerb(noun, "adjust", "Corrects a balance by hand; needs --actor", selected, [flags](Session& session) {
        const std::optional<int64_t> points = ParseInteger(flags->points);
        if (!points) {
          return session.Usage(fmt::format("--points: '{}' is no number of points", flags->points));
        }
        ev::Event event;
        ev::PointsAdjusted& adjusted = *event.mutable_points_adjusted();
        adjusted.set_points(*points);
        adjusted.set_reason(flags->reason);
        if (!flags->expire.empty()) {
          *adjusted.mutable_expire_time() = TimeOf(flags->expire);
        }
        return AppendEvent(session, flags->write, std::move(event));
      });
  flags->write.AddTo(verb);
  verb->add_option("--points", flags->points, "Points to add, or with a minus sign to take")->required();
  verb->add_option("--reason", flags->reason, "Why")->required();
  verb->add_option("--expire", flags->expire, "When added points expire (default: never)")->check(TimeText());
}

// What the queries about one account's points take.
struct QueryFlags {
  std::string account;
  std::string state;
  std::string from;
  std::string to;
  ReadFlags read;
  PageFlags page;
};

void AddBalance(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<QueryFlags>();
  CLI::App* verb = AddVerb(noun, "balance", "Shows the balance by part", selected, [flags](Session& session) {
    v1::GetBalanceRequest request;
    request.set_account_id(flags->account);
    flags->read.Fill(request);
    return Show(session, session.client().GetBalance(request), [&](const v1::GetBalanceResponse& response) {
      const v1::PointsBalance& balance = response.balance();
      Table table({{"points"}, {"", Align::kRight}});
      table.Add({"available", FormatCount(balance.available())});
      table.Add({"pending", FormatCount(balance.pending())});
      table.Add({"spent", FormatCount(balance.spent())});
      table.Add({"reserved", FormatCount(balance.reserved())});
      table.Add({"in transit", FormatCount(balance.in_transit())});
      table.Add({"debt", FormatCount(balance.debt())});
      table.Add({"expired", FormatCount(balance.expired())});
      table.Add({"reversed", FormatCount(balance.reversed())});
      table.Add({"sent to others", FormatCount(balance.transferred_out())});
      table.Add({"came from others", FormatCount(balance.transferred_in())});
      table.Add({"accrued in all", FormatCount(balance.accrued())});
      session.Print(table);
      if (!flags->read.as_of.empty()) {
        session.out() << "as of " << FormatTime(response.as_of()) << "\n";
      }
    });
  });
  verb->add_option("ACCOUNT", flags->account, "Account id")->required();
  flags->read.AddTo(verb);
}

void AddLots(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<QueryFlags>();
  CLI::App* verb = AddVerb(noun, "lots", "Lists lots, oldest first", selected, [flags](Session& session) {
    v1::ListLotsRequest request;
    request.set_account_id(flags->account);
    flags->read.Fill(request);
    request.set_state(flags->state == "pending"     ? v1::LOT_STATE_PENDING
                      : flags->state == "available" ? v1::LOT_STATE_AVAILABLE
                      : flags->state == "consumed"  ? v1::LOT_STATE_CONSUMED
                      : flags->state == "expired"   ? v1::LOT_STATE_EXPIRED
                      : flags->state == "reserved"  ? v1::LOT_STATE_RESERVED
                                                    : v1::LOT_STATE_UNSPECIFIED);
    Table table({{"lot", Align::kRight},
                 {"state"},
                 {"accrued", Align::kRight},
                 {"left", Align::kRight},
                 {"reserved", Align::kRight},
                 {"in transit", Align::kRight},
                 {"spent", Align::kRight},
                 {"sent", Align::kRight},
                 {"reversed", Align::kRight},
                 {"expired", Align::kRight},
                 {"earned"},
                 {"available from"},
                 {"expires"},
                 {"rule"}});
    return ShowPages(
        session, request, flags->page, &client::Client::ListLots, table,
        [](Table& rows, const v1::ListLotsResponse& response) {
          for (const v1::Lot& lot : response.lots()) {
            rows.Add({std::to_string(lot.lot_revision()), ShortEnum(v1::LotState_Name(lot.state()), "LOT_STATE_"),
                      FormatCount(lot.accrued()), FormatCount(lot.remaining()), FormatCount(lot.reserved()),
                      FormatCount(lot.in_transit()), FormatCount(lot.spent()), FormatCount(lot.transferred()),
                      FormatCount(lot.reversed()), FormatCount(lot.expired()), FormatTime(lot.occurred_time()),
                      FormatTime(lot.activate_time()), lot.has_expire_time() ? FormatTime(lot.expire_time()) : "never",
                      !lot.rule_id().empty()          ? lot.rule_id()
                      : lot.from_account_id().empty() ? "adjustment"
                      : lot.transfer_id().empty()     ? "given back, of " + Printable(lot.from_account_id())
                                                      : "from " + Printable(lot.from_account_id())});
          }
        });
  });
  verb->add_option("ACCOUNT", flags->account, "Account id")->required();
  verb->add_option("--state", flags->state, "Only lots in this state")
      ->check(CLI::IsMember({"pending", "available", "consumed", "expired", "reserved"}));
  flags->read.AddTo(verb);
  flags->page.AddTo(verb);
}

void AddStatement(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<QueryFlags>();
  CLI::App* verb =
      AddVerb(noun, "statement", "Lists movements with the balance after each", selected, [flags](Session& session) {
        v1::ListStatementRequest request;
        request.set_account_id(flags->account);
        flags->read.Fill(request);
        if (!flags->from.empty()) {
          *request.mutable_from_time() = TimeOf(flags->from);
        }
        if (!flags->to.empty()) {
          *request.mutable_to_time() = TimeOf(flags->to);
        }
        Table table({{"occurred"},
                     {"revision", Align::kRight},
                     {"kind"},
                     {"available", Align::kRight},
                     {"pending", Align::kRight},
                     {"available after", Align::kRight},
                     {"pending after", Align::kRight},
                     {"description"}});
        return ShowPages(
            session, request, flags->page, &client::Client::ListStatement, table,
            [](Table& rows, const v1::ListStatementResponse& response) {
              for (const v1::StatementEntry& entry : response.entries()) {
                // What time has done but the ledger has not recorded yet has no revision.
                rows.Add({FormatTime(entry.occurred_time()), entry.due() ? "due" : std::to_string(entry.revision()),
                          KindText(entry.kind()), Change(entry.available_change()), Change(entry.pending_change()),
                          FormatCount(entry.available_after()), FormatCount(entry.pending_after()),
                          Description(entry)});
              }
            });
      });
  verb->add_option("ACCOUNT", flags->account, "Account id")->required();
  verb->add_option("--from", flags->from, "From this time, inclusive")->check(TimeText());
  verb->add_option("--to", flags->to, "Up to this time, exclusive")->check(TimeText());
  flags->read.AddTo(verb, /*with_as_of=*/false);
  flags->page.AddTo(verb);
}

void AddExpiry(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<QueryFlags>();
  CLI::App* verb = AddVerb(noun, "expiry", "Shows which points expire when", selected, [flags](Session& session) {
    v1::GetExpiryScheduleRequest request;
    request.set_account_id(flags->account);
    flags->read.Fill(request);
    return Show(session, session.client().GetExpirySchedule(request),
                [&](const v1::GetExpiryScheduleResponse& response) {
                  Table table({{"expires"}, {"points", Align::kRight}});
                  for (const v1::ExpiryScheduleEntry& entry : response.entries()) {
                    table.Add({FormatTime(entry.expire_time()), FormatCount(entry.points())});
                  }
                  table.Add({"never", FormatCount(response.never())});
                  session.Print(table);
                });
  });
  verb->add_option("ACCOUNT", flags->account, "Account id")->required();
  flags->read.AddTo(verb);
}

}  // namespace

void AddPointsCommands(CLI::App& root, Action& selected) {
  CLI::App* noun = root.add_subcommand("points", "Points: redemptions, balances, lots, statements");
  AddRedeem(noun, selected);
  AddReserve(noun, selected);
  AddCapture(noun, selected);
  AddRelease(noun, selected);
  AddTransfer(noun, selected);
  AddAdjust(noun, selected);
  AddBalance(noun, selected);
  AddLots(noun, selected);
  AddStatement(noun, selected);
  AddExpiry(noun, selected);
  AddLiability(noun, selected);
}

}  // namespace keyledger::cli
