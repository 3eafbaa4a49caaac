// Legal holds and erasures: what is recorded, what is refused, what a restart finds.
#include <set>

#include "server/shard/erasure_certificate.h"
#include "server/shard/privacy.h"
#include "server/store/verify.h"
#include "tests/unit/shard/shard_fixture.h"

namespace keyledger::shard {
namespace {

using std::chrono::steady_clock;
using testing::FakeClock;
using testing::WholeLedger;

steady_clock::time_point Soon() { return steady_clock::now() + std::chrono::seconds(60); }

// A ledger with a register of its own, whose vault and signature the test plays.
class Register {
 public:
  explicit Register(uint32_t shards = 1, bool master_key = true) : ledger_(shards), master_key_(master_key) { Open(); }
  ~Register() { Close(); }

  void Restart() {
    Close();
    ledger_.Reopen();
    Open();
  }

  PrivacyRequest Request(const std::string& request_id, const std::string& subject_id = "person-1",
                         const std::string& reason = "asked for it") const {
    PrivacyRequest request{request_id, "officer", "", subject_id, reason};
    request.digest = "digest of " + subject_id + " " + reason;
    return request;
  }
  absl::StatusOr<LegalHold> Place(const std::string& request_id, const std::string& hold_id,
                                  const std::string& subject_id = "person-1") {
    return privacy_->PlaceHold(Request(request_id, subject_id, "case " + hold_id), hold_id);
  }
  absl::StatusOr<ReleasedHold> Release(const std::string& request_id, const std::string& hold_id) {
    return privacy_->ReleaseHold(Request(request_id, "", "settled " + hold_id), hold_id);
  }
  absl::StatusOr<Erasure> Erase(const std::string& request_id, const std::string& subject_id = "person-1",
                                steady_clock::time_point deadline = Soon()) {
    return privacy_->Erase(Request(request_id, subject_id), deadline);
  }
  // "subject/hold", of all holds in force.
  std::vector<std::string> Holds(const std::string& subject_id = "") const {
    std::vector<std::string> names;
    const auto page = privacy_->ListHolds(subject_id, {}, 1'000);
    EXPECT_TRUE(page.ok()) << page.status();
    for (const LegalHold& hold : page->holds) names.push_back(hold.subject_id + "/" + hold.hold_id);
    return names;
  }
  // Records of "$privacy" in short, by shard.
  std::string Kinds(uint32_t shard = 0) { return testing::Kinds(ledger_.Records(shard)); }

  WholeLedger& ledger() { return ledger_; }
  Privacy& privacy() { return *privacy_; }
  // Subjects whose key was destroyed, each time it was asked for.
  std::vector<std::string> destroyed() const {
    MutexLock lock(mutex_);
    return destroyed_;
  }
  void set_vault_failure(absl::Status failure) {
    MutexLock lock(mutex_);
    vault_failure_ = std::move(failure);
  }
  void set_key(const std::string& key) { key_ = key; }
  // Lets records that were just written fail to be read.
  void set_read_failure(absl::Status failure) {
    MutexLock lock(mutex_);
    read_failure_ = std::move(failure);
  }
  // Subjects that the last start found erased on the record.
  std::vector<std::string> destroyed_again() const {
    MutexLock lock(mutex_);
    return destroyed_again_;
  }

 private:
  void Open() {
    std::vector<Shard*> shards;
    std::vector<projections::Engine*> engines;
    for (uint32_t number = 0; number < ledger_.ledger().shard_count(); ++number) {
      shards.push_back(&ledger_.ledger().shard(number));
      engines.push_back(&ledger_.ledger().engine(number));
    }
    PrivacyOptions options;
    options.ledger_id = "0123abcd";
    if (master_key_) {
      options.destroy_key = [this](const std::string& subject_id) {
        MutexLock lock(mutex_);
        destroyed_.push_back(subject_id);
        return vault_failure_;
      };
    }
    {
      MutexLock lock(mutex_);
      destroyed_again_.clear();
    }
    options.destroy_again = [this](const std::vector<std::string>& subject_ids) -> absl::StatusOr<size_t> {
      MutexLock lock(mutex_);
      destroyed_again_.insert(destroyed_again_.end(), subject_ids.begin(), subject_ids.end());
      return subject_ids.size();
    };
    options.before_read_back = [this](uint64_t) {
      MutexLock lock(mutex_);
      return read_failure_;
    };
    options.sign = [this](uint32_t shard, const std::string& text) {
      return absl::StatusOr<std::string>(fmt::format("{}signed by {} of shard {}", text, key_, shard));
    };
    privacy_ = std::make_unique<Privacy>(std::move(shards), std::move(engines), std::move(options));
    const absl::Status opened = privacy_->Open();
    EXPECT_TRUE(opened.ok()) << opened;
  }
  void Close() {
    // As the ledger does: the shards first, so that nothing waits for them.
    ledger_.ledger().Stop();
    privacy_.reset();
  }

  WholeLedger ledger_;
  const bool master_key_;
  mutable Mutex mutex_;
  std::vector<std::string> destroyed_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> destroyed_again_ ABSL_GUARDED_BY(mutex_);
  absl::Status vault_failure_ ABSL_GUARDED_BY(mutex_);
  absl::Status read_failure_ ABSL_GUARDED_BY(mutex_);
  std::string key_ = "key 1";
  std::unique_ptr<Privacy> privacy_;
};

using Names = std::vector<std::string>;

TEST(LegalHold, IsOnTheRecordAndInForce) {
  Register ledger(2);
  const auto hold = ledger.Place("r1", "h-1");
  ASSERT_TRUE(hold.ok()) << hold.status();
  EXPECT_EQ(hold->hold_id, "h-1");
  EXPECT_EQ(hold->subject_id, "person-1");
  EXPECT_EQ(hold->reason, "case h-1");
  EXPECT_EQ(hold->actor, "officer");
  EXPECT_EQ(hold->place_time, ledger.ledger().clock().Now());
  EXPECT_EQ(ledger.Holds(), Names{"person-1/h-1"});
  const auto records = ledger.ledger().Records(0);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].account_id(), "$privacy");
  EXPECT_EQ(records[0].request_id(), "r1");
  EXPECT_EQ(records[0].actor(), "officer");
  EXPECT_EQ(records[0].event().legal_hold_placed().hold_id(), "h-1");
  EXPECT_EQ(records[0].event().legal_hold_placed().subject_id(), "person-1");
  EXPECT_EQ(records[0].event().legal_hold_placed().reason(), "case h-1");
  EXPECT_EQ(ledger.Kinds(1), "");
}

TEST(LegalHold, PlacedAgainWithTheSameRequestIsTheSameHold) {
  Register ledger;
  const auto first = ledger.Place("r1", "h-1");
  ledger.ledger().clock().Advance(kMicrosPerSecond);
  const auto again = ledger.Place("r1", "h-1");
  ASSERT_TRUE(first.ok() && again.ok()) << again.status();
  EXPECT_EQ(again->place_time, first->place_time);
  EXPECT_EQ(again->hold_id, "h-1");
  EXPECT_EQ(ledger.Kinds(), "LEGAL_HOLD_PLACED");
}

TEST(LegalHold, RefusesARequestIdThatDidSomethingElse) {
  Register ledger;
  ASSERT_TRUE(ledger.Place("r1", "h-1").ok());
  EXPECT_EQ(ReasonOf(ledger.Place("r1", "h-2").status()), Reason::kRequestIdReused);
  EXPECT_EQ(ReasonOf(ledger.Release("r1", "h-1").status()), Reason::kRequestIdReused);
  EXPECT_EQ(ReasonOf(ledger.Erase("r1", "person-2").status()), Reason::kRequestIdReused);
  EXPECT_EQ(ledger.Kinds(), "LEGAL_HOLD_PLACED");
}

TEST(LegalHold, RefusesANameThatIsOrWasInUse) {
  Register ledger;
  ASSERT_TRUE(ledger.Place("r1", "h-1").ok());
  EXPECT_EQ(ReasonOf(ledger.Place("r2", "h-1").status()), Reason::kLegalHoldExists);
  EXPECT_EQ(ReasonOf(ledger.Place("r3", "h-1", "person-2").status()), Reason::kLegalHoldExists);
  ASSERT_TRUE(ledger.Release("r4", "h-1").ok());
  EXPECT_EQ(ReasonOf(ledger.Place("r5", "h-1").status()), Reason::kLegalHoldExists);
  ledger.Restart();
  EXPECT_EQ(ReasonOf(ledger.Place("r6", "h-1").status()), Reason::kLegalHoldExists);
}

TEST(LegalHold, EndsWithItsReleaseAndNoOther) {
  Register ledger;
  ASSERT_TRUE(ledger.Place("r1", "h-1").ok());
  ASSERT_TRUE(ledger.Place("r2", "h-2").ok());
  ledger.ledger().clock().Advance(kMicrosPerSecond);
  const auto released = ledger.Release("r3", "h-1");
  ASSERT_TRUE(released.ok()) << released.status();
  EXPECT_EQ(released->hold.hold_id, "h-1");
  EXPECT_EQ(released->hold.reason, "case h-1");
  EXPECT_EQ(released->release_time, released->hold.place_time + kMicrosPerSecond);
  EXPECT_EQ(ledger.Holds(), Names{"person-1/h-2"});
  EXPECT_EQ(ledger.Kinds(), "LEGAL_HOLD_PLACED LEGAL_HOLD_PLACED LEGAL_HOLD_RELEASED");
  const auto records = ledger.ledger().Records(0);
  EXPECT_EQ(records[2].event().legal_hold_released().subject_id(), "person-1");
  EXPECT_EQ(records[2].event().legal_hold_released().reason(), "settled h-1");
  // The release again is the same; another one finds nothing.
  const auto again = ledger.Release("r3", "h-1");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->release_time, released->release_time);
  EXPECT_EQ(ReasonOf(ledger.Release("r4", "h-1").status()), Reason::kLegalHoldNotFound);
  EXPECT_EQ(ReasonOf(ledger.Release("r5", "never").status()), Reason::kLegalHoldNotFound);
}

