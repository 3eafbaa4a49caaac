// AuditService's checkpoints, proofs and keys against a live server: what it gives out verifies with the public key
// alone, for every size there was.
#include <string>
#include <vector>

#include <fmt/format.h>

#include "server/merkle/checkpoint.h"
#include "server/merkle/proof.h"
#include "tests/integration/live_server.h"

namespace keyledger::testing {
namespace {

using Audit = ledger::v1::AuditService::Stub;

merkle::Hash HashOf(const std::string& bytes) {
  merkle::Hash hash{};
  EXPECT_EQ(bytes.size(), hash.size());
  std::copy_n(bytes.begin(), std::min(bytes.size(), hash.size()), hash.begin());
  return hash;
}

template <class Message>
merkle::Proof ProofOf(const Message& message) {
  merkle::Proof proof;
  for (const std::string& hash : message.hashes()) proof.push_back(HashOf(hash));
  return proof;
}

// A server with 40 accounts, and what every test asks of it.
class Audited {
 public:
  explicit Audited(uint32_t shards) : server_(shards) {
    for (int i = 0; i < 40; ++i) server_.MustAppend(Request(fmt::format("acme-{}", i), "open", {Opened()}));
  }

  LiveServer& server() { return server_; }

  template <class Request, class Response>
  Response Must(grpc::Status (Audit::*method)(grpc::ClientContext*, const Request&, Response*),
                const Request& request) {
    Response response;
    const grpc::Status status = Call(server_.audit(), method, request, &response);
    EXPECT_TRUE(status.ok()) << ReadRpcError(status);
    return response;
  }
  template <class Request, class Response>
  RpcError Refused(grpc::Status (Audit::*method)(grpc::ClientContext*, const Request&, Response*),
                   const Request& request) {
    Response response;
    const grpc::Status status = Call(server_.audit(), method, request, &response);
    EXPECT_FALSE(status.ok());
    return ReadRpcError(status);
  }

  ledger::v1::GetCheckpointResponse Checkpoint(uint32_t shard, bool fresh) {
    ledger::v1::GetCheckpointRequest request;
    request.set_shard(shard);
    request.set_fresh(fresh);
    return Must(&Audit::GetCheckpoint, request);
  }
  std::vector<merkle::VerifierKey> Keys(uint32_t shard) {
    std::vector<merkle::VerifierKey> keys;
    const auto listed = Must(&Audit::ListSigningKeys, ledger::v1::ListSigningKeysRequest());
    for (const auto& key : listed.keys()) {
      const auto parsed = merkle::VerifierKey::Parse(key.verifier_key());
      EXPECT_TRUE(parsed.ok()) << parsed.status();
      if (parsed.ok() && key.shard() == shard) keys.push_back(*parsed);
    }
    return keys;
  }
  ledger::v1::GetInclusionProofResponse Include(uint32_t shard, uint64_t position, uint64_t tree_size = 0) {
    ledger::v1::GetInclusionProofRequest request;
    request.mutable_place()->set_shard(shard);
    request.mutable_place()->set_position(position);
    request.set_tree_size(tree_size);
    return Must(&Audit::GetInclusionProof, request);
  }
  ledger::v1::GetConsistencyProofResponse Grew(uint32_t shard, uint64_t first, uint64_t second = 0) {
    ledger::v1::GetConsistencyProofRequest request;
    request.set_shard(shard);
    request.set_first_size(first);
    request.set_second_size(second);
    return Must(&Audit::GetConsistencyProof, request);
  }
  uint64_t Records(uint32_t shard) { return server_.server().ledger().shard(shard).head().head(); }

