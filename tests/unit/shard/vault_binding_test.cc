// A ledger and its vault: which one it takes, which it refuses, and what an older copy of it brings back.
#include <filesystem>

#include "server/shard/privacy.h"
#include "server/vault/vault.h"
#include "tests/unit/shard/checkpoint_fixture.h"

namespace keyledger::testing {
namespace {

namespace fs = std::filesystem;

// A ledger with vaults beside it, of which it is given one at each start.
class LedgerWithVault {
 public:
  vault::Vault& OpenVault(const std::string& name) {
    ledger_.Close();
    vault_.reset();
    auto vault = vault::Vault::Open(ledger_.file(name), vault::MasterKey{vault::SecretKey::From(std::string(32, 'm'))},
                                    std::nullopt);
    KL_CHECK(vault.ok());
    vault_ = *std::move(vault);
    return *vault_;
  }
  absl::Status OpenWith(const std::string& name) {
    ledger_.options().vault = &OpenVault(name);
    return ledger_.Open();
  }
  absl::Status OpenWithout() {
    ledger_.Close();
    vault_.reset();
    ledger_.options().vault = nullptr;
    return ledger_.Open();
  }
  void Close() {
    ledger_.Close();
    vault_.reset();
  }
  absl::StatusOr<shard::Erasure> Erase(const std::string& request_id, const std::string& subject_id) {
    return ledger_.ledger().privacy().Erase({request_id, "officer", "digest of " + subject_id, subject_id, "asked"},
                                            std::chrono::steady_clock::now() + std::chrono::seconds(60));
  }
  void MakeKey(const std::string& subject_id) {
    EXPECT_TRUE(vault_->KeysFor(std::vector<std::string_view>{subject_id}).ok());
  }

  CheckpointedLedger& ledger() { return ledger_; }
  vault::Vault& vault() { return *vault_; }
  std::string file(const std::string& name) const { return ledger_.file(name); }