TEST(LegalHold, WhoseRecordCannotBeReadBackIsInForceAllTheSame) {
  Register ledger;
  ASSERT_TRUE(ledger.Place("p0", "h-0", "person-2").ok());
  ledger.set_read_failure(MakeError(Reason::kStoreDamaged, "cannot be read"));
  EXPECT_EQ(ReasonOf(ledger.Place("p1", "h-1").status()), Reason::kStoreDamaged);
  EXPECT_EQ(ReasonOf(ledger.Release("x0", "h-0").status()), Reason::kStoreDamaged);
  ledger.set_read_failure(absl::OkStatus());
  EXPECT_EQ(ledger.Holds(), Names{"person-1/h-1"});
  EXPECT_EQ(ReasonOf(ledger.Erase("e1").status()), Reason::kLegalHold);
  EXPECT_TRUE(ledger.Erase("e2", "person-2").ok());
  // Asked again they get what the first request did.
  EXPECT_EQ(ledger.Place("p1", "h-1")->hold_id, "h-1");
  EXPECT_EQ(ledger.Release("x0", "h-0")->hold.hold_id, "h-0");
  ledger.Restart();
  EXPECT_EQ(ledger.Holds(), Names{"person-1/h-1"});
}

TEST(LegalHold, IsFoundAgainAfterARestart) {
  Register ledger;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(ledger.Place(fmt::format("p{}", i), fmt::format("h-{}", i), i % 2 == 0 ? "even" : "odd").ok());
  }
  ASSERT_TRUE(ledger.Release("x", "h-2").ok());
  ledger.Restart();
  EXPECT_EQ(ledger.Holds(), (Names{"even/h-0", "even/h-4", "odd/h-1", "odd/h-3"}));
  EXPECT_EQ(ReasonOf(ledger.Erase("e", "odd").status()), Reason::kLegalHold);
  ASSERT_TRUE(ledger.Release("y", "h-0").ok());
  ledger.Restart();
  EXPECT_EQ(ledger.Holds(), (Names{"even/h-4", "odd/h-1", "odd/h-3"}));
  EXPECT_EQ(ledger.Holds("even"), Names{"even/h-4"});
  EXPECT_EQ(ledger.Holds("ev"), Names{});
}