 private:
  LiveServer server_;
};

void ExpectIncluded(const ledger::v1::GetInclusionProofResponse& answer) {
  EXPECT_TRUE(merkle::VerifyInclusion(merkle::LeafHash(answer.record()), answer.proof().leaf_index(),
                                      answer.proof().tree_size(), ProofOf(answer.proof()), HashOf(answer.root_hash())))
      << answer.proof().leaf_index() << " of " << answer.proof().tree_size();
}

void ExpectGrew(const ledger::v1::GetConsistencyProofResponse& answer) {
  EXPECT_TRUE(merkle::VerifyConsistency(answer.proof().first_size(), answer.proof().second_size(),
                                        HashOf(answer.first_root_hash()), HashOf(answer.second_root_hash()),
                                        ProofOf(answer.proof())))
      << answer.proof().first_size() << " to " << answer.proof().second_size();
}

class AuditProofs : public ::testing::TestWithParam<uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Shards, AuditProofs, ::testing::Values(1u, 4u));

TEST_P(AuditProofs, CheckpointsAreSignedAndCoverWhatIsDurableWhenFresh) {
  Audited audited(GetParam());
  for (uint32_t shard = 0; shard < GetParam(); ++shard) {
    // Of the first start, over the record of the key.
    EXPECT_EQ(audited.Checkpoint(shard, false).tree_size(), 1u);
    const auto fresh = audited.Checkpoint(shard, true);
    EXPECT_EQ(fresh.tree_size(), audited.Records(shard));
    EXPECT_EQ(fresh.publish_time().seconds() * kMicrosPerSecond, kToday);
    const std::string origin = fmt::format("keyledger/{}/{}", audited.server().server().ledger().ledger_id(), shard);
    const auto opened = merkle::OpenCheckpoint(fresh.checkpoint(), origin, audited.Keys(shard));
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(opened->size, fresh.tree_size());
    EXPECT_EQ(opened->root, HashOf(fresh.root_hash()));
    EXPECT_EQ(audited.Checkpoint(shard, false).checkpoint(), fresh.checkpoint());
    EXPECT_EQ(audited.Checkpoint(shard, true).checkpoint(), fresh.checkpoint());
  }
}

TEST_P(AuditProofs, EveryRecordIsProvedInEverySizeThereWas) {
  Audited audited(GetParam());
  for (uint32_t shard = 0; shard < GetParam(); ++shard) {
    const uint64_t records = audited.Records(shard);
    for (uint64_t position = 0; position < records; position += 3) {
      for (uint64_t size = position + 1; size <= records; size += 4) {
        const auto answer = audited.Include(shard, position, size);
        EXPECT_EQ(answer.shard(), shard);
        EXPECT_EQ(answer.proof().leaf_index(), position);
        EXPECT_EQ(answer.proof().tree_size(), size);
        ExpectIncluded(answer);
      }
    }
  }
}

TEST_P(AuditProofs, ARecordIsProvedInASignedCheckpointThatCoversIt) {
  Audited audited(GetParam());
  const uint32_t shard = GetParam() - 1;
  const uint64_t last = audited.Records(shard) - 1;
  // The newest checkpoint does not cover the last record: a fresh one is signed.
  const auto answer = audited.Include(shard, last);
  ExpectIncluded(answer);
  const auto opened = merkle::OpenCheckpoint(answer.checkpoint(), "", audited.Keys(shard));
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->size, last + 1);
  EXPECT_EQ(opened->root, HashOf(answer.root_hash()));
  // Asked for by its size, it comes with its checkpoint; another size has none.
  EXPECT_EQ(audited.Include(shard, 0, last + 1).checkpoint(), answer.checkpoint());
  EXPECT_EQ(audited.Include(shard, 0, last).checkpoint(), "");
}

TEST_P(AuditProofs, ARecordIsFoundByAccountAndRevision) {
  Audited audited(GetParam());
  ledger::v1::GetInclusionProofRequest request;
  request.mutable_revision()->set_account_id("acme-7");
  const auto answer = audited.Must(&Audit::GetInclusionProof, request);
  ExpectIncluded(answer);
  events::v1::EventRecord record;
  ASSERT_TRUE(record.ParseFromString(answer.record()));
  EXPECT_EQ(record.account_id(), "acme-7");
  EXPECT_EQ(record.position(), answer.proof().leaf_index());
  EXPECT_EQ(record.shard(), answer.shard());
  request.mutable_revision()->set_account_id("$keys");
  ExpectIncluded(audited.Must(&Audit::GetInclusionProof, request));
}

TEST_P(AuditProofs, EverySizeIsTheBeginningOfEveryLaterOne) {
  Audited audited(GetParam());
  for (uint32_t shard = 0; shard < GetParam(); ++shard) {
    const uint64_t records = audited.Records(shard);
    for (uint64_t first = 1; first <= records; first += 2) {
      for (uint64_t second = first; second <= records; second += 3) {
        const auto answer = audited.Grew(shard, first, second);
        EXPECT_EQ(answer.proof().first_size(), first);
        EXPECT_EQ(answer.proof().second_size(), second);
        ExpectGrew(answer);
      }
    }
    const auto to_signed = audited.Grew(shard, 1);
    ExpectGrew(to_signed);
    EXPECT_TRUE(merkle::OpenCheckpoint(to_signed.checkpoint(), "", audited.Keys(shard)).ok());
    // A first size that the newest checkpoint does not cover has a fresh one signed.
    const auto to_head = audited.Grew(shard, records);
    EXPECT_EQ(to_head.proof().second_size(), records);
    EXPECT_EQ(to_head.proof().hashes_size(), 0);
  }
}

