// The projection "contacts": who belongs to an account as known now, and where something stands about a person.
#include "projections/contacts/contacts_projection.h"

#include <gtest/gtest.h>

#include "projections/contacts/contacts_queries.h"
#include "server/base/error.h"
#include "tests/support/memory_table.h"
#include "tests/support/record_log.h"

namespace keyledger::projections {
namespace {

using keyledger::testing::FoldAll;
using keyledger::testing::FoldRows;
using keyledger::testing::RecordLog;
using keyledger::testing::Utc;

const Micros kMay = Utc(2025, 5, 1);
const Micros kJune = Utc(2025, 6, 1);
const Micros kJuly = Utc(2025, 7, 1);

void Seal(events::v1::PersonalData& data, const std::string& subject, const std::string& sealed) {
  data.set_subject_id(subject);
  data.mutable_sealed()->set_nonce("nonce of " + sealed);
  data.mutable_sealed()->set_ciphertext(sealed);
}

events::v1::ContactRecorded& Record(RecordLog& log, const std::string& account, Micros occurred,
                                    const std::string& contact, const std::string& subject, const std::string& sealed) {
  auto& recorded = *log.Add(account, occurred).mutable_event()->mutable_contact_recorded();
  recorded.set_contact_id(contact);
  Seal(*recorded.mutable_person(), subject, sealed);
  return recorded;
}

void Relate(events::v1::ContactRecorded& recorded, const std::string& relation, const std::string& subject,
            const std::string& sealed) {
  auto& related = *recorded.add_related();
  related.set_relation(relation);
  Seal(*related.mutable_person(), subject, sealed);
}

void Remove(RecordLog& log, const std::string& account, Micros occurred, const std::string& contact) {
  auto& removed = *log.Add(account, occurred).mutable_event()->mutable_contact_removed();
  removed.set_contact_id(contact);
  removed.set_reason("left");
}

void Erase(RecordLog& log, const std::string& subject) {
  log.Add("$privacy", kJuly).mutable_event()->mutable_subject_erased()->set_subject_id(subject);
}

// "c-1@1: s-1=sealed, daughter s-2=sealed" by contact and revision.
std::vector<std::string> Contacts(const store::TableReader& rows, const std::string& account,
                                  const std::string& contact = "", size_t page_size = 100) {
  std::vector<std::string> lines;
  std::string continuation;
  do {
    const auto page = ListContacts(rows, account, contact, page_size, continuation);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) break;
    EXPECT_LE(page->contacts.size(), page_size);
    for (const Contact& listed : page->contacts) {
      std::string line = listed.contact_id + "@" + std::to_string(listed.revision) + ":";
      for (const ContactPerson& person : listed.people) {
        line += " " + person.relation + (person.relation.empty() ? "" : " ") + person.data.subject_id() + "=" +
                (person.data.has_sealed() ? person.data.sealed().ciphertext() : "erased");
      }
      lines.push_back(line);
    }
    continuation = page->continuation;
  } while (!continuation.empty());
  return lines;
}

using Lines = std::vector<std::string>;

TEST(Contacts, AreListedByIdWithTheirLatestRecord) {
  RecordLog log;
  log.Open("acme", kMay);
  Record(log, "acme", kMay, "c-2", "s-2", "two");
  Relate(Record(log, "acme", kMay, "c-1", "s-1", "one"), "daughter", "s-3", "three");
  Record(log, "acme", kJune, "c-2", "s-2", "two again");
  log.Open("beta", kMay);
  Record(log, "beta", kMay, "c-1", "s-9", "nine");
  const auto rows = FoldRows(ContactsProjection(), log);
  EXPECT_EQ(Contacts(*rows, "acme"), (Lines{"c-1@2: s-1=one daughter s-3=three", "c-2@3: s-2=two again"}));
  EXPECT_EQ(Contacts(*rows, "acme", "c-2"), Lines{"c-2@3: s-2=two again"});
  EXPECT_EQ(Contacts(*rows, "acme", "c"), Lines{});
  EXPECT_EQ(Contacts(*rows, "beta"), Lines{"c-1@1: s-9=nine"});
  EXPECT_EQ(Contacts(*rows, "nobody"), Lines{});
}

TEST(Contacts, KeepThePlaceThatTheSealIsBoundTo) {
  RecordLog log;
  Relate(Record(log, "acme", kMay, "c-1", "s-1", "one"), "son", "s-2", "two");
  const auto page = ListContacts(*FoldRows(ContactsProjection(), log), "acme", "", 10, "");
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->contacts.at(0).people.size(), 2u);
  EXPECT_EQ(page->contacts[0].occurred, kMay);
  EXPECT_EQ(page->contacts[0].people[0].path, "contact_recorded.person");
  EXPECT_EQ(page->contacts[0].people[0].data.sealed().nonce(), "nonce of one");
  EXPECT_EQ(page->contacts[0].people[1].path, "contact_recorded.related[0].person");
}