TEST(LegalHold, AreListedInPagesBySubjectThenHold) {
  Register ledger;
  for (const char* name : {"b", "a", "c"}) ASSERT_TRUE(ledger.Place(name, name, "person-2").ok());
  ASSERT_TRUE(ledger.Place("z", "z", "person-1").ok());
  const auto first = ledger.privacy().ListHolds("", {}, 2);
  ASSERT_TRUE(first.ok());
  EXPECT_TRUE(first->more);
  ASSERT_EQ(first->holds.size(), 2u);
  EXPECT_EQ(first->holds[0].hold_id, "z");
  EXPECT_EQ(first->holds[1].hold_id, "a");
  const auto second = ledger.privacy().ListHolds("", {"person-2", "a"}, 2);
  ASSERT_TRUE(second.ok());
  EXPECT_FALSE(second->more);
  ASSERT_EQ(second->holds.size(), 2u);
  EXPECT_EQ(second->holds[0].hold_id, "b");
  EXPECT_EQ(second->holds[1].hold_id, "c");
}

TEST(LegalHold, PassesTheStoresVerification) {
  Register ledger;
  ASSERT_TRUE(ledger.Place("r1", "h-1").ok());
  ASSERT_TRUE(ledger.Erase("r2", "person-2").ok());
  store::VerifyOptions options;
  options.read_record = [](uint64_t, std::string_view bytes) -> absl::StatusOr<store::RecordClaims> {
    events::v1::EventRecord record;
    if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return absl::DataLossError("unreadable");
    return store::RecordClaims{record.position(), record.account_id(), record.revision(), record.request_id()};
  };
  const auto report = store::VerifyStore(ledger.ledger().ledger().shard(0).store(), options);
  EXPECT_TRUE(report.problems.empty()) << (report.problems.empty() ? "" : report.problems[0]);
}

