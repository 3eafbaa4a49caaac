// keyledger contact: record, remove, list, show, subject.
#include "client/cli/commands.h"

#include <algorithm>

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include "client/cli/describe.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/account_service.pb.h"
#include "keyledger/ledger/v1/audit_service.pb.h"

namespace keyledger::cli {
namespace {

struct RecordFlags {
  WriteFlags write;
  std::string contact;
  std::string subject;
  std::string details_file;
  std::string name;
  std::string birthday;
  std::vector<std::string> days;
  std::vector<std::string> habits;
  std::vector<std::string> roles;
  std::string post;
  std::vector<std::string> phones;
  std::vector<std::string> emails;
  std::vector<std::string> facts;
  std::string note;
  std::vector<std::string> related;
};

// Who reads, what for, and what.
struct ReadingFlags {
  std::string account;
  std::string contact;
  std::string subject;
  std::string reader;
  std::string purpose;
  ReadFlags read;
  PageFlags pages;
};

// "1906-12-09" or, for every year, "12-09". Whether there is such a day is for the ledger to say.
bool ParseDay(const std::string& text, ev::ImportantDay& day) {
  std::vector<int64_t> numbers;
  size_t from = 0;
  while (from <= text.size()) {
    const size_t to = std::min(text.find('-', from), text.size());
    const std::optional<int64_t> number = ParseInteger(text.substr(from, to - from));
    if (!number || *number < 0 || *number > 9999) return false;
    numbers.push_back(*number);
    from = to + 1;
  }
  if (numbers.size() != 2 && numbers.size() != 3) return false;
  if (numbers.size() == 3) day.set_year(static_cast<uint32_t>(numbers[0]));
  day.set_month(static_cast<uint32_t>(numbers[numbers.size() - 2]));
  day.set_day(static_cast<uint32_t>(numbers.back()));
  return true;
}

std::string DayText(const ev::ImportantDay& day) {
  const std::string date = fmt::format("{:02}-{:02}", day.month(), day.day());
  return day.year() == 0 ? date : fmt::format("{:04}-{}", day.year(), date);
}

bool ParseRole(const std::string& text, ev::PersonDetails& details) {
  std::string name = "CONTACT_ROLE_";
  for (const char c : text) name += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  ev::ContactRole role{};
  if (!ev::ContactRole_Parse(name, &role) || role == ev::CONTACT_ROLE_UNSPECIFIED) return false;
  details.add_roles(role);
  return true;
}

// Splits at the first '='.
bool Split(const std::string& text, std::string& before, std::string& after) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos) return false;
  before = text.substr(0, equals);
  after = text.substr(equals + 1);
  return true;
}

// What is wrong, without repeating what is personal; "" if nothing is.
std::string FillDetails(const RecordFlags& flags, ev::PersonDetails& details) {
  constexpr const char* kDay = "is no day: give YYYY-MM-DD, or MM-DD for every year";
  if (!flags.name.empty()) details.set_name(flags.name);
  if (!flags.birthday.empty() && !ParseDay(flags.birthday, *details.mutable_birthday()))
    return fmt::format("--birthday {}", kDay);
  for (const std::string& text : flags.days) {
    ev::ImportantDay& day = *details.add_important_days();
    std::string date;
    if (!Split(text, *day.mutable_name(), date)) return "--day takes NAME=DAY";
    if (!ParseDay(date, day)) return fmt::format("--day: what follows '=' {}", kDay);
  }
  for (const std::string& habit : flags.habits) details.add_habits(habit);
  for (const std::string& role : flags.roles) {
    if (!ParseRole(role, details)) return "--role is one of sponsor, anti-sponsor, coach, key-player";
  }
  if (!flags.post.empty()) details.set_post(flags.post);
  for (const std::string& phone : flags.phones) details.add_phones(phone);
  for (const std::string& email : flags.emails) details.add_emails(email);
  for (const std::string& text : flags.facts) {
    ev::PersonalFact& fact = *details.add_facts();
    if (!Split(text, *fact.mutable_key(), *fact.mutable_value())) return "--fact takes KEY=VALUE";
  }
  if (!flags.note.empty()) details.set_note(flags.note);
  return "";
}

int Record(Session& session, const RecordFlags& flags) {
  ev::Event event;
  ev::ContactRecorded& recorded = *event.mutable_contact_recorded();
  recorded.set_contact_id(flags.contact);
  recorded.mutable_person()->set_subject_id(flags.subject);
  ev::PersonDetails& details = *recorded.mutable_person()->mutable_details();
  if (!flags.details_file.empty()) {
    const std::optional<std::string> json = ReadInput(session, flags.details_file);
    if (!json) return kExitUsage;
    if (!google::protobuf::util::JsonStringToMessage(*json, &details).ok())
      return session.Usage("--details-file: this is no PersonDetails in proto3 JSON");
  }
  if (const std::string wrong = FillDetails(flags, details); !wrong.empty()) return session.Usage(wrong);
  if (details.ByteSizeLong() == 0) return session.Usage("say something of the person: --name, --birthday, ...");
  for (const std::string& text : flags.related) {
    ev::RelatedPerson& related = *recorded.add_related();
    std::string rest;
    if (!Split(text, *related.mutable_relation(), rest) ||
        !Split(rest, *related.mutable_person()->mutable_subject_id(),
               *related.mutable_person()->mutable_details()->mutable_name())) {
      return session.Usage("--related takes RELATION=SUBJECT=NAME");
    }
  }
  return AppendEvent(session, flags.write, std::move(event));
}