TEST(Contacts, ComeInPages) {
  RecordLog log;
  Lines expected;
  for (int i = 10; i < 20; ++i) {
    const std::string id = "c-" + std::to_string(i);
    Record(log, "acme", kMay, id, "s-" + std::to_string(i), "x");
    if (i == 13) Remove(log, "acme", kMay, id);
    if (i != 13)
      expected.push_back(id + "@" + std::to_string(i < 13 ? i - 10 : i - 9) + ": s-" + std::to_string(i) + "=x");
  }
  const auto rows = FoldRows(ContactsProjection(), log);
  for (const size_t page_size : {1u, 2u, 3u, 9u, 10u}) EXPECT_EQ(Contacts(*rows, "acme", "", page_size), expected);
}

TEST(Contacts, EndAPageThatHoldsTooManyBytes) {
  RecordLog log;
  for (int i = 0; i < 5; ++i)
    Record(log, "acme", kMay, "c-" + std::to_string(i), "s-" + std::to_string(i), std::string(1 << 20, 'x'));
  const auto rows = FoldRows(ContactsProjection(), log);
  const auto page = ListContacts(*rows, "acme", "", 100, "");
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->contacts.size(), 2u);
  EXPECT_EQ(page->continuation, "c-1");
  EXPECT_EQ(Contacts(*rows, "acme").size(), 5u);
}

TEST(Contacts, ThatAreRemovedAreNotListedUntilRecordedAgain) {
  RecordLog log;
  Record(log, "acme", kMay, "c-1", "s-1", "one");
  Remove(log, "acme", kJune, "c-1");
  Remove(log, "acme", kJune, "never known");
  EXPECT_EQ(Contacts(*FoldRows(ContactsProjection(), log), "acme"), Lines{});
  Record(log, "acme", kJuly, "c-1", "s-1", "back");
  EXPECT_EQ(Contacts(*FoldRows(ContactsProjection(), log), "acme"), Lines{"c-1@3: s-1=back"});
}

TEST(Contacts, GoByWhenThingsHappened) {
  RecordLog log;
  Record(log, "acme", kJune, "c-1", "s-1", "june");
  Record(log, "acme", kMay, "c-1", "s-1", "may, told late");
  EXPECT_EQ(Contacts(*FoldRows(ContactsProjection(), log), "acme"), Lines{"c-1@0: s-1=june"});
  Remove(log, "acme", kMay, "c-1");
  EXPECT_EQ(Contacts(*FoldRows(ContactsProjection(), log), "acme"), Lines{"c-1@0: s-1=june"}) << "removed before";
  Remove(log, "acme", kJune, "c-1");
  EXPECT_EQ(Contacts(*FoldRows(ContactsProjection(), log), "acme"), Lines{}) << "removed then, recorded later";
  Record(log, "acme", kMay, "c-1", "s-1", "may again");
  EXPECT_EQ(Contacts(*FoldRows(ContactsProjection(), log), "acme"), Lines{}) << "late, and still removed after it";
  Record(log, "acme", kJune, "c-1", "s-1", "june again");
  EXPECT_EQ(Contacts(*FoldRows(ContactsProjection(), log), "acme"), Lines{"c-1@5: s-1=june again"});
}

TEST(Contacts, LoseWhatIsSealedWhenASubjectIsErasedAndOnlyThat) {
  RecordLog log;
  Relate(Record(log, "acme", kMay, "c-1", "s-1", "one"), "daughter", "s-2", "two");
  Record(log, "beta", kMay, "c-7", "s-2", "two elsewhere");
  Erase(log, "s-2");
  auto table = FoldAll(ContactsProjection(), log.records());
  EXPECT_EQ(Contacts(*table->NewReader(), "acme"), Lines{"c-1@0: s-1=one daughter s-2=erased"});
  EXPECT_EQ(Contacts(*table->NewReader(), "beta"), Lines{"c-7@0: s-2=erased"});
  for (const auto& [key, value] : table->rows()) {
    EXPECT_EQ(value.find("two"), std::string::npos);
    EXPECT_EQ(value.find("nonce of two"), std::string::npos);
  }
  // A request that was under way.
  Record(log, "acme", kJune, "c-2", "s-2", "two, late");
  table = FoldAll(ContactsProjection(), log.records());
  EXPECT_EQ(Contacts(*table->NewReader(), "acme"), (Lines{"c-1@0: s-1=one daughter s-2=erased", "c-2@1: s-2=erased"}));
  for (const auto& [key, value] : table->rows()) EXPECT_EQ(value.find("two, late"), std::string::npos);
}