TEST_P(AuditProofs, CheckpointsAreListedNewestFirstInPages) {
  Audited audited(GetParam());
  std::vector<std::string> published = {audited.Checkpoint(0, false).checkpoint()};
  for (int i = 0; i < 6; ++i) {
    published.push_back(audited.Checkpoint(0, true).checkpoint());
    // Lands on shard 0 sooner or later.
    for (int j = 0; audited.Records(0) == audited.Checkpoint(0, false).tree_size(); ++j) {
      audited.server().MustAppend(Request(fmt::format("more-{}-{}", i, j), "open", {Opened()}));
    }
  }
  std::vector<std::string> listed;
  ledger::v1::ListCheckpointsRequest request;
  request.set_page_size(3);
  std::vector<int> pages;
  do {
    const auto page = audited.Must(&Audit::ListCheckpoints, request);
    for (const auto& checkpoint : page.checkpoints()) listed.insert(listed.begin(), checkpoint.checkpoint());
    pages.push_back(page.checkpoints_size());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(listed, published);
  EXPECT_EQ(pages, (std::vector<int>{3, 3, 1}));
}

TEST_P(AuditProofs, AgreeAfterARestartWithWhatWasGivenOutBefore) {
  Audited audited(GetParam());
  const auto before = audited.Checkpoint(0, true);
  audited.server().Restart();
  for (int i = 0; i < 20; ++i) audited.server().MustAppend(Request(fmt::format("later-{}", i), "open", {Opened()}));
  const auto after = audited.Checkpoint(0, true);
  const auto grew = audited.Grew(0, before.tree_size(), after.tree_size());
  ExpectGrew(grew);
  EXPECT_EQ(grew.first_root_hash(), before.root_hash());
  EXPECT_EQ(grew.second_root_hash(), after.root_hash());
  EXPECT_EQ(audited.Keys(0).size(), 1u);
}

TEST_P(AuditProofs, TheKeyIsRotatedAndTheOldOneCoversTheNew) {
  Audited audited(GetParam());
  ledger::v1::RotateSigningKeyRequest request;
  request.set_request_id("rotation");
  request.set_reason("yearly");
  request.set_actor("officer");
  const auto old_keys = audited.Keys(0);
  const auto rotated = audited.Must(&Audit::RotateSigningKey, request);
  ASSERT_EQ(rotated.keys_size(), static_cast<int>(GetParam()));
  const auto listed = audited.Must(&Audit::ListSigningKeys, ledger::v1::ListSigningKeysRequest());
  ASSERT_EQ(listed.keys_size(), 2 * static_cast<int>(GetParam()));
  for (uint32_t shard = 0; shard < GetParam(); ++shard) {
    const auto& key = rotated.keys(static_cast<int>(shard));
    EXPECT_EQ(key.shard(), shard);
    EXPECT_TRUE(key.current());
    EXPECT_FALSE(listed.keys(static_cast<int>(2 * shard)).current());
    EXPECT_EQ(listed.keys(static_cast<int>(2 * shard)).position(), 0u);
    EXPECT_EQ(listed.keys(static_cast<int>(2 * shard + 1)).verifier_key(), key.verifier_key());
    // With the old key alone: a checkpoint that covers the record of the new one.
    const auto checkpoint =
        merkle::OpenCheckpoint(audited.Checkpoint(shard, false).checkpoint(), "", std::vector{audited.Keys(shard)[0]});
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
    EXPECT_GT(checkpoint->size, key.position());
    ExpectIncluded(audited.Include(shard, key.position(), checkpoint->size));
  }
  EXPECT_EQ(audited.Must(&Audit::RotateSigningKey, request).keys(0).verifier_key(), rotated.keys(0).verifier_key());
  EXPECT_EQ(audited.Keys(0).size(), 2u);
  request.set_reason("another");
  EXPECT_EQ(audited.Refused(&Audit::RotateSigningKey, request).reason, "REQUEST_ID_REUSED");
}

TEST(AuditProofsRefuse, WhatNamesNoShardRecordOrSize) {
  Audited audited(2);
  const std::string shards = "there are 2 shards, numbered from 0";
  const auto field = [](const RpcError& error) {
    EXPECT_EQ(error.code, grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(error.fields.size(), 1u);
    return error.fields.empty() ? "" : error.fields.begin()->first + ": " + error.fields.begin()->second;
  };
  ledger::v1::GetCheckpointRequest checkpoint;
  checkpoint.set_shard(2);
  EXPECT_EQ(field(audited.Refused(&Audit::GetCheckpoint, checkpoint)), "shard: " + shards);

  ledger::v1::ListCheckpointsRequest list;
  list.set_shard(2);
  EXPECT_EQ(field(audited.Refused(&Audit::ListCheckpoints, list)), "shard: " + shards);
  list.set_shard(0);
  for (const int size : {-1, 1'001}) {
    list.set_page_size(size);
    EXPECT_EQ(field(audited.Refused(&Audit::ListCheckpoints, list)), "page_size: must be 0 to 1000");
  }
  list.set_page_size(1'000);
  EXPECT_EQ(audited.Must(&Audit::ListCheckpoints, list).checkpoints_size(), 1);
  list.set_page_token("garbage");
  EXPECT_EQ(audited.Refused(&Audit::ListCheckpoints, list).reason, "INVALID_TOKEN");

  ledger::v1::GetInclusionProofRequest include;
  EXPECT_EQ(field(audited.Refused(&Audit::GetInclusionProof, include)), "target: is required: place or revision");
  include.mutable_place()->set_shard(2);
  EXPECT_EQ(field(audited.Refused(&Audit::GetInclusionProof, include)), "place.shard: " + shards);
  const uint64_t records = audited.Records(0);
  include.mutable_place()->set_shard(0);
  include.mutable_place()->set_position(records);
  EXPECT_EQ(audited.Refused(&Audit::GetInclusionProof, include).reason, "RECORD_NOT_FOUND");
  include.mutable_place()->set_position(4);
  const std::string sizes =
      fmt::format("tree_size: must be more than the position 4 and at most the number of records {}", records);
  for (const uint64_t size : {uint64_t{1}, uint64_t{4}, records + 1, ~uint64_t{0}}) {
    include.set_tree_size(size);
    EXPECT_EQ(field(audited.Refused(&Audit::GetInclusionProof, include)), sizes);
  }
  for (const uint64_t size : {uint64_t{5}, records}) {
    include.set_tree_size(size);
    ExpectIncluded(audited.Must(&Audit::GetInclusionProof, include));
  }
  include.set_tree_size(0);
  include.mutable_revision()->set_account_id("");
  EXPECT_EQ(field(audited.Refused(&Audit::GetInclusionProof, include)), "revision.account_id: is required");
  include.mutable_revision()->set_account_id("nobody");
  EXPECT_EQ(audited.Refused(&Audit::GetInclusionProof, include).reason, "ACCOUNT_NOT_FOUND");
  include.mutable_revision()->set_account_id("acme-1");
  include.mutable_revision()->set_revision(1);
  EXPECT_EQ(audited.Refused(&Audit::GetInclusionProof, include).reason, "RECORD_NOT_FOUND");

  ledger::v1::GetConsistencyProofRequest grew;
  grew.set_shard(2);
  EXPECT_EQ(field(audited.Refused(&Audit::GetConsistencyProof, grew)), "shard: " + shards);
  grew.set_shard(0);
  for (const uint64_t first : {uint64_t{0}, records + 1}) {
    grew.set_first_size(first);
    EXPECT_EQ(field(audited.Refused(&Audit::GetConsistencyProof, grew)),
              fmt::format("first_size: must be 1 to the number of records, {}", records));
  }
  grew.set_first_size(4);
  for (const uint64_t second : {uint64_t{3}, records + 1}) {
    grew.set_second_size(second);
    EXPECT_EQ(field(audited.Refused(&Audit::GetConsistencyProof, grew)),
              fmt::format("second_size: must be 0, or first_size to the number of records, {}", records));
  }
}

TEST(AuditProofsRefuse, ARotationWithoutIdOrReason) {
  Audited audited(1);
  ledger::v1::RotateSigningKeyRequest good;
  good.set_request_id(std::string(128, 'r'));
  good.set_reason(std::string(512, 'r'));
  good.set_actor(std::string(128, 'a'));
  const auto refused = [&](const std::function<void(ledger::v1::RotateSigningKeyRequest&)>& change) {
    ledger::v1::RotateSigningKeyRequest request = good;
    change(request);
    const RpcError error = audited.Refused(&Audit::RotateSigningKey, request);
    return error.fields.empty() ? "" : error.fields.begin()->first;
  };
  EXPECT_EQ(refused([](auto& request) { request.clear_request_id(); }), "request_id");
  EXPECT_EQ(refused([](auto& request) { request.set_request_id(std::string(129, 'r')); }), "request_id");
  EXPECT_EQ(refused([](auto& request) { request.set_request_id("first signing key"); }), "request_id");
  EXPECT_EQ(refused([](auto& request) { request.clear_reason(); }), "reason");
  EXPECT_EQ(refused([](auto& request) { request.set_reason(std::string(513, 'r')); }), "reason");
  EXPECT_EQ(refused([](auto& request) { request.set_actor(std::string(129, 'a')); }), "actor");
  EXPECT_EQ(audited.Must(&Audit::RotateSigningKey, good).keys_size(), 1);
}

}  // namespace
}  // namespace keyledger::testing
