// What time brings, and small ledgers in which everything can be said beforehand: a decision that was left out or
// forged, signing keys that replace one another, one account alone.
#include <algorithm>
#include <functional>
#include <memory>

#include "server/base/ids.h"
#include "server/domain/proto_time.h"
#include "server/shard/replay_source.h"
#include "tests/unit/audit/memory_source.h"
#include "tests/unit/audit/replay_support.h"
#include "tests/unit/shard/shard_fixture.h"

namespace keyledger::testing {
namespace {

constexpr Micros kDay = kMicrosPerDay;

MemorySource SourceOf(WholeLedger& whole) {
  MemorySource::Logs logs(whole.ledger().shard_count());
  for (uint32_t shard = 0; shard < logs.size(); ++shard) {
    for (const auto& record : whole.Records(shard)) logs[shard].push_back(record.SerializeAsString());
  }
  return MemorySource(std::move(logs));
}

// 100 points that run out after a year; then, two years on, a visit.
class Expiry : public ::testing::Test {
 protected:
  Expiry() {
    EXPECT_TRUE(whole_.ledger().Publish(kPlainProgram, "p", "").ok());
    whole_.MustAppend(Command("a", "r1", {Opened()}));
    whole_.MustAppend(Command("a", "r2", {Bought(100, "i1")}));
    whole_.clock().Advance(800 * kDay);
    whole_.MustAppend(Command("a", "r3", {Visited("v", whole_.clock().Now())}));
  }
  WholeLedger whole_;
};

TEST_F(Expiry, IsDerivedAgain) {
  MemorySource source = SourceOf(whole_);
  const Replayed replayed = ReplayAll(source);
  EXPECT_EQ(replayed.report.findings(), 0u) << Listed(replayed);
  EXPECT_EQ(replayed.report.accounts(), 1u);
  EXPECT_EQ(replayed.report.points().accrued(), 100);
  EXPECT_EQ(replayed.report.points().expired(), 100);
  EXPECT_EQ(replayed.report.points().available(), 0);
}

TEST_F(Expiry, IsMissedWhereItWasLeftOut) {
  MemorySource source = SourceOf(whole_);
  uint64_t expired = 0;
  for (uint64_t i = 0; i < source.record_count(0); ++i) {
    if (source.Get(0, i).event().has_points_expired()) expired = i;
  }
  ASSERT_GT(expired, 0u);
  const uint64_t lot = source.Get(0, expired).event().points_expired().lot_revision();
  source.Omit(0, expired);
  const Replayed replayed = ReplayAll(source);
  ASSERT_EQ(replayed.report.findings(), 1u) << Listed(replayed);
  const audit::v1::Finding& finding = replayed.findings[0];
  EXPECT_EQ(finding.kind(), audit::v1::FINDING_KIND_MISSING_DECISION);
  EXPECT_EQ(finding.account_id(), "a");
  EXPECT_EQ(finding.position(), expired);
  EXPECT_EQ(finding.rule(), fmt::format("lot {}", lot));
  EXPECT_EQ(finding.expected().find(fmt::format("PointsExpired: lot_revision {}, points 100", lot)), 0u)
      << finding.expected();
  EXPECT_EQ(finding.found(), "nothing");
}

TEST_F(Expiry, ThatComesTooEarlyIsUnfounded) {
  MemorySource source = SourceOf(whole_);
  uint64_t expired = 0;
  for (uint64_t i = 0; i < source.record_count(0); ++i) {
    if (source.Get(0, i).event().has_points_expired()) expired = i;
  }
  source.Change(0, expired, [](events::v1::EventRecord& record) {
    domain::SetTimestamp(record.mutable_occurred_time(), kToday + 30 * kDay);
  });
  const Replayed replayed = ReplayAll(source);
  ASSERT_FALSE(replayed.findings.empty());
  EXPECT_EQ(replayed.findings[0].kind(), audit::v1::FINDING_KIND_UNFOUNDED_DECISION) << Listed(replayed);
  EXPECT_EQ(replayed.findings[0].position(), expired);
}

TEST(ReplaySource, OfOneAccountReplaysWhatItRestsOn) {
  WholeLedger whole(4);
  ASSERT_TRUE(whole.ledger().Publish(kPlainProgram, "p", "").ok());
  for (const char* id : {"a", "b", "c", "d"}) whole.MustAppend(Command(id, "open", {Opened(), Bought(50, id)}));
  shard::SubmittedEvent sent = Fact();
  sent.event.mutable_points_transfer_sent()->set_transfer_id("t");
  sent.event.mutable_points_transfer_sent()->set_to_account_id("b");
  sent.event.mutable_points_transfer_sent()->set_points(20);
  whole.MustAppend(Command("a", "send", {sent}));
  whole.ledger().courier().WaitUntilSettled();
  shard::ReplayStores stores{whole.ledger().ledger_id(), {}, {}};
  for (uint32_t shard = 0; shard < 4; ++shard) stores.stores.push_back(&whole.ledger().shard(shard).store());
  for (const char* id : {"a", "b"}) {
    const auto source = shard::MakeAccountSource(stores, id);
    ASSERT_TRUE(source.ok()) << source.status();
    const Replayed replayed = ReplayAll(**source);
    EXPECT_EQ(replayed.report.findings(), 0u) << Listed(replayed);
    EXPECT_EQ(replayed.report.accounts(), 1u);
    EXPECT_EQ(replayed.report.points().available(), id == std::string("a") ? 30 : 70);
  }
  EXPECT_EQ(ReasonOf(shard::MakeAccountSource(stores, "nobody").status()), Reason::kAccountNotFound);
}

TEST(ReplayKeys, AnnouncedUnderATrustedCheckpointAreTrusted) {
  WholeLedger whole;
  whole.MustAppend(Command("a", "open", {Opened()}));
  const merkle::SigningKey first = merkle::SigningKey::Generate();
  const merkle::SigningKey second = merkle::SigningKey::Generate();
  MemorySource source = SourceOf(whole);
  const std::string origin = source.origin(0);
  events::v1::EventRecord record = source.Get(0, 0);
  record.set_account_id("$keys");
  record.mutable_event()->mutable_signing_key_published()->set_verifier_key(
      merkle::VerifierKey(origin, second.public_key()).Format());
  source.Insert(0, 1, record);
  audit::ReplayOptions options;
  options.trusted_keys.push_back(merkle::VerifierKey(origin, first.public_key()).Format());
  // The new key signs before anything says that it may.
  MemorySource early = source;
  early.Sign(0, 1, second);
  early.Sign(0, 2, first);
  Replayed replayed = ReplayAll(early, options);
  ASSERT_EQ(replayed.report.findings(), 1u) << Listed(replayed);
  EXPECT_EQ(replayed.findings[0].kind(), audit::v1::FINDING_KIND_BAD_CHECKPOINT);
  source.Sign(0, 2, first);
  source.Sign(0, 2, second);
  replayed = ReplayAll(source, options);
  EXPECT_EQ(replayed.report.findings(), 0u) << Listed(replayed);
  EXPECT_EQ(replayed.report.shards(0).checkpoints(), 2u);
  options.trusted_keys = {"not a key"};
  audit::Findings findings(1, nullptr);
  EXPECT_EQ(ReasonOf(audit::Replay(source, options, findings).status()), Reason::kInvalidField);
}

// A log of one shard in which two keys are announced, at positions 1 and 3 of five.
class KeysInTheLog : public ::testing::Test {
 protected:
  KeysInTheLog() {
    WholeLedger whole;
    for (const char* id : {"a", "b", "c"}) whole.MustAppend(Command(id, "open", {Opened()}));
    source_ = std::make_unique<MemorySource>(SourceOf(whole));
    Announce(1, first_);
    Announce(3, second_);
  }
  void Announce(uint64_t position, const merkle::SigningKey& key) {
    events::v1::EventRecord record = source_->Get(0, 0);
    record.set_account_id("$keys");
    record.mutable_event()->mutable_signing_key_published()->set_verifier_key(Vkey(key));
    source_->Insert(0, position, record);
  }
  std::string Vkey(const merkle::SigningKey& key) const {
    return merkle::VerifierKey(source_->origin(0), key.public_key()).Format();
  }
  Replayed Trusting(const merkle::SigningKey& key) {
    audit::ReplayOptions options;
    options.trusted_keys = {Vkey(key)};
    return ReplayAll(*source_, options);
  }

