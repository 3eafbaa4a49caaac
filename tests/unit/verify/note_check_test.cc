// keyledger-verify note and consistency.
#include "client/verify/note_check.h"

#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "server/audit/standing_statement.h"
#include "server/merkle/base64.h"
#include "server/merkle/checkpoint.h"
#include "server/merkle/proof.h"
#include "tests/support/temp_dir.h"

namespace keyledger::verify {
namespace {

class Notes : public ::testing::Test {
 protected:
  std::string File(const std::string& name, const std::string& text) {
    std::ofstream(directory_ / name, std::ios::binary) << text;
    return directory_ / name;
  }
  std::string Signed(const std::string& text, const std::string& name = "keyledger/lab/0") {
    const merkle::NoteSigner signer{name, &key_};
    return *merkle::SignNote(text, {&signer, 1});
  }
  std::string Vkey(const std::string& name = "keyledger/lab/0") {
    return merkle::VerifierKey(name, key_.public_key()).Format();
  }
  int Note(const std::string& note, const std::vector<std::string>& keys, bool json = false) {
    out_.str("");
    err_.str("");
    Environment environment{out_, err_};
    return CheckNote(File("note", note), keys, json, environment);
  }
  int Consistency(const std::string& older, const std::string& newer, const std::string& proof) {
    out_.str("");
    err_.str("");
    Environment environment{out_, err_};
    return CheckConsistency(File("old", older), File("new", newer), File("proof", proof), {Vkey()}, environment);
  }
  std::string out() const { return out_.str(); }
  std::string err() const { return err_.str(); }

  const testing::TempDir directory_;
  const merkle::SigningKey key_ = merkle::SigningKey::Generate();
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(Notes, ShowsWhatACheckpointSaysAndWhoSignedIt) {
  const std::string text = merkle::FormatCheckpoint({"keyledger/lab/0", 7, {}});
  EXPECT_EQ(Note(Signed(text), {Vkey()}), kExitHolds) << out();
  EXPECT_EQ(out(), fmt::format("This checkpoint is signed by {}:\n\n{}", Vkey(), text));
  EXPECT_EQ(Note(Signed(text), {Vkey()}, /*json=*/true), kExitHolds);
  EXPECT_NE(out().find("\"holds\":true"), std::string::npos);
  EXPECT_NE(out().find("\"kind\":\"checkpoint\""), std::string::npos);
}

TEST_F(Notes, KnowsAStandingAndACertificateOfErasure) {
  audit::StandingStatement standing;
  standing.checkpoint.origin = "keyledger/lab/0";
  standing.account_id = "acme";
  EXPECT_EQ(Note(Signed(audit::FormatStanding(standing)), {Vkey()}), kExitHolds) << out();
  EXPECT_NE(out().find("This standing statement is signed by"), std::string::npos);
  EXPECT_EQ(Note(Signed("keyledger-erasure/1\nsubject: s1\n"), {Vkey()}), kExitHolds);
  EXPECT_NE(out().find("This certificate of erasure is signed by"), std::string::npos);
}

TEST_F(Notes, RefusesAChangedNoteAnotherKeyAndAnotherLog) {
  const std::string text = merkle::FormatCheckpoint({"keyledger/lab/0", 7, {}});
  std::string changed = Signed(text);
  changed.replace(changed.find("\n7\n"), 3, "\n8\n");
  EXPECT_EQ(Note(changed, {Vkey()}), kExitDoesNotHold);
  EXPECT_NE(out().find("DOES NOT HOLD"), std::string::npos);
  const merkle::SigningKey other = merkle::SigningKey::Generate();
  const std::string stranger = merkle::VerifierKey("keyledger/lab/0", other.public_key()).Format();
  EXPECT_EQ(Note(Signed(text), {stranger}), kExitDoesNotHold);
  // Signed by the key of another log.
  EXPECT_EQ(Note(Signed(text, "keyledger/lab/1"), {Vkey("keyledger/lab/1")}), kExitDoesNotHold);
  EXPECT_NE(out().find("no key of that log signed it"), std::string::npos) << out();
  EXPECT_EQ(Note("", {Vkey()}), kExitDoesNotHold);
}

TEST_F(Notes, ReadsKeysFromAFile) {
  const std::string note = Signed(merkle::FormatCheckpoint({"keyledger/lab/0", 7, {}}));
  EXPECT_EQ(Note(note, {File("keys", "# of the lab\n\n" + Vkey("keyledger/lab/1") + "\r\n" + Vkey() + "\n")}),
            kExitHolds);
  EXPECT_EQ(Note(note, {File("keys", Vkey() + "\nnot a key\n")}), kExitUsage);
  EXPECT_NE(err().find("line 2"), std::string::npos) << err();
  EXPECT_EQ(Note(note, {File("keys", "# none\n")}), kExitUsage);
  EXPECT_NE(err().find("no key is given"), std::string::npos);
  EXPECT_EQ(Note(note, {directory_ / "absent"}), kExitCannotRead);
  EXPECT_EQ(Note(std::string((4u << 20) + 1, 'x'), {Vkey()}), kExitCannotRead);
}

TEST_F(Notes, ProveThatOneLogBeginsWithAnother) {
  // Leaves "a" and "b": the proof from size 1 to 2 is the second leaf.
  const merkle::Hash a = merkle::LeafHash("a");
  const merkle::Hash b = merkle::LeafHash("b");
  const std::string older = Signed(merkle::FormatCheckpoint({"keyledger/lab/0", 1, a}));
  const std::string newer = Signed(merkle::FormatCheckpoint({"keyledger/lab/0", 2, merkle::NodeHash(a, b)}));
  const std::string hash = merkle::EncodeBase64(std::string(b.begin(), b.end()));
  const std::string proof = R"({"firstSize": "1", "secondSize": "2", "hashes": [")" + hash + R"("]})";
  EXPECT_EQ(Consistency(older, newer, proof), kExitHolds) << out() << err();
  EXPECT_EQ(out(), "The log keyledger/lab/0 of size 2 begins with that of size 1.\n");
  EXPECT_EQ(Consistency(older, newer, R"({"proof": )" + proof + "}"), kExitHolds);
  EXPECT_EQ(Consistency(newer, older, proof), kExitDoesNotHold);
  EXPECT_EQ(Consistency(older, newer, R"({"firstSize": "1", "secondSize": "2"})"), kExitDoesNotHold);
  EXPECT_EQ(Consistency(older, newer, R"({"firstSize": "1", "secondSize": "2", "hashes": ["AA=="]})"),
            kExitDoesNotHold);
  EXPECT_EQ(Consistency(older, newer, "not json"), kExitDoesNotHold);
  const std::string deep = std::string(1'000'000, '[') + std::string(1'000'000, ']');
  EXPECT_EQ(Consistency(older, newer, R"({"proof": )" + deep + "}"), kExitDoesNotHold);
  EXPECT_NE(out().find("nested deeper than 32"), std::string::npos) << out();
  EXPECT_EQ(Consistency(older, newer, deep), kExitDoesNotHold);
  const std::string forked = Signed(merkle::FormatCheckpoint({"keyledger/lab/0", 2, merkle::NodeHash(b, a)}));
  EXPECT_EQ(Consistency(older, forked, proof), kExitDoesNotHold);
}

}  // namespace
}  // namespace keyledger::verify
