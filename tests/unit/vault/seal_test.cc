// Sealing personal data in events, and reading it again.
#include "server/vault/seal.h"

#include <set>

#include "tests/unit/vault/vault_fixture.h"

namespace keyledger::vault {
namespace {

using events::v1::Event;
using events::v1::PersonalData;
using testing::TempDir;

SecretKey CountingKey() {
  std::string bytes;
  for (char c = 0; c < 32; ++c) bytes.push_back(c);
  return SecretKey::From(bytes);
}

// A contact with a daughter.
Event Contact() {
  Event event;
  auto& recorded = *event.mutable_contact_recorded();
  recorded.set_contact_id("c-1");
  recorded.mutable_person()->set_subject_id("s-1");
  recorded.mutable_person()->mutable_details()->set_name("Grace Hopper");
  auto& related = *recorded.add_related();
  related.set_relation("daughter");
  related.mutable_person()->set_subject_id("s-2");
  related.mutable_person()->set_data("likes ponies");
  return event;
}

Event Custom() {
  Event event;
  event.mutable_custom_event()->set_type("com.example.visit");
  auto& first = *event.mutable_custom_event()->add_personal();
  first.set_subject_id("s-1");
  first.set_data("came with flowers");
  auto& second = *event.mutable_custom_event()->add_personal();
  second.set_subject_id("s-3");
  second.mutable_details()->set_note("left early");
  return event;
}

absl::Status SealOne(Vault& vault, Event& event, std::string_view account = "acc-1",
                     std::string_view request = "req-1") {
  Event* const events[] = {&event};
  KL_ASSIGN_OR_RETURN(KeyUse keys, SealEvents(vault, account, request, events));
  keys.Confirm();
  return absl::OkStatus();
}

// The bytes were computed apart from this code, with Python's cryptography package, from FORMAT.md.
TEST(Seal, WritesTheBytesOfItsFormat) {
  const std::string plaintext(
      "\x12\x05\x0a\x03"
      "Ada",
      7);
  const Place place{"acc-1", "contact_recorded.person"};
  const auto sealed = SealBytes(CountingKey(), "s-1", place, "req-1", 2, plaintext);
  EXPECT_EQ(Hex(sealed.nonce()), "053dc3d042abad23e67cf5f3");
  EXPECT_EQ(Hex(sealed.ciphertext()), "406acbfccd5403b24d1ab88e5820cd69d3b26831dbe701");
  EXPECT_EQ(UnsealBytes(CountingKey(), "s-1", place, sealed), plaintext);
}

TEST(Seal, LeavesNoContentInTheEvent) {
  const TempDir dir;
  const auto vault = OpenVault(dir / "vault", MasterOf('m'));
  Event contact = Contact();
  Event custom = Custom();
  Event plain;
  plain.mutable_contact_removed()->set_contact_id("c-1");
  const std::string plain_before = plain.SerializeAsString();
  Event* const events[] = {&contact, &plain, &custom};
  auto keys = SealEvents(*vault, "acc-1", "req-1", events);
  ASSERT_TRUE(keys.ok()) << keys.status();
  keys->Confirm();
  for (const Event* event : {&contact, &custom}) {
    EXPECT_TRUE(HasPersonal(*event));
    VisitPersonal(*event, [](const std::string& path, const PersonalData& data) {
      EXPECT_EQ(data.content_case(), PersonalData::CONTENT_NOT_SET) << path;
      EXPECT_EQ(data.sealed().nonce().size(), 12u) << path;
    });
    for (const char* word : {"Grace", "ponies", "flowers", "early"})
      EXPECT_EQ(event->SerializeAsString().find(word), std::string::npos);
  }
  EXPECT_EQ(plain.SerializeAsString(), plain_before);
  EXPECT_FALSE(HasPersonal(plain));
  EXPECT_EQ(vault->counts(), (Vault::Counts{3, 0, 0}));
}

TEST(Seal, IsUndoneByUnseal) {
  const TempDir dir;
  const auto vault = OpenVault(dir / "vault", MasterOf('m'));
  for (const Event& original : {Contact(), Custom()}) {
    Event event = original;
    ASSERT_TRUE(SealOne(*vault, event).ok());
    std::vector<std::string> expected;
    VisitPersonal(original,
                  [&](const std::string&, const PersonalData& data) { expected.push_back(data.SerializeAsString()); });
    size_t next = 0;
    VisitPersonal(std::as_const(event), [&](const std::string& path, const PersonalData& data) {
      const auto unsealed = Unseal(*vault, {"acc-1", path}, data);
      ASSERT_TRUE(unsealed.ok()) << unsealed.status();
      EXPECT_EQ(unsealed->SerializeAsString(), expected[next++]) << path;
    });
    EXPECT_EQ(next, 2u);
  }
}

TEST(Seal, SaysWhichDetailsThereAreInTheOrderOfTheirNumbers) {
  const TempDir dir;
  const auto vault = OpenVault(dir / "vault", MasterOf('m'));
  Event event = Contact();
  auto& details = *event.mutable_contact_recorded()->mutable_person()->mutable_details();
  details.set_note("speaks French");
  details.add_phones("+49 30 1");
  details.mutable_birthday()->set_month(12);
  // There, and empty.
  details.set_post("");
  ASSERT_TRUE(SealOne(*vault, event).ok());
  const auto& recorded = event.contact_recorded();
  const auto& known = recorded.person().known_fields();
  EXPECT_EQ(std::vector<std::string>(known.begin(), known.end()),
            (std::vector<std::string>{"name", "birthday", "phones", "note"}));
  EXPECT_EQ(recorded.related(0).person().known_fields_size(), 0) << "nothing is told of a client's own bytes";
}

TEST(Seal, NamesEachPlace) {
  std::vector<std::string> paths;
  const auto collect = [&](const std::string& path, const PersonalData&) { paths.push_back(path); };
  const Event contact = Contact();
  const Event custom = Custom();
  VisitPersonal(contact, collect);
  VisitPersonal(custom, collect);
  EXPECT_EQ(paths, (std::vector<std::string>{"contact_recorded.person", "contact_recorded.related[0].person",
                                             "custom_event.personal[0]", "custom_event.personal[1]"}));
}

TEST(Seal, NamesEachSubjectOnce) {
  const Event contact = Contact();
  const Event custom = Custom();
  const Event* const events[] = {&contact, &custom};
  EXPECT_EQ(SubjectsOf(events), (std::vector<std::string_view>{"s-1", "s-2", "s-3"}));
}

TEST(Seal, GivesTheSameBytesForTheSameRequest) {
  const TempDir dir;
  const auto vault = OpenVault(dir / "vault", MasterOf('m'));
  Event first = Contact();
  ASSERT_TRUE(SealOne(*vault, first).ok());
  Event second = Contact();
  ASSERT_TRUE(SealOne(*OpenVault(dir / "copy", MasterOf('m')), second).ok());
  EXPECT_NE(first.SerializeAsString(), second.SerializeAsString());  // Another vault, another key.
  second = Contact();
  ASSERT_TRUE(SealOne(*vault, second).ok());
  EXPECT_EQ(first.SerializeAsString(), second.SerializeAsString());
}

TEST(Seal, TakesAnotherNonceForAnythingElse) {
  const SecretKey key = CountingKey();
  std::set<std::string> nonces;
  const auto add = [&](const auto& sealed) { EXPECT_TRUE(nonces.insert(sealed.nonce()).second); };
  add(SealBytes(key, "s-1", {"a-1", "p"}, "req-1", 0, "text"));
  add(SealBytes(key, "s-2", {"a-1", "p"}, "req-1", 0, "text"));
  add(SealBytes(key, "s-1", {"a-2", "p"}, "req-1", 0, "text"));
  add(SealBytes(key, "s-1", {"a-1", "q"}, "req-1", 0, "text"));
  add(SealBytes(key, "s-1", {"a-1", "p"}, "req-2", 0, "text"));
  add(SealBytes(key, "s-1", {"a-1", "p"}, "req-1", 1, "text"));
  add(SealBytes(key, "s-1", {"a-1", "p"}, "req-1", 0, "test"));
  // Fields do not run into each other.
  add(SealBytes(key, "s-1a", {"-1", "p"}, "req-1", 0, "text"));
  add(SealBytes(key, "s-1", {"a-1p", ""}, "req-1", 0, "text"));
  EXPECT_EQ(nonces.size(), 9u);
}

TEST(Unseal, RefusesBytesThatWereMovedOrAltered) {
  const TempDir dir;
  const auto vault = OpenVault(dir / "vault", MasterOf('m'));
  Event event = Contact();
  ASSERT_TRUE(SealOne(*vault, event).ok());
  const PersonalData data = event.contact_recorded().person();
  const Place place{"acc-1", "contact_recorded.person"};
  ASSERT_TRUE(Unseal(*vault, place, data).ok());
  const auto refused = [&](const Place& where, const PersonalData& what) {
    const auto unsealed = Unseal(*vault, where, what);
    return ReasonOf(unsealed.status()) == Reason::kStoreDamaged;
  };
  EXPECT_TRUE(refused({"acc-2", place.path}, data));
  EXPECT_TRUE(refused({"acc-1", "contact_recorded.related[0].person"}, data));
  PersonalData other = data;
  other.set_subject_id("s-2");
  EXPECT_TRUE(refused(place, other));
  for (size_t at = 0; at < data.sealed().ciphertext().size(); ++at) {
    PersonalData altered = data;
    (*altered.mutable_sealed()->mutable_ciphertext())[at] ^= 1;
    EXPECT_TRUE(refused(place, altered)) << at;
  }
  for (size_t at = 0; at < kNonceBytes; ++at) {
    PersonalData altered = data;
    (*altered.mutable_sealed()->mutable_nonce())[at] ^= 1;
    EXPECT_TRUE(refused(place, altered)) << at;
  }
  PersonalData shorter = data;
  shorter.mutable_sealed()->mutable_nonce()->pop_back();
  EXPECT_TRUE(refused(place, shorter));
  shorter = data;
  shorter.mutable_sealed()->set_ciphertext("short");
  EXPECT_TRUE(refused(place, shorter));
  shorter.clear_sealed();
  EXPECT_TRUE(refused(place, shorter));
}

TEST(Unseal, SaysWhenTheVaultIsNotTheOne) {
  const TempDir dir;
  const auto vault = OpenVault(dir / "vault", MasterOf('m'));
  Event event = Contact();
  ASSERT_TRUE(SealOne(*vault, event).ok());
  const auto other = OpenVault(dir / "other", MasterOf('m'));
  const auto unsealed = Unseal(*other, {"acc-1", "contact_recorded.person"}, event.contact_recorded().person());
  EXPECT_EQ(ReasonOf(unsealed.status()), Reason::kStoreDamaged);
  EXPECT_NE(MessageOf(unsealed.status()).find("no key"), std::string::npos) << unsealed.status();
}

TEST(Unseal, IsRefusedOnceTheSubjectIsErasedAndLeavesTheOthers) {
  const TempDir dir;
  const auto vault = OpenVault(dir / "vault", MasterOf('m'));
  Event event = Contact();
  ASSERT_TRUE(SealOne(*vault, event).ok());
  ASSERT_TRUE(vault->Erase("s-2").ok());
  const auto& recorded = event.contact_recorded();
  EXPECT_EQ(
      ReasonOf(Unseal(*vault, {"acc-1", "contact_recorded.related[0].person"}, recorded.related(0).person()).status()),
      Reason::kSubjectErased);
  EXPECT_TRUE(Unseal(*vault, {"acc-1", "contact_recorded.person"}, recorded.person()).ok());
  Event again = Contact();
  EXPECT_EQ(ReasonOf(SealOne(*vault, again)), Reason::kSubjectErased);
}

}  // namespace
}  // namespace keyledger::vault