template <typename Texts>
std::string Join(const Texts& texts) {
  std::string all;
  for (const auto& text : texts) all += (all.empty() ? "" : ", ") + std::string(text);
  return all;
}

std::string RolesText(const ev::PersonDetails& details) {
  std::vector<std::string> roles;
  for (int i = 0; i < details.roles_size(); ++i)
    roles.push_back(ShortEnum(ev::ContactRole_Name(details.roles(i)), "CONTACT_ROLE_"));
  return Join(roles);
}

// The name, or why there is none.
std::string NameText(const v1::Contact& contact, const ev::PersonalData& person) {
  for (const std::string& erased : contact.erased_subject_ids()) {
    if (erased == person.subject_id()) return "(erased)";
  }
  if (person.content_case() == ev::PersonalData::kData) return "(bytes)";
  return person.has_details() ? person.details().name() : "(sealed)";
}

void AddDetails(const ev::PersonDetails& details, Table& table) {
  const auto add = [&table](const char* name, const std::string& value) {
    if (!value.empty()) table.Add({name, value});
  };
  add("post", details.post());
  add("roles", RolesText(details));
  if (details.has_birthday()) add("birthday", DayText(details.birthday()));
  for (const ev::ImportantDay& day : details.important_days()) table.Add({day.name(), DayText(day)});
  add("habits", Join(details.habits()));
  add("phones", Join(details.phones()));
  add("emails", Join(details.emails()));
  for (const ev::PersonalFact& fact : details.facts()) table.Add({fact.key(), fact.value()});
  add("note", details.note());
}

v1::ListContactsRequest ContactsRequest(const ReadingFlags& flags) {
  v1::ListContactsRequest request;
  request.set_account_id(flags.account);
  request.set_contact_id(flags.contact);
  request.set_reader(flags.reader);
  request.set_purpose(flags.purpose);
  flags.read.Fill(request);
  return request;
}

int List(Session& session, const ReadingFlags& flags) {
  Table table({{"CONTACT", Align::kLeft},
               {"SUBJECT", Align::kLeft},
               {"NAME", Align::kLeft},
               {"POST", Align::kLeft},
               {"ROLES", Align::kLeft},
               {"RELATED", Align::kLeft},
               {"RECORDED", Align::kLeft}});
  return ShowPages(
      session, ContactsRequest(flags), flags.pages, &client::Client::ListContacts, std::move(table),
      [](Table& rows, const v1::ListContactsResponse& page) {
        for (const v1::Contact& contact : page.contacts()) {
          const ev::PersonDetails& details = contact.person().details();
          std::vector<std::string> related;
          for (const ev::RelatedPerson& person : contact.related())
            related.push_back(person.relation() + " " + person.person().subject_id());
          rows.Add({contact.contact_id(), contact.person().subject_id(), NameText(contact, contact.person()),
                    details.post(), RolesText(details), Join(related), FormatTime(contact.occurred_time())});
        }
      });
}

int ShowContact(Session& session, const ReadingFlags& flags) {
  const auto result = session.client().ListContacts(ContactsRequest(flags));
  if (result.ok() && result->contacts().empty()) {
    session.err() << fmt::format("account {} has no contact {}\n", Printable(flags.account), Printable(flags.contact));
    return kExitNotFound;
  }
  return Show(session, result, [&session](const v1::ListContactsResponse& response) {
    const v1::Contact& contact = response.contacts(0);
    Table table = Table::Fields();
    table.Add({"contact", contact.contact_id()});
    table.Add({"subject", contact.person().subject_id()});
    table.Add({"name", NameText(contact, contact.person())});
    AddDetails(contact.person().details(), table);
    for (const ev::RelatedPerson& related : contact.related()) {
      table.Add({related.relation(), related.person().subject_id() + " " + NameText(contact, related.person())});
      AddDetails(related.person().details(), table);
    }
    table.Add({"recorded", FormatTime(contact.occurred_time())});
    table.Add({"revision", std::to_string(contact.revision())});
    session.Print(table);
  });
}