TEST(Erasure, DestroysTheKeyAndIsOnTheRecordOfEveryShard) {
  Register ledger(3);
  const auto erasure = ledger.Erase("r1");
  ASSERT_TRUE(erasure.ok()) << erasure.status();
  EXPECT_EQ(ledger.destroyed(), Names{"person-1"});
  ASSERT_EQ(erasure->records.size(), 3u);
  for (uint32_t shard = 0; shard < 3; ++shard) {
    const auto records = ledger.ledger().Records(shard);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].account_id(), "$privacy");
    EXPECT_EQ(records[0].request_id(), "r1");
    EXPECT_EQ(records[0].event().subject_erased().subject_id(), "person-1");
    EXPECT_EQ(records[0].event().subject_erased().reason(), "asked for it");
    EXPECT_EQ(records[0].SerializeAsString(), erasure->records[shard].SerializeAsString());
  }
  EXPECT_EQ(erasure->erase_time, ledger.ledger().clock().Now());
  EXPECT_EQ(*ledger.ledger().ledger().shard(0).store().GetMeta("erasure.open"), "");
}

TEST(Erasure, IsCertifiedFromItsRecordsAlone) {
  Register ledger(2);
  ASSERT_TRUE(ledger.Place("h", "h-1", "other").ok());
  const auto erasure = ledger.Erase("r1");
  ASSERT_TRUE(erasure.ok()) << erasure.status();
  EXPECT_TRUE(erasure->certificate.starts_with(
      "keyledger-erasure/1\nledger 0123abcd\nsubject person-1\ntime 2026-01-10T12:00:00Z\nreason asked for it\n"
      "record 0 1 "))
      << erasure->certificate;
  EXPECT_NE(erasure->certificate.find("\nrecord 1 0 "), std::string::npos);
  EXPECT_TRUE(erasure->certificate.ends_with("\nsigned by key 1 of shard 0"));
  ledger.ledger().clock().Advance(kMicrosPerDay);
  const auto again = ledger.Erase("r1");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->certificate, erasure->certificate);
  ledger.Restart();
  EXPECT_EQ(ledger.Erase("r1")->certificate, erasure->certificate);
  // Another request finds the subject erased: the same records.
  EXPECT_EQ(ledger.Erase("r2")->certificate, erasure->certificate);
  EXPECT_EQ(ledger.Kinds(1), "SUBJECT_ERASED");
  // Each time: an older copy of the vault may have brought the key back.
  EXPECT_EQ(ledger.destroyed(), (Names{"person-1", "person-1", "person-1", "person-1"}));
  // After the signing key was replaced the same text is signed with the one in use.
  ledger.set_key("key 2");
  const std::string later = ledger.Erase("r1")->certificate;
  EXPECT_EQ(later.substr(0, later.find("signed by")),
            erasure->certificate.substr(0, erasure->certificate.find("signed by")));
  EXPECT_TRUE(later.ends_with("signed by key 2 of shard 0"));
}

