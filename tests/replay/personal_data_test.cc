// The promise P7 of what is derived: no projection keeps sealed personal data but those that say so, and none keeps any
// of a subject that was erased; nor does the snapshot of an account's state.
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "projections/accesses/accesses_projection.h"
#include "projections/accounts/accounts_projection.h"
#include "projections/contacts/contacts_projection.h"
#include "projections/engagement/engagement_projection.h"
#include "projections/points/points_projection.h"
#include "projections/retention/retention_projection.h"
#include "projections/tiers/tiers_projection.h"
#include "server/base/ids.h"
#include "server/domain/account_state.h"
#include "server/domain/evolve.h"
#include "tests/support/record_log.h"

namespace keyledger::projections {
namespace {

using testing::RecordLog;
using testing::Utc;

// All that the server folds.
std::vector<std::shared_ptr<const Projection>> All() {
  return {MakeAccountsProjection(), MakePointsProjection(),   MakeTiersProjection(),     MakeRetentionProjection(),
          MakeContactsProjection(), MakeAccessesProjection(), MakeEngagementProjection()};
}

std::string SealedOf(const std::string& subject) { return "sealed:" + subject + ":bytes"; }

void Seal(const std::string& subject, events::v1::PersonalData& data) {
  data.set_subject_id(subject);
  data.mutable_sealed()->set_nonce("nonce-" + subject);
  data.mutable_sealed()->set_ciphertext(SealedOf(subject));
}

// An account with two contacts and related people, recorded twice, and a custom event about one of them.
RecordLog Contacts() {
  RecordLog log;
  log.Open("acme", Utc(2026, 1, 1));
  for (int i = 0; i < 2; ++i) {
    for (const char* name : {"1", "2"}) {
      auto* contact = log.Add("acme", Utc(2026, 2, 1)).mutable_event()->mutable_contact_recorded();
      contact->set_contact_id(std::string("contact-") + name);
      Seal(std::string("person-") + name, *contact->mutable_person());
      auto* related = contact->add_related();
      related->set_relation("daughter");
      Seal(std::string("child-") + name, *related->mutable_person());
    }
  }
  auto* custom = log.Add("acme", Utc(2026, 2, 2)).mutable_event()->mutable_custom_event();
  custom->set_type("visit");
  Seal("person-1", *custom->add_personal());
  log.Purchase("acme", Utc(2026, 2, 3), 5'000'000);
  return log;
}

const std::set<std::string> kSubjects = {"child-1", "child-2", "person-1", "person-2"};

// Subjects whose sealed bytes are in some row of the table.
std::set<std::string> KeptIn(const store::TableReader& rows) {
  std::set<std::string> kept;
  const auto it = rows.NewIterator();
  for (it->Seek(""); it->Valid(); it->Next()) {
    for (const std::string& subject : kSubjects) {
      if (std::string(it->value()).find(SealedOf(subject)) != std::string::npos) kept.insert(subject);
    }
  }
  return kept;
}

TEST(PersonalData, IsInTheRowsOfThoseProjectionsOnlyThatSaySo) {
  const RecordLog log = Contacts();
  for (const auto& projection : All()) {
    const auto rows = testing::FoldRows(*projection, log);
    EXPECT_EQ(KeptIn(*rows), projection->holds_personal_data() ? kSubjects : std::set<std::string>())
        << projection->name();
  }
}

TEST(PersonalData, OfAnErasedSubjectIsInNoRow) {
  RecordLog log = Contacts();
  for (const char* subject : {"person-1", "child-2"}) {
    auto* erased = log.Add(std::string(kPrivacyStream), Utc(2026, 3, 1)).mutable_event()->mutable_subject_erased();
    erased->set_subject_id(subject);
    for (const auto& projection : All()) {
      const auto kept = KeptIn(*testing::FoldRows(*projection, log));
      EXPECT_FALSE(kept.contains(subject)) << projection->name();
      if (projection->holds_personal_data()) {
        EXPECT_TRUE(kept.contains("person-2")) << projection->name();
      }
    }
  }
  // What was sealed before and is recorded after, as a request that overtakes an erasure may be.
  auto* late = log.Add("acme", Utc(2026, 3, 2)).mutable_event()->mutable_contact_recorded();
  late->set_contact_id("contact-1");
  Seal("person-1", *late->mutable_person());
  for (const auto& projection : All()) {
    EXPECT_FALSE(KeptIn(*testing::FoldRows(*projection, log)).contains("person-1")) << projection->name();
  }
}

TEST(PersonalData, IsInNoSnapshotOfAnAccount) {
  const RecordLog log = Contacts();
  domain::AccountState state;
  for (const events::v1::EventRecord& record : log.records()) {
    ASSERT_TRUE(domain::Evolve(state, record.event(), testing::MicrosOfTime(record.occurred_time())).ok());
  }
  const std::string snapshot = domain::EncodeState(state);
  for (const std::string& subject : kSubjects) {
    EXPECT_EQ(snapshot.find(SealedOf(subject)), std::string::npos);
    EXPECT_EQ(snapshot.find(subject), std::string::npos);
  }
}

}  // namespace
}  // namespace keyledger::projections