int Subject(Session& session, const ReadingFlags& flags) {
  v1::ReadSubjectRequest request;
  request.set_subject_id(flags.subject);
  request.set_reader(flags.reader);
  request.set_purpose(flags.purpose);
  flags.read.Fill(request);
  Table table({{"ACCOUNT", Align::kLeft},
               {"POSITION", Align::kLeft},
               {"OCCURRED", Align::kLeft},
               {"NOW", Align::kLeft},
               {"NAME", Align::kLeft}});
  return ShowPages(session, request, flags.pages, &client::Client::ReadSubject, std::move(table),
                   [](Table& rows, const v1::ReadSubjectResponse& page) {
                     for (const v1::SubjectData& data : page.data()) {
                       rows.Add({data.account_id(), fmt::format("{}/{}", data.shard(), data.position()),
                                 FormatTime(data.occurred_time()), data.replaced() ? "replaced" : "current",
                                 NameText(v1::Contact(), data.data())});
                     }
                   });
}

void AddRecord(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<RecordFlags>();
  CLI::App* verb = AddVerb(noun, "record", "Records what is known of a contact, in place of what was recorded before",
                           selected, [flags](Session& session) { return Record(session, *flags); });
  flags->write.AddTo(verb);
  verb->add_option("--contact", flags->contact, "Id of the contact within the account; it names nobody")->required();
  verb->add_option("--subject", flags->subject,
                   "Id of the person in the whole ledger, always the same; it names nobody and is never erased")
      ->required();
  verb->add_option("--details-file", flags->details_file, "PersonDetails as JSON, or - for stdin; flags add to it");
  verb->add_option("--name", flags->name, "Full name");
  verb->add_option("--birthday", flags->birthday, "YYYY-MM-DD, or MM-DD");
  verb->add_option("--day", flags->days, "A day that matters, as NAME=DAY; may be repeated");
  verb->add_option("--habit", flags->habits, "Habit, interest, like or dislike; may be repeated");
  verb->add_option("--role", flags->roles, "sponsor, anti-sponsor, coach or key-player; may be repeated");
  verb->add_option("--post", flags->post, "Post held");
  verb->add_option("--phone", flags->phones, "Phone number; may be repeated");
  verb->add_option("--email", flags->emails, "Mail address; may be repeated");
  verb->add_option("--fact", flags->facts, "Anything else, as KEY=VALUE; may be repeated");
  verb->add_option("--note", flags->note, "Notes");
  verb->add_option("--related", flags->related,
                   "Somebody around the contact, as RELATION=SUBJECT=NAME; may be repeated");
}

void AddRemove(CLI::App* noun, Action& selected) {
  struct Flags {
    WriteFlags write;
    std::string contact;
    std::string reason;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = AddVerb(noun, "remove", "Records that a person is no contact any more (erases nothing)", selected,
                           [flags](Session& session) {
                             ev::Event event;
                             event.mutable_contact_removed()->set_contact_id(flags->contact);
                             event.mutable_contact_removed()->set_reason(flags->reason);
                             return AppendEvent(session, flags->write, std::move(event));
                           });
  flags->write.AddTo(verb);
  verb->add_option("--contact", flags->contact, "Id of the contact")->required();
  verb->add_option("--reason", flags->reason, "Why")->required();
}

// The flags of a reading; both are needed to see what is personal.
void AddReading(CLI::App* verb, ReadingFlags& flags, bool required) {
  CLI::Option* const reader = verb->add_option("--reader", flags.reader, "Who reads; goes on the record");
  CLI::Option* const purpose = verb->add_option("--purpose", flags.purpose, "What for; goes on the record");
  reader->needs(purpose);
  purpose->needs(reader);
  reader->required(required);
  purpose->required(required);
  flags.read.AddTo(verb, /*with_as_of=*/false);
}

}  // namespace

void AddContactCommands(CLI::App& root, Action& selected) {
  CLI::App* noun = root.add_subcommand("contact", "The people of an account, and what is known of them");
  AddRecord(noun, selected);
  AddRemove(noun, selected);
  {
    auto flags = std::make_shared<ReadingFlags>();
    CLI::App* verb =
        AddVerb(noun, "list", "Lists the contacts of an account; what is personal only with --reader and --purpose",
                selected, [flags](Session& session) { return List(session, *flags); });
    verb->add_option("ACCOUNT", flags->account, "Id of the account")->required();
    AddReading(verb, *flags, false);
    flags->pages.AddTo(verb);
  }
  {
    auto flags = std::make_shared<ReadingFlags>();
    CLI::App* verb = AddVerb(noun, "show", "Shows one contact; what is personal only with --reader and --purpose",
                             selected, [flags](Session& session) { return ShowContact(session, *flags); });
    verb->add_option("ACCOUNT", flags->account, "Id of the account")->required();
    verb->add_option("CONTACT", flags->contact, "Id of the contact")->required();
    AddReading(verb, *flags, false);
  }
  {
    auto flags = std::make_shared<ReadingFlags>();
    CLI::App* verb = AddVerb(noun, "subject", "Lists where something stands about a person, in all accounts", selected,
                             [flags](Session& session) { return Subject(session, *flags); });
    verb->add_option("SUBJECT", flags->subject, "Id of the person")->required();
    AddReading(verb, *flags, true);
    flags->pages.AddTo(verb);
  }
}

}  // namespace keyledger::cli