TEST(ErasureCertificate, SaysEverythingOnLinesOfItsOwn) {
  merkle::Hash leaf{};
  leaf[0] = 0xab;
  leaf[31] = 0x01;
  EXPECT_EQ(
      ErasureCertificateText("cafe", "p", "100 %\nof\tit\x7f é", 1'780'272'000'500'000, {{0, 17, leaf}, {1, 3, {}}}),
      "keyledger-erasure/1\n"
      "ledger cafe\n"
      "subject p\n"
      "time 2026-06-01T00:00:00.5Z\n"
      "reason 100 %25%0Aof%09it%7F é\n"
      "record 0 17 ab00000000000000000000000000000000000000000000000000000000000001\n"
      "record 1 3 0000000000000000000000000000000000000000000000000000000000000000\n");
}

TEST(Erasure, RefusesARequestIdThatErasedSomebodyElse) {
  Register ledger;
  ASSERT_TRUE(ledger.Erase("r1").ok());
  EXPECT_EQ(ReasonOf(ledger.Erase("r1", "person-2").status()), Reason::kRequestIdReused);
  EXPECT_EQ(ReasonOf(ledger.Place("r1", "h-1", "person-2").status()), Reason::kRequestIdReused);
}

TEST(Erasure, IsRefusedWhileAHoldIsInForceAndThatIsOnTheRecord) {
  Register ledger(2);
  ASSERT_TRUE(ledger.Place("p1", "h-1").ok());
  ASSERT_TRUE(ledger.Place("p2", "h-2").ok());
  ASSERT_TRUE(ledger.Place("p3", "h-3", "person-2").ok());
  const absl::Status refused = ledger.Erase("r1").status();
  EXPECT_EQ(ReasonOf(refused), Reason::kLegalHold);
  using Metadata = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(MetadataOf(refused), (Metadata{{"hold_ids", "h-1 h-2"}}));
  EXPECT_TRUE(ledger.destroyed().empty());
  const auto record = ledger.ledger().Records(0).back();
  EXPECT_EQ(record.event().erasure_refused().subject_id(), "person-1");
  EXPECT_EQ(record.event().erasure_refused().reason(), "asked for it");
  EXPECT_EQ(record.event().erasure_refused().hold_ids(0), "h-1");
  EXPECT_EQ(record.event().erasure_refused().hold_ids(1), "h-2");
  // Asked again it is refused again, and recorded once; with other holds in force it is another refusal.
  EXPECT_EQ(ReasonOf(ledger.Erase("r1").status()), Reason::kLegalHold);
  EXPECT_EQ(ledger.ledger().Records(0).size(), 4u);
  ASSERT_TRUE(ledger.Release("x1", "h-1").ok());
  EXPECT_EQ(ReasonOf(ledger.Erase("r1").status()), Reason::kLegalHold);
  EXPECT_EQ(
      ledger.Kinds(),
      "LEGAL_HOLD_PLACED LEGAL_HOLD_PLACED LEGAL_HOLD_PLACED ERASURE_REFUSED LEGAL_HOLD_RELEASED ERASURE_REFUSED");
  ASSERT_TRUE(ledger.Release("x2", "h-2").ok());
  // The same request erases once nothing holds the subject.
  EXPECT_TRUE(ledger.Erase("r1").ok());
  EXPECT_EQ(ledger.destroyed(), Names{"person-1"});
}

TEST(Erasure, NamesSomeOfManyHolds) {
  Register ledger;
  for (int i = 0; i < 17; ++i) {
    ASSERT_TRUE(ledger.Place(fmt::format("p{}", i), fmt::format("h-{:02}", i)).ok());
  }
  const absl::Status refused = ledger.Erase("r1").status();
  ASSERT_EQ(MetadataOf(refused).size(), 1u);
  EXPECT_EQ(MetadataOf(refused)[0].second,
            "h-00 h-01 h-02 h-03 h-04 h-05 h-06 h-07 h-08 h-09 h-10 h-11 h-12 h-13 h-14 h-15");
  EXPECT_EQ(ledger.ledger().Records(0).back().event().erasure_refused().hold_ids_size(), 17);
}

TEST(Erasure, OfASubjectLeavesNothingToHold) {
  Register ledger;
  ASSERT_TRUE(ledger.Erase("r1").ok());
  EXPECT_EQ(ReasonOf(ledger.Place("p1", "h-1").status()), Reason::kSubjectErased);
  ledger.Restart();
  EXPECT_EQ(ReasonOf(ledger.Place("p1", "h-1").status()), Reason::kSubjectErased);
  EXPECT_TRUE(ledger.Place("p1", "h-1", "person-2").ok());
}

TEST(Erasure, NeedsAMasterKey) {
  Register ledger(1, /*master_key=*/false);
  EXPECT_EQ(ReasonOf(ledger.Erase("r1").status()), Reason::kNoMasterKey);
  EXPECT_EQ(ledger.Kinds(), "");
}

TEST(Erasure, ThatCannotGoOnSaysWhyAndIsFinishedByItself) {
  Register ledger(2);
  ledger.set_vault_failure(MakeError(Reason::kShardReadOnly, "the vault cannot be written"));
  const absl::Status failed = ledger.Erase("r1").status();
  EXPECT_EQ(ReasonOf(failed), Reason::kShardReadOnly);
  EXPECT_EQ(MessageOf(ledger.privacy().failure()), "the vault cannot be written");
  // It is under way: no hold can be placed, nobody else be erased, and its request_id is taken.
  EXPECT_EQ(ReasonOf(ledger.Place("p1", "h-1").status()), Reason::kSubjectErased);
  EXPECT_EQ(ReasonOf(ledger.Erase("r1", "person-2").status()), Reason::kRequestIdReused);
  EXPECT_EQ(ReasonOf(ledger.Erase("r2", "person-2").status()), Reason::kProjectionBehind);
  EXPECT_EQ(ledger.Kinds(), "");
  ledger.set_vault_failure(absl::OkStatus());
  testing::WaitUntil([&] { return ledger.privacy().failure().ok(); });
  EXPECT_EQ(ledger.Kinds(), "SUBJECT_ERASED");
  EXPECT_EQ(ledger.Kinds(1), "SUBJECT_ERASED");
  EXPECT_TRUE(ledger.Erase("r1").ok());
}

TEST(Erasure, UnderWayKeepsItsRequestIdFromHolds) {
  Register ledger;
  ASSERT_TRUE(ledger.Place("p1", "h-1", "person-2").ok());
  ledger.set_vault_failure(MakeError(Reason::kShardReadOnly, "the vault cannot be written"));
  ASSERT_FALSE(ledger.Erase("r1").ok());
  // Nothing is recorded under it yet: a hold that took it would leave the erasure without.
  EXPECT_EQ(ReasonOf(ledger.Place("r1", "h-2", "person-3").status()), Reason::kRequestIdReused);
  EXPECT_EQ(ReasonOf(ledger.Release("r1", "h-1").status()), Reason::kRequestIdReused);
  EXPECT_EQ(ledger.Kinds(), "LEGAL_HOLD_PLACED");
  ledger.set_vault_failure(absl::OkStatus());
  const auto erasure = ledger.Erase("r1");
  ASSERT_TRUE(erasure.ok()) << erasure.status();
  EXPECT_EQ(erasure->records[0].request_id(), "r1");
  EXPECT_EQ(ledger.Kinds(), "LEGAL_HOLD_PLACED SUBJECT_ERASED");
}

TEST(Erasure, OfEverybodyIsToldToTheVaultAtEachStart) {
  Register ledger(2);
  ASSERT_TRUE(ledger.Place("p1", "h-1", "held").ok());
  for (const char* subject : {"b", "a"}) ASSERT_TRUE(ledger.Erase(subject, subject).ok());
  EXPECT_EQ(ledger.destroyed_again(), Names{});
  ledger.Restart();
  EXPECT_EQ(ledger.destroyed_again(), (Names{"a", "b"}));
  EXPECT_EQ(ledger.privacy().erased_again(), 2u);
}

TEST(Erasure, ThatAStopInterruptedIsCompletedByTheNextStart) {
  Register ledger(2);
  ledger.set_vault_failure(MakeError(Reason::kShardReadOnly, "the vault cannot be written"));
  ASSERT_FALSE(ledger.Erase("r1").ok());
  ledger.set_vault_failure(absl::OkStatus());
  ledger.Restart();
  testing::WaitUntil([&] { return ledger.Kinds() == "SUBJECT_ERASED"; });
  EXPECT_EQ(ledger.Kinds(1), "SUBJECT_ERASED");
  const auto erasure = ledger.Erase("r1");
  ASSERT_TRUE(erasure.ok()) << erasure.status();
  EXPECT_EQ(erasure->records[0].actor(), "officer");
  EXPECT_EQ(erasure->records[0].event().subject_erased().reason(), "asked for it");
}

TEST(Erasure, OfTheSameSubjectByManyAtOnceIsOne) {
  Register ledger(2);
  std::vector<std::thread> threads;
  std::vector<std::string> certificates(8);
  for (size_t i = 0; i < certificates.size(); ++i) {
    threads.emplace_back([&, i] {
      const auto erasure = ledger.Erase(fmt::format("r{}", i % 2));
      ASSERT_TRUE(erasure.ok()) << erasure.status();
      certificates[i] = erasure->certificate;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::set<std::string>(certificates.begin(), certificates.end()).size(), 1u);
  EXPECT_EQ(ledger.Kinds(), "SUBJECT_ERASED");
  EXPECT_EQ(ledger.Kinds(1), "SUBJECT_ERASED");
}

// Holds and erasures of one subject at once: whichever comes first decides, for the hold and for the erasure.
TEST(Erasure, AndAHoldThatRaceAgreeOnWhoWasFirst) {
  Register ledger;
  int erased = 0;
  for (int i = 0; i < 40; ++i) {
    const std::string subject = fmt::format("subject-{}", i);
    absl::Status held;
    std::thread holder([&] { held = ledger.Place(fmt::format("p{}", i), fmt::format("h{}", i), subject).status(); });
    const absl::Status erasure = ledger.Erase(fmt::format("e{}", i), subject).status();
    holder.join();
    if (erasure.ok()) {
      erased += 1;
      EXPECT_EQ(ReasonOf(held), Reason::kSubjectErased);
    } else {
      EXPECT_EQ(ReasonOf(erasure), Reason::kLegalHold);
      EXPECT_TRUE(held.ok()) << held;
    }
  }
  EXPECT_EQ(ledger.Holds().size(), static_cast<size_t>(40 - erased));
  EXPECT_EQ(ledger.destroyed().size(), static_cast<size_t>(erased));
}

TEST(Privacy, OfALedgerIsOpenedWithIt) {
  WholeLedger whole(2);
  PrivacyRequest request{"r1", "officer", "digest", "person-1", "case"};
  ASSERT_TRUE(whole.ledger().privacy().PlaceHold(request, "h-1").ok());
  whole.Reopen();
  const auto page = whole.ledger().privacy().ListHolds("", {}, 10);
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->holds.size(), 1u);
  EXPECT_EQ(page->holds[0].hold_id, "h-1");
}

}  // namespace
}  // namespace keyledger::shard