  const merkle::SigningKey first_ = merkle::SigningKey::Generate();
  const merkle::SigningKey second_ = merkle::SigningKey::Generate();
  std::unique_ptr<MemorySource> source_;
};

TEST_F(KeysInTheLog, OfBeforeAreBelievedWhereACheckpointOfTheKeyInUseCoversThem) {
  source_->Sign(0, 2, first_);
  source_->Sign(0, 3, first_);
  source_->Sign(0, 5, second_);
  const Replayed replayed = Trusting(second_);
  EXPECT_EQ(replayed.report.findings(), 0u) << Listed(replayed);
  EXPECT_EQ(replayed.report.shards(0).checkpoints(), 3u);
  EXPECT_EQ(replayed.report.shards(0).checkpoint_size(), 5u);
}

TEST_F(KeysInTheLog, AreNotBelievedBeforeTheLogNamesThemOrPastWhatIsSigned) {
  const auto expect_refused = [&](uint64_t size, const merkle::SigningKey& key) {
    const Replayed replayed = Trusting(second_);
    ASSERT_EQ(replayed.report.findings(), 1u) << Listed(replayed);
    EXPECT_EQ(replayed.findings[0].kind(), audit::v1::FINDING_KIND_BAD_CHECKPOINT);
    EXPECT_NE(replayed.findings[0].message().find(fmt::format("over {} records", size)), std::string::npos);
    EXPECT_EQ(replayed.findings[0].found(), Vkey(key));
  };
  // Before its record.
  source_->Sign(0, 1, first_);
  source_->Sign(0, 5, second_);
  expect_refused(1, first_);
  // The trusted key signed nothing that names it.
  source_->checkpoints()[0].clear();
  source_->Sign(0, 1, second_);
  source_->Sign(0, 5, first_);
  expect_refused(5, first_);
}

TEST_F(KeysInTheLog, AreTheOnlyOnesBelieved) {
  source_->Sign(0, 3, merkle::SigningKey::Generate());
  source_->Sign(0, 5, second_);
  const Replayed replayed = Trusting(second_);
  ASSERT_EQ(replayed.report.findings(), 1u) << Listed(replayed);
  EXPECT_EQ(replayed.findings[0].kind(), audit::v1::FINDING_KIND_BAD_CHECKPOINT);
  EXPECT_NE(replayed.findings[0].message().find("signed by no key that is trusted or announced"), std::string::npos);
}

// A transfer between shards, whose sender's records are the last of the sender's shard.
TEST(ReplayTransfer, WhoseSenderMayStandPastTheEndIsNamedAsNotChecked) {
  WholeLedger whole(2);
  ASSERT_TRUE(whole.ledger().Publish(kPlainProgram, "p", "").ok());
  // By shard.
  std::vector<std::string> ids(2);
  for (char id = 'a'; id <= 'z'; ++id) ids[ShardOf(std::string(1, id), 2)] = std::string(1, id);
  for (const std::string& id : ids) whole.MustAppend(Command(id, "open", {Opened(), Bought(50, id)}));
  shard::SubmittedEvent sent = Fact();
  sent.event.mutable_points_transfer_sent()->set_transfer_id("t");
  sent.event.mutable_points_transfer_sent()->set_to_account_id(ids[1]);
  sent.event.mutable_points_transfer_sent()->set_points(20);
  whole.MustAppend(Command(ids[0], "send", {sent}));
  whole.ledger().courier().WaitUntilSettled();
  MemorySource source = SourceOf(whole);
  Replayed replayed = ReplayAll(source);
  EXPECT_EQ(replayed.report.findings(), 0u) << Listed(replayed);
  const std::string sentence =
      "the other side of 1 transfers, recorded no earlier than the last record that was read of the shard where it "
      "belongs: it may stand behind that";
  const auto says = [&] {
    const auto& said = replayed.report.not_checked();
    return std::find(said.begin(), said.end(), sentence) != said.end();
  };
  EXPECT_FALSE(says());
  while (!source.Get(0, source.record_count(0) - 1).event().has_points_transfer_sent()) {
    source.Drop(0, source.record_count(0) - 1);
  }
  source.Drop(0, source.record_count(0) - 1);
  replayed = ReplayAll(source);
  EXPECT_EQ(replayed.report.findings(), 0u) << Listed(replayed);
  EXPECT_TRUE(says()) << replayed.report.DebugString();
}

// Two purchases, of one line and of three, and what comes back of them: whatever a forged record says of the one, the
// replay of the other goes on.
class Forged : public ::testing::Test {
 protected:
  Forged() {
    EXPECT_TRUE(whole_.ledger().Publish(kPlainProgram, "p", "").ok());
    shard::SubmittedEvent three = Bought(30, "three");
    const auto line = three.event.purchase_recorded().lines(0);
    for (int i = 0; i < 2; ++i) *three.event.mutable_purchase_recorded()->add_lines() = line;
    whole_.MustAppend(Command("a", "r1", {Opened(), Bought(100, "one"), three}));
    shard::SubmittedEvent third = Returned(30, "three");
    third.event.mutable_purchase_returned()->mutable_lines(0)->set_line_number(3);
    whole_.MustAppend(Command("a", "r2", {third}));
    shard::SubmittedEvent first = Returned(100, "one");
    first.event.mutable_purchase_returned()->mutable_lines(0)->set_line_number(1);
    whole_.MustAppend(Command("a", "r3", {first}));
    source_ = std::make_unique<MemorySource>(SourceOf(whole_));
  }
  uint64_t PlaceOf(const std::function<bool(const events::v1::EventRecord&)>& is_meant) {
    for (uint64_t i = 0; i < source_->record_count(0); ++i) {
      if (is_meant(source_->Get(0, i))) return i;
    }
    ADD_FAILURE() << "there is no such record";
    return 0;
  }
  static bool Says(const Replayed& replayed, const std::string& sentence) {
    const auto& said = replayed.report.not_checked();
    return std::find(said.begin(), said.end(), sentence) != said.end();
  }