 private:
  // Outlives the ledger.
  std::unique_ptr<vault::Vault> vault_;
  CheckpointedLedger ledger_;
};

TEST(LedgersVault, IsTheOneItWasFirstOpenedWith) {
  LedgerWithVault ledger;
  ASSERT_TRUE(ledger.OpenWith("vault").ok());
  const std::string id = ledger.vault().id();
  EXPECT_EQ(ledger.ledger().ledger().vault_id(), id);
  EXPECT_EQ(*ledger.ledger().ledger().shard(0).store().GetMeta("vault.id"), id);
  ledger.MakeKey("s-1");
  // One that a wrong directory was taken for.
  const absl::Status refused = ledger.OpenWith("wrong");
  const std::string other = ledger.vault().id();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(MessageOf(refused),
            "the ledger's personal data is sealed with the keys of vault " + id + ", but the one in " +
                ledger.file("wrong") + " is vault " + other +
                ", which is empty; start with the directory of the right one (--vault-dir), or put a backup of it "
                "there; if it is lost for good, --accept-other-vault goes on with this one, and nothing sealed before "
                "can be read any more");
  ledger.MakeKey("s-2");
  EXPECT_EQ(MessageOf(ledger.OpenWith("wrong")).find("which is empty"), std::string::npos);
  EXPECT_TRUE(ledger.OpenWith("vault").ok());
  EXPECT_EQ(ledger.vault().State("s-1"), vault::SubjectState::kLive);
}

TEST(LedgersVault, ThatACrashLeftWithoutTheLedgersWordIsTakenWhileItIsEmpty) {
  LedgerWithVault ledger;
  ASSERT_TRUE(ledger.OpenWithout().ok());
  EXPECT_EQ(ledger.ledger().ledger().vault_id(), "");
  // Made, and the power went.
  const std::string id = ledger.OpenVault("vault").id();
  ASSERT_TRUE(ledger.OpenWith("vault").ok());
  EXPECT_EQ(ledger.ledger().ledger().vault_id(), id);
}

TEST(LedgersVault, ThatHoldsKeysIsNotTakenByALedgerThatNeverHadOne) {
  for (const bool erased : {false, true}) {
    LedgerWithVault ledger;
    ASSERT_TRUE(ledger.OpenWithout().ok());
    const std::string id = ledger.OpenVault("vault").id();
    if (erased) {
      ASSERT_TRUE(ledger.vault().Erase("s-1").ok());
    } else {
      ledger.MakeKey("s-1");
    }
    const absl::Status refused = ledger.OpenWith("vault");
    EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(MessageOf(refused),
              "the ledger has no vault yet, and the vault " + id + " in " + ledger.file("vault") + " holds keys (" +
                  (erased ? "0 data subjects, 1" : "1 data subjects, 0") +
                  " erased), so it is that of another ledger or this is an old copy of the ledger; "
                  "start with a directory of its own (--vault-dir), or with --accept-other-vault if "
                  "it is this ledger's all the same");
    ledger.ledger().options().accept_other_vault = true;
    EXPECT_TRUE(ledger.OpenWith("vault").ok());
    ledger.ledger().options().accept_other_vault = false;
    EXPECT_TRUE(ledger.OpenWith("vault").ok());
  }
}

TEST(LedgersVault, ThatIsLostForGoodIsReplacedWhenThatIsSaidAndKeepsNobodyErasedOut) {
  LedgerWithVault ledger;
  ASSERT_TRUE(ledger.OpenWith("vault").ok());
  ASSERT_TRUE(ledger.Erase("r1", "s-1").ok());
  ledger.Close();
  fs::remove_all(ledger.file("vault"));
  EXPECT_EQ(ledger.OpenWith("vault").code(), absl::StatusCode::kFailedPrecondition);
  ledger.ledger().options().accept_other_vault = true;
  ASSERT_TRUE(ledger.OpenWith("vault").ok());
  // The new one knows who was erased.
  EXPECT_EQ(ledger.vault().State("s-1"), vault::SubjectState::kErased);
  EXPECT_EQ(ledger.ledger().ledger().privacy().erased_again(), 1u);
  ledger.ledger().options().accept_other_vault = false;
  EXPECT_TRUE(ledger.OpenWith("vault").ok());
}

TEST(LedgersVault, InAnOlderCopyForgetsAgainWhomTheLedgerErased) {
  LedgerWithVault ledger;
  ASSERT_TRUE(ledger.OpenWith("vault").ok());
  for (const char* subject : {"s-1", "s-2", "s-3"}) ledger.MakeKey(subject);
  ledger.Close();
  fs::copy(ledger.file("vault"), ledger.file("copy"));
  ASSERT_TRUE(ledger.OpenWith("vault").ok());
  ASSERT_TRUE(ledger.Erase("r1", "s-1").ok());
  ASSERT_TRUE(ledger.Erase("r2", "s-2").ok());
  ASSERT_TRUE(ledger.Erase("r3", "never-seen").ok());
  ASSERT_TRUE(ledger.OpenWith("vault").ok());
  EXPECT_EQ(ledger.ledger().ledger().privacy().erased_again(), 0u);
  ASSERT_TRUE(ledger.OpenWith("copy").ok());
  EXPECT_EQ(ledger.ledger().ledger().privacy().erased_again(), 3u);
  EXPECT_EQ(ledger.vault().State("s-1"), vault::SubjectState::kErased);
  EXPECT_EQ(ledger.vault().State("s-2"), vault::SubjectState::kErased);
  EXPECT_EQ(ledger.vault().State("never-seen"), vault::SubjectState::kErased);
  EXPECT_EQ(ledger.vault().State("s-3"), vault::SubjectState::kLive);
  // Durably.
  EXPECT_EQ(ledger.OpenVault("copy").counts(), (vault::Vault::Counts{1, 3, 0}));
}

TEST(LedgerWithoutItsVault, CertifiesWhomItErasedAndErasesNobodyElse) {
  LedgerWithVault ledger;
  ASSERT_TRUE(ledger.OpenWith("vault").ok());
  const auto erased = ledger.Erase("r1", "s-1");
  ASSERT_TRUE(erased.ok()) << erased.status();
  ASSERT_TRUE(ledger.OpenWithout().ok());
  EXPECT_NE(ledger.ledger().ledger().vault_id(), "");
  for (const char* request_id : {"r1", "r2"}) {
    const auto again = ledger.Erase(request_id, "s-1");
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->certificate, erased->certificate);
  }
  EXPECT_EQ(ReasonOf(ledger.Erase("r3", "s-2").status()), Reason::kNoMasterKey);
}

}  // namespace
}  // namespace keyledger::testing