// Rows of many places, larger than what may wait in memory, and a table that counts.
TEST(Contacts, AreErasedInStepsHoweverManyPlacesThereAre) {
  constexpr uint64_t kPlaces = 2'500;
  RecordLog log;
  // What stands in them takes more memory than may wait; the place where the account is named does not go.
  const std::string account(20'000, 'a');
  for (uint64_t i = 0; i < kPlaces; ++i) Record(log, account, kMay, "c", "s-1", "one");
  const ContactsProjection projection;
  testing::MemoryTable table;
  Lane lane(projection, table);
  for (uint64_t i = 0; i < kPlaces; ++i) lane.Apply(i, RecordView{log.records()[i], kMay, kMay});
  lane.Flush();
  ASSERT_EQ(table.applied(), kPlaces);
  Erase(log, "s-1");
  const int writes = table.writes();
  // Stopped after its first step it is not counted, and begins again.
  const std::atomic<bool> stop{true};
  lane.Apply(kPlaces, RecordView{log.records()[kPlaces], kJuly, kJuly}, &stop);
  lane.Flush();
  EXPECT_EQ(table.applied(), kPlaces);
  EXPECT_EQ(lane.next(), kPlaces);
  const auto sealed = [&table] {
    uint64_t count = 0;
    for (const auto& [key, value] : table.rows()) count += value.find("nonce of one") != std::string::npos ? 1 : 0;
    return count;
  };
  EXPECT_EQ(sealed(), kPlaces - 1'000);
  Lane again(projection, table);
  again.Apply(kPlaces, RecordView{log.records()[kPlaces], kJuly, kJuly});
  // More than half of it was written before the end.
  EXPECT_EQ(table.writes(), writes + 2);
  EXPECT_EQ(table.applied(), kPlaces);
  again.Flush();
  EXPECT_EQ(table.applied(), kPlaces + 1);
  EXPECT_EQ(sealed(), 0u);
  // The rows are those of a fold without a stop.
  EXPECT_EQ(table.rows(), FoldAll(ContactsProjection(), log.records())->rows());
}

// "acme#0 contact_recorded.person one replaced".
std::vector<std::string> Places(const store::TableReader& rows, const std::string& subject, size_t page_size = 100) {
  std::vector<std::string> lines;
  std::optional<uint64_t> first = 0;
  while (first.has_value()) {
    const auto page = ListSubjectPlaces(rows, subject, *first, page_size);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) break;
    EXPECT_LE(page->places.size(), page_size);
    for (const SubjectPlace& place : page->places) {
      lines.push_back(place.account_id + "#" + std::to_string(place.position) + " " + place.path + " " +
                      place.data.sealed().ciphertext() + (place.replaced ? " replaced" : ""));
    }
    first = page->next;
  }
  return lines;
}

TEST(Subjects, AreFoundWhereverTheyStand) {
  RecordLog log;
  Record(log, "acme", kMay, "c-1", "s-1", "one");
  Relate(Record(log, "beta", kMay, "c-1", "s-2", "two"), "wife", "s-1", "one as a wife");
  auto& custom = *log.Add("acme", kMay).mutable_event()->mutable_custom_event();
  Seal(*custom.add_personal(), "s-2", "two on a visit");
  Seal(*custom.add_personal(), "s-1", "one on a visit");
  Record(log, "acme", kJune, "c-1", "s-1", "one again");
  Record(log, "acme", kMay, "c-1", "s-1", "one, told late");
  const auto rows = FoldRows(ContactsProjection(), log);
  const Lines expected{"acme#0 contact_recorded.person one replaced",
                       "beta#1 contact_recorded.related[0].person one as a wife",
                       "acme#2 custom_event.personal[1] one on a visit", "acme#3 contact_recorded.person one again",
                       "acme#4 contact_recorded.person one, told late replaced"};
  for (const size_t page_size : {1u, 2u, 5u, 6u}) EXPECT_EQ(Places(*rows, "s-1", page_size), expected) << page_size;
  const auto unknown = ListSubjectPlaces(*rows, "s-", 0, 10);
  ASSERT_TRUE(unknown.ok());
  EXPECT_FALSE(unknown->known);
}

TEST(Subjects, AreKnownAsErasedEvenIfNothingWasKnownOfThem) {
  RecordLog log;
  Erase(log, "s-1");
  const auto page = ListSubjectPlaces(*FoldRows(ContactsProjection(), log), "s-1", 0, 10);
  ASSERT_TRUE(page.ok());
  EXPECT_TRUE(page->known);
  EXPECT_TRUE(page->erased);
  EXPECT_TRUE(page->places.empty());
}

TEST(Contacts, TellOfDamagedRows) {
  RecordLog log;
  Record(log, "acme", kMay, "c-1", "s-1", "one");
  const auto table = FoldAll(ContactsProjection(), log.records());
  ASSERT_EQ(table->rows().size(), 3u);
  for (auto& [key, value] : table->mutable_rows()) {
    const std::string good = value;
    for (const std::string& bad : {std::string(), good.substr(0, good.size() - 1), good + "x"}) {
      value = bad;
      const auto contacts = ListContacts(*table->NewReader(), "acme", "", 10, "");
      const auto places = ListSubjectPlaces(*table->NewReader(), "s-1", 0, 10);
      EXPECT_TRUE(ReasonOf(contacts.status()) == Reason::kStoreDamaged ||
                  ReasonOf(places.status()) == Reason::kStoreDamaged);
    }
    value = good;
  }
}

}  // namespace
}  // namespace keyledger::projections
