// keyledger audit erase, hold place|release|list, and accesses.
#include "client/cli/commands.h"

#include <fstream>

#include <fmt/format.h>

#include "client/cli/text.h"
#include "keyledger/ledger/v1/audit_service.pb.h"

namespace keyledger::cli {
namespace {

void AddRequestFlags(CLI::App* verb, std::string& request_id, std::string& actor) {
  verb->add_option("--request-id", request_id, "Makes the request safe to repeat (default: a new random id)");
  verb->add_option("--actor", actor, "Who asks");
}

struct EraseFlags {
  std::string subject;
  std::string reason;
  std::string request_id;
  std::string actor;
  std::string out;
  bool yes = false;
};

// Whether it was agreed to: by --yes, or by typing the subject again on a terminal. Prints why not.
bool Confirmed(Session& session, const EraseFlags& flags) {
  if (flags.yes) return true;
  if (!session.in_is_terminal()) {
    session.Usage("erasing cannot be undone: give --yes to confirm it where nobody can be asked");
    return false;
  }
  session.err() << "This destroys the key of subject " << Printable(flags.subject)
                << ": what is sealed under it can never be read again.\nType the subject again to erase it: "
                << std::flush;
  std::string typed;
  std::getline(session.in(), typed);
  if (Trim(typed) == flags.subject) return true;
  session.err() << "not erased\n";
  return false;
}

int EraseSubject(Session& session, const EraseFlags& flags) {
  if (!Confirmed(session, flags)) return kExitUsage;
  // Opened before anything is done: a place that cannot be written is a reason not to begin.
  std::ofstream file;
  if (!flags.out.empty()) {
    file.open(flags.out, std::ios::binary | std::ios::app);
    if (!file) return session.Usage(fmt::format("{} cannot be written", flags.out));
  }
  v1::EraseSubjectRequest request;
  request.set_subject_id(flags.subject);
  request.set_reason(flags.reason);
  request.set_request_id(flags.request_id);
  request.set_actor(flags.actor);
  const auto result = session.client().EraseSubject(request);
  const int shown = Show(session, result, [&](const v1::EraseSubjectResponse& response) {
    session.err() << "erased at " << FormatTime(response.erase_time()) << "; records:";
    for (const ev::EventRecord& record : response.records()) {
      session.err() << " " << record.shard() << "/" << record.position();
    }
    session.err() << "\n";
    session.out() << response.certificate();
  });
  if (!result.ok() || flags.out.empty()) return shown;
  file.close();
  file.open(flags.out, std::ios::binary | std::ios::trunc);
  file << result->certificate();
  file.close();
  if (file) return shown;
  session.err() << "error: the subject is erased, but " << flags.out
                << " could not be written; the command repeated gives the same certificate\n";
  return kExitInternal;
}

void AddErase(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<EraseFlags>();
  CLI::App* verb = AddVerb(noun, "erase", "Forgets a person for ever, and prints the signed certificate", selected,
                           [flags](Session& session) { return EraseSubject(session, *flags); });
  verb->add_option("SUBJECT", flags->subject, "The data subject")->required();
  verb->add_option("--reason", flags->reason, "Why; it is recorded in the clear, so it must name nobody")->required();
  verb->add_option("--out", flags->out, "File to save the certificate in, too");
  verb->add_flag("--yes", flags->yes, "Do not ask for confirmation");
  AddRequestFlags(verb, flags->request_id, flags->actor);
}

void AddHoldRow(Table& table, const v1::LegalHold& hold) {
  table.Add({hold.hold_id(), hold.subject_id(), FormatTime(hold.place_time()), hold.actor(), hold.reason()});
}

Table HoldTable() { return Table({{"hold"}, {"subject"}, {"placed"}, {"by"}, {"reason"}}); }

struct HoldFlags {
  std::string hold;
  std::string subject;
  std::string reason;
  std::string request_id;
  std::string actor;
};

void AddPlace(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<HoldFlags>();
  CLI::App* verb = AddVerb(noun, "place", "Puts a data subject under a legal hold: it cannot be erased", selected,
                           [flags](Session& session) {
                             v1::PlaceLegalHoldRequest request;
                             request.set_hold_id(flags->hold);
                             request.set_subject_id(flags->subject);
                             request.set_reason(flags->reason);
                             request.set_request_id(flags->request_id);
                             request.set_actor(flags->actor);
                             return Show(session, session.client().PlaceLegalHold(request),
                                         [&](const v1::PlaceLegalHoldResponse& response) {
                                           Table table = HoldTable();
                                           AddHoldRow(table, response.hold());
                                           session.Print(table);
                                         });
                           });
  verb->add_option("HOLD", flags->hold, "Name of the hold, new in the ledger")->required();
  verb->add_option("SUBJECT", flags->subject, "The data subject")->required();
  verb->add_option("--reason", flags->reason, "The matter, the order")->required();
  AddRequestFlags(verb, flags->request_id, flags->actor);
}

void AddRelease(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<HoldFlags>();
  CLI::App* verb = AddVerb(noun, "release", "Ends a legal hold", selected, [flags](Session& session) {
    v1::ReleaseLegalHoldRequest request;
    request.set_hold_id(flags->hold);
    request.set_reason(flags->reason);
    request.set_request_id(flags->request_id);
    request.set_actor(flags->actor);
    return Show(session, session.client().ReleaseLegalHold(request), [&](const v1::ReleaseLegalHoldResponse& response) {
      Table table({{"hold"}, {"subject"}, {"placed"}, {"released"}});
      table.Add({response.hold().hold_id(), response.hold().subject_id(), FormatTime(response.hold().place_time()),
                 FormatTime(response.release_time())});
      session.Print(table);
    });
  });
  verb->add_option("HOLD", flags->hold, "The hold")->required();
  verb->add_option("--reason", flags->reason, "Why it ends")->required();
  AddRequestFlags(verb, flags->request_id, flags->actor);
}

void AddList(CLI::App* noun, Action& selected) {
  struct Flags {
    std::string subject;
    PageFlags page;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = AddVerb(noun, "list", "Lists the legal holds in force", selected, [flags](Session& session) {
    v1::ListLegalHoldsRequest request;
    request.set_subject_id(flags->subject);
    return ShowPages(session, request, flags->page, &client::Client::ListLegalHolds, HoldTable(),
                     [](Table& table, const v1::ListLegalHoldsResponse& response) {
                       for (const v1::LegalHold& hold : response.holds()) AddHoldRow(table, hold);
                     });
  });
  verb->add_option("--subject", flags->subject, "Only those of this data subject");
  flags->page.AddTo(verb);
}

std::string JoinSubjects(const v1::Access& access) {
  constexpr int kShown = 3;
  std::string text;
  for (int i = 0; i < std::min(kShown, access.subject_ids_size()); ++i) {
    text += (i == 0 ? "" : " ") + access.subject_ids(i);
  }
  return access.subject_ids_size() > kShown ? fmt::format("{} and {} more", text, access.subject_ids_size() - kShown)
                                            : text;
}

void AddAccesses(CLI::App* noun, Action& selected) {
  struct Flags {
    std::string subject;
    std::string account;
    std::string reader;
    std::string from;
    std::string to;
    ReadFlags read;
    PageFlags page;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb =
      AddVerb(noun, "accesses", "Lists who read personal data, newest first", selected, [flags](Session& session) {
        if (flags->subject.empty() && flags->account.empty() && flags->reader.empty()) {
          return session.Usage("say by what to look: --subject, --account or --reader");
        }
        v1::ListAccessesRequest request;
        if (!flags->subject.empty()) request.set_subject_id(flags->subject);
        if (!flags->account.empty()) request.set_account_id(flags->account);
        if (!flags->reader.empty()) request.set_reader(flags->reader);
        if (!flags->from.empty()) *request.mutable_from() = TimeOf(flags->from);
        if (!flags->to.empty()) *request.mutable_to() = TimeOf(flags->to);
        flags->read.Fill(request);
        Table table({{"recorded"}, {"reader"}, {"purpose"}, {"account"}, {"subjects"}, {"record"}});
        return ShowPages(
            session, request, flags->page, &client::Client::ListAccesses, std::move(table),
            [](Table& rows, const v1::ListAccessesResponse& response) {
              for (const v1::Access& access : response.accesses()) {
                rows.Add({FormatTime(access.record_time()), access.reader(), access.purpose(), access.account_id(),
                          JoinSubjects(access), fmt::format("{}/{}", access.shard(), access.position())});
              }
            });
      });
  CLI::Option* subject = verb->add_option("--subject", flags->subject, "Readings that gave out data of this subject");
  CLI::Option* account = verb->add_option("--account", flags->account, "Readings of this account's contacts");
  verb->add_option("--reader", flags->reader, "Readings by this reader")->excludes(subject)->excludes(account);
  account->excludes(subject);
  verb->add_option("--from", flags->from, "Recorded at or after this time")->check(TimeText());
  verb->add_option("--to", flags->to, "Recorded before this time")->check(TimeText());
  flags->read.AddTo(verb, /*with_as_of=*/false);
  flags->page.AddTo(verb);
}

}  // namespace

void AddAuditPrivacy(CLI::App* audit, Action& selected) {
  AddErase(audit, selected);
  CLI::App* hold = audit->add_subcommand("hold", "Legal holds: place, release, list");
  hold->require_subcommand(1);
  AddPlace(hold, selected);
  AddRelease(hold, selected);
  AddList(hold, selected);
  AddAccesses(audit, selected);
}

}  // namespace keyledger::cli