  WholeLedger whole_;
  std::unique_ptr<MemorySource> source_;
};

TEST_F(Forged, OfNothingIsNotFound) {
  const Replayed replayed = ReplayAll(*source_);
  EXPECT_EQ(replayed.report.findings(), 0u) << Listed(replayed);
}

TEST_F(Forged, ReturnThatPointsToAnotherPurchaseIsOneFindingAndTheOtherIsNotBuiltUpon) {
  const uint64_t bought =
      PlaceOf([](const auto& record) { return record.event().purchase_recorded().invoice_number() == "one"; });
  const uint64_t returned = PlaceOf(
      [](const auto& record) { return record.event().purchase_returned().purchase_invoice_number() == "three"; });
  source_->Change(0, returned, [&](events::v1::EventRecord& record) {
    record.mutable_event()->mutable_purchase_returned()->set_purchase_revision(source_->Get(0, bought).revision());
  });
  const Replayed replayed = ReplayAll(*source_);
  ASSERT_EQ(replayed.report.findings(), 1u) << Listed(replayed);
  EXPECT_EQ(replayed.findings[0].kind(), audit::v1::FINDING_KIND_DIFFERENT_DECISION);
  EXPECT_EQ(replayed.findings[0].position(), returned);
  EXPECT_TRUE(Says(replayed, "account 'a': returns of purchases whose own records differ"));
}

TEST_F(Forged, AccrualWithoutAFactIsOneFindingAndItsPurchaseIsNotBuiltUpon) {
  const uint64_t accrued = PlaceOf([](const auto& record) { return record.event().has_points_accrued(); });
  const uint64_t returned =
      PlaceOf([](const auto& record) { return record.event().purchase_returned().purchase_invoice_number() == "one"; });
  events::v1::EventRecord stray = source_->Get(0, accrued);
  stray.set_request_id("nobody-asked");
  *stray.mutable_record_time() = source_->Get(0, returned - 1).record_time();
  stray.mutable_event()->mutable_points_accrued()->set_points(7'000);
  source_->Insert(0, returned, stray);
  const Replayed replayed = ReplayAll(*source_);
  ASSERT_EQ(replayed.report.findings(), 1u) << Listed(replayed);
  EXPECT_EQ(replayed.findings[0].kind(), audit::v1::FINDING_KIND_UNFOUNDED_DECISION);
  EXPECT_EQ(replayed.findings[0].position(), returned);
  EXPECT_NE(replayed.findings[0].message().find("a decision is on record for a request without a fact"),
            std::string::npos);
  EXPECT_TRUE(Says(replayed, "account 'a': returns of purchases whose own records differ"));
}

TEST(Replay, EndsWhereItIsTold) {
  WholeLedger whole;
  whole.MustAppend(Command("a", "open", {Opened()}));
  MemorySource source = SourceOf(whole);
  audit::ReplayOptions options;
  options.on_step = [](const audit::v1::ReplayProgress&) { return absl::CancelledError("enough"); };
  audit::Findings findings(1, nullptr);
  EXPECT_EQ(audit::Replay(source, options, findings).status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace keyledger::testing
