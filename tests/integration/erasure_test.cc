// Erasing a person while everybody writes, and what is left of them afterwards: nothing that anybody could read.
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include <fmt/format.h>

#include "client/verify/app.h"
#include "keyledger/ledger/v1/audit_service.grpc.pb.h"
#include "server/base/ids.h"
#include "server/merkle/proof.h"
#include "server/merkle/tree.h"
#include "server/shard/ledger_file.h"
#include "server/store/shard_store.h"
#include "server/vault/slot.h"
#include "tests/integration/live_server.h"

namespace keyledger::testing {
namespace {

using namespace ledger::v1;

constexpr int kAccounts = 8;
constexpr int kWriters = 3;
constexpr char kErased[] = "person-zebra";

// What every name begins with: it stands nowhere by chance.
constexpr char kNameMark[] = "NmQzKvWpXrTyLbHsJdGf";

std::string NameOf(const std::string& subject, int version) {
  return fmt::format("{} {} {}", kNameMark, subject, version);
}

events::v1::Event ContactEvent(const std::string& contact_id, const std::string& subject, int version,
                               const std::string& related = "") {
  events::v1::Event event;
  auto* contact = event.mutable_contact_recorded();
  contact->set_contact_id(contact_id);
  contact->mutable_person()->set_subject_id(subject);
  contact->mutable_person()->mutable_details()->set_name(NameOf(subject, version));
  if (!related.empty()) {
    contact->add_related()->set_relation("colleague");
    contact->mutable_related(0)->mutable_person()->set_subject_id(related);
    contact->mutable_related(0)->mutable_person()->mutable_details()->set_name(NameOf(related, version));
  }
  return event;
}

AppendRequest ContactRequest(const std::string& account_id, const std::string& request_id, events::v1::Event event) {
  shard::SubmittedEvent fact = Fact();
  fact.event = std::move(event);
  return Request(account_id, request_id, {fact});
}

std::string AccountName(int number) { return fmt::format("account-{}", number); }

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {(std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>()};
}

merkle::Hash HashOf(const std::string& bytes) {
  merkle::Hash hash{};
  EXPECT_EQ(bytes.size(), hash.size());
  std::copy_n(bytes.begin(), std::min(bytes.size(), hash.size()), hash.begin());
  return hash;
}

// Files below the directory that hold the text.
std::vector<std::string> FilesWith(const std::string& directory, const std::string& text) {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::recursive_directory_iterator(directory)) {
    if (file.is_regular_file() && ReadFile(file.path()).find(text) != std::string::npos) {
      names.push_back(file.path().filename().string());
    }
  }
  return names;
}

class Erasure : public ::testing::TestWithParam<uint32_t> {
 protected:
  Erasure() {
    std::ofstream(master_key_file()) << std::string(64, '7') << "\n";
    chmod(master_key_file().c_str(), 0600);
    server_ = std::make_unique<LiveServer>(
        GetParam(), [this](app::Options& options) { options.master_key_file = master_key_file(); });
    for (int i = 0; i < kAccounts; ++i) server_->MustAppend(Request(AccountName(i), "open", {Opened()}));
  }

  std::string master_key_file() const { return keys_ / "master.key"; }
  std::string data_dir() const { return server_->options().data_dir; }
  std::unique_ptr<AuditService::Stub> audit() { return AuditService::NewStub(server_->channel()); }

  static EraseSubjectRequest EraseRequest(const std::string& request_id, const std::string& subject = kErased) {
    EraseSubjectRequest request;
    request.set_request_id(request_id);
    request.set_subject_id(subject);
    request.set_reason("asked for it");
    request.set_actor("officer");
    return request;
  }
  grpc::Status Erase(const EraseSubjectRequest& request, EraseSubjectResponse* response) {
    const auto stub = audit();
    return Call(*stub, &AuditService::Stub::EraseSubject, request, response);
  }
  EraseSubjectResponse MustErase(const std::string& request_id, const std::string& subject = kErased) {
    EraseSubjectResponse response;
    const grpc::Status status = Erase(EraseRequest(request_id, subject), &response);
    EXPECT_TRUE(status.ok()) << ReadRpcError(status);
    return response;
  }
  ListContactsResponse Contacts(const std::string& account_id) {
    ListContactsRequest request;
    request.set_account_id(account_id);
    request.set_reader("zhao");
    request.set_purpose("test");
    request.set_min_cursor(server_->HeadCursor());
    ListContactsResponse response;
    const grpc::Status status = Call(server_->accounts(), &AccountService::Stub::ListContacts, request, &response);
    EXPECT_TRUE(status.ok()) << ReadRpcError(status);
    return response;
  }
  // The sealed bytes of the subject in all records.
  std::vector<std::string> SealedBytes(const std::string& subject) {
    std::vector<std::string> all;
    const auto add = [&](const events::v1::PersonalData& data) {
      if (data.subject_id() == subject) all.push_back(data.sealed().ciphertext());
    };
    for (const ShardRecords& records : server_->ReadLog()) {
      for (const events::v1::EventRecord& record : records) {
        const events::v1::ContactRecorded& contact = record.event().contact_recorded();
        add(contact.person());
        for (const events::v1::RelatedPerson& related : contact.related()) add(related.person());
      }
    }
    return all;
  }
  // The wrapped key of a subject as it stands in the vault's file; empty if there is none.
  std::string WrappedKey(const std::string& subject) const {
    const vault::Digest hash = vault::SubjectHash(subject);
    const std::string mark(hash.begin(), hash.end());
    for (const auto& file : std::filesystem::recursive_directory_iterator(data_dir())) {
      if (!file.is_regular_file()) continue;
      const std::string bytes = ReadFile(file.path());
      const size_t at = bytes.find(mark);
      // The slot as server/vault/FORMAT.md draws it.
      if (at != std::string::npos) return bytes.substr(at + 56, 48);
    }
    return "";
  }

  const TempDir keys_;
  std::unique_ptr<LiveServer> server_;
};

// The rows of the contacts of one shard, as they are on disk.
std::vector<std::string> ContactRows(const std::string& data_dir, const std::string& ledger_id, uint32_t shard,
                                     uint32_t shard_count) {
  store::StoreOptions options;
  options.path = shard::ShardDirectory(data_dir, shard);
  options.ledger_id = ledger_id;
  options.shard = shard;
  options.shard_count = shard_count;
  options.read_only = true;
  const auto store = store::ShardStore::Open(options);
  EXPECT_TRUE(store.ok()) << store.status();
  std::vector<std::string> rows;
  if (!store.ok()) return rows;
  const auto table = (*store)->OpenTable("contacts.1.a");
  EXPECT_TRUE(table.ok()) << table.status();
  if (!table.ok()) return rows;
  const auto reader = (*table)->NewReader();
  const auto it = reader->NewIterator();
  for (it->Seek(""); it->Valid(); it->Next()) rows.emplace_back(it->value());
  return rows;
}

TEST_P(Erasure, DuringLoadLeavesNothingOfThePersonAndTheOthersAlone) {
  std::atomic<bool> erased{false};
  std::atomic<bool> stop{false};
  std::atomic<int> recorded{0};
  std::atomic<int> refused{0};
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      for (int i = 0; !stop; ++i) {
        const std::string account = AccountName((i + writer) % kAccounts);
        // Of the person who will be erased: alone, and beside others.
        const std::string own = fmt::format("person-{}-{}", writer, i % 4);
        const bool was_erased = erased;
        AppendResponse response;
        const grpc::Status about = server_->Append(
            ContactRequest(account, fmt::format("z-{}-{}", writer, i),
                           i % 2 == 0 ? ContactEvent("zebra", kErased, i) : ContactEvent(own, own, i, kErased)),
            &response);
        if (about.ok()) {
          EXPECT_FALSE(was_erased);
          recorded += 1;
        } else {
          EXPECT_EQ(ReadRpcError(about).reason, "SUBJECT_ERASED");
          refused += 1;
        }
        const grpc::Status other = server_->Append(
            ContactRequest(account, fmt::format("o-{}-{}", writer, i), ContactEvent(own, own, i)), &response);
        EXPECT_TRUE(other.ok()) << ReadRpcError(other);
      }
    });
  }
  while (recorded < 40) std::this_thread::yield();
  const std::string wrapped = WrappedKey(kErased);
  ASSERT_EQ(wrapped.size(), 48u);
  const EraseSubjectResponse answer = MustErase("e1");
  erased = true;
  const int refused_before = refused;
  while (refused < refused_before + 20) std::this_thread::yield();
  stop = true;
  for (std::thread& writer : writers) writer.join();
  ASSERT_EQ(answer.records_size(), static_cast<int>(GetParam()));

  // The contacts say whom nothing is known of any more, and everything of the others.
  int zebras = 0;
  int others = 0;
  for (int i = 0; i < kAccounts; ++i) {
    const ListContactsResponse listed = Contacts(AccountName(i));
    for (const Contact& contact : listed.contacts()) {
      const auto& gone = contact.erased_subject_ids();
      if (contact.contact_id() == "zebra") {
        zebras += 1;
        ASSERT_EQ(gone.size(), 1);
        EXPECT_EQ(gone[0], kErased);
        EXPECT_FALSE(contact.person().has_details());
        EXPECT_FALSE(contact.person().has_sealed());
      } else {
        others += 1;
        EXPECT_TRUE(contact.person().details().name().starts_with(kNameMark)) << contact.ShortDebugString();
      }
    }
  }
  EXPECT_GT(zebras, 0);
  EXPECT_GT(others, 0);

  const std::vector<std::string> sealed = SealedBytes(kErased);
  EXPECT_EQ(sealed.size(), static_cast<size_t>(recorded));
  const std::string ledger_id = server_->server().ledger().ledger_id();
  const std::string directory = data_dir();
  server_->Stop();
  // The search finds what is stored in the clear; what was said of people is not, erased or not.
  EXPECT_FALSE(FilesWith(directory, "account-3").empty());
  EXPECT_EQ(FilesWith(directory, kNameMark), std::vector<std::string>{});
  // The key is in no file, wrapped as it was.
  EXPECT_EQ(FilesWith(directory, wrapped), std::vector<std::string>{});
  // What the projection keeps, read from its files, holds nothing of what was sealed.
  std::string rows;
  for (uint32_t shard = 0; shard < GetParam(); ++shard) {
    for (const std::string& row : ContactRows(directory, ledger_id, shard, GetParam())) rows += row;
  }
  EXPECT_NE(rows, "");
  for (const std::string& bytes : sealed) EXPECT_EQ(rows.find(bytes), std::string::npos);
}

TEST_P(Erasure, IsCertifiedTheSameAgainAndAfterARestart) {
  server_->MustAppend(ContactRequest(AccountName(0), "c1", ContactEvent("c", kErased, 0)));
  const EraseSubjectResponse first = MustErase("e1");
  EXPECT_EQ(MustErase("e1").SerializeAsString(), first.SerializeAsString());
  EXPECT_EQ(MustErase("another").SerializeAsString(), first.SerializeAsString());
  server_->Restart();
  EXPECT_EQ(MustErase("e1").SerializeAsString(), first.SerializeAsString());
  EXPECT_EQ(first.erase_time().seconds(), kToday / kMicrosPerSecond);
  const auto log = server_->ReadLog();
  for (uint32_t shard = 0; shard < GetParam(); ++shard) {
    const events::v1::EventRecord& record = first.records(static_cast<int>(shard));
    EXPECT_EQ(log[shard][record.position()].SerializeAsString(), record.SerializeAsString());
    EXPECT_EQ(record.event().subject_erased().subject_id(), kErased);
    EXPECT_EQ(record.event().subject_erased().reason(), "asked for it");
    EXPECT_NE(first.certificate().find(fmt::format("record {} {} ", shard, record.position())), std::string::npos);
  }
}

TEST_P(Erasure, LeavesTheTreeAsTheRecordsMakeIt) {
  for (int i = 0; i < 30; ++i) {
    server_->MustAppend(ContactRequest(AccountName(i % kAccounts), fmt::format("c{}", i),
                                       ContactEvent(fmt::format("c{}", i), i % 2 == 0 ? kErased : "other", i)));
  }
  MustErase("e1");
  for (uint32_t number = 0; number < GetParam(); ++number) {
    const shard::Shard& shard = server_->server().ledger().shard(number);
    merkle::Tree tree;
    std::vector<merkle::FullTile> tiles;
    const auto records = shard.store().ReadRecords(0, shard.store().record_count());
    while (records->Next()) tree.Append(merkle::LeafHash(records->bytes()), tiles);
    EXPECT_EQ(tree.Root(), shard.Root().second);
  }
}

// What the records prove does not depend on who can still be read.
TEST_P(Erasure, LeavesProofsBundlesAndReplaysAsTheyWere) {
  for (int i = 0; i < 24; ++i) {
    server_->MustAppend(ContactRequest(AccountName(i % kAccounts), fmt::format("c{}", i),
                                       ContactEvent(fmt::format("c{}", i), i % 2 == 0 ? kErased : "other", i)));
  }
  const std::vector<ShardRecords> before = server_->ReadLog();
  MustErase("e1");
  const auto stub = audit();
  int erased = 0;
  for (uint32_t shard = 0; shard < GetParam(); ++shard) {
    for (const events::v1::EventRecord& record : before[shard]) {
      GetInclusionProofRequest request;
      request.mutable_place()->set_shard(shard);
      request.mutable_place()->set_position(record.position());
      GetInclusionProofResponse answer;
      const grpc::Status status = Call(*stub, &AuditService::Stub::GetInclusionProof, request, &answer);
      ASSERT_TRUE(status.ok()) << ReadRpcError(status);
      EXPECT_EQ(answer.record(), record.SerializeAsString());
      merkle::Proof proof;
      for (const std::string& hash : answer.proof().hashes()) proof.push_back(HashOf(hash));
      EXPECT_TRUE(merkle::VerifyInclusion(merkle::LeafHash(answer.record()), answer.proof().leaf_index(),
                                          answer.proof().tree_size(), proof, HashOf(answer.root_hash())))
          << shard << " " << record.position();
      erased += record.event().contact_recorded().person().subject_id() == kErased ? 1 : 0;
    }
  }
  EXPECT_EQ(erased, 12);
  // Of the whole ledger, and of an account that has to do with the person.
  ListSigningKeysResponse keys;
  ASSERT_TRUE(Call(*stub, &AuditService::Stub::ListSigningKeys, ListSigningKeysRequest(), &keys).ok());
  std::ofstream key_file(keys_ / "public");
  for (const SigningKey& key : keys.keys()) key_file << key.verifier_key() << "\n";
  key_file.close();
  for (const std::string& account : {std::string(), AccountName(0)}) {
    grpc::ClientContext context;
    ExportBundleRequest request;
    request.set_account_id(account);
    const auto reader = stub->ExportBundle(&context, request);
    std::ofstream bundle(keys_ / "bundle", std::ios::binary | std::ios::trunc);
    ExportBundleResponse piece;
    while (reader->Read(&piece)) bundle << piece.data();
    ASSERT_TRUE(reader->Finish().ok());
    bundle.close();
    std::ostringstream out;
    std::ostringstream err;
    EXPECT_EQ(
        verify::Run({"bundle", keys_ / "bundle", "--key", keys_ / "public", "--temp-dir", keys_.path()}, {out, err}),
        verify::kExitHolds)
        << out.str() << err.str();
  }
  grpc::ClientContext context;
  const auto replay = stub->Replay(&context, ReplayRequest());
  ReplayResponse frame;
  bool reported = false;
  while (replay->Read(&frame)) {
    EXPECT_FALSE(frame.has_finding()) << frame.finding().ShortDebugString();
    reported = reported || (frame.has_report() && frame.report().findings() == 0);
  }
  EXPECT_TRUE(replay->Finish().ok());
  EXPECT_TRUE(reported);
}

TEST_P(Erasure, OfSomebodyUnknownIsAnErasureAllTheSame) {
  MustErase("e1", "never-heard-of");
  EXPECT_EQ(server_->Refused(ContactRequest(AccountName(0), "c1", ContactEvent("c", "never-heard-of", 0))).reason,
            "SUBJECT_ERASED");
  server_->Restart();
  EXPECT_EQ(server_->Refused(ContactRequest(AccountName(0), "c1", ContactEvent("c", "never-heard-of", 0))).reason,
            "SUBJECT_ERASED");
}

TEST_P(Erasure, IsRefusedByAHoldUntilThatIsReleased) {
  server_->MustAppend(ContactRequest(AccountName(0), "c1", ContactEvent("c", kErased, 0)));
  const auto stub = audit();
  PlaceLegalHoldRequest place;
  place.set_hold_id("h-1");
  place.set_subject_id(kErased);
  place.set_reason("case 7");
  place.set_request_id("p1");
  PlaceLegalHoldResponse placed;
  ASSERT_TRUE(Call(*stub, &AuditService::Stub::PlaceLegalHold, place, &placed).ok());
  EraseSubjectResponse response;
  EXPECT_EQ(ReadRpcError(Erase(EraseRequest("e1"), &response)).reason, "LEGAL_HOLD");
  // Nothing has happened to the person.
  EXPECT_EQ(Contacts(AccountName(0)).contacts(0).person().details().name(), NameOf(kErased, 0));
  ReleaseLegalHoldRequest release;
  release.set_hold_id("h-1");
  release.set_reason("settled");
  release.set_request_id("r1");
  ReleaseLegalHoldResponse released;
  ASSERT_TRUE(Call(*stub, &AuditService::Stub::ReleaseLegalHold, release, &released).ok());
  MustErase("e1");
  EXPECT_EQ(Contacts(AccountName(0)).contacts(0).erased_subject_ids(0), kErased);
  place.set_hold_id("h-2");
  place.set_request_id("p2");
  EXPECT_EQ(ReadRpcError(Call(*stub, &AuditService::Stub::PlaceLegalHold, place, &placed)).reason, "SUBJECT_ERASED");
}

INSTANTIATE_TEST_SUITE_P(Shards, Erasure, ::testing::Values(1u, 4u),
                         [](const auto& shards) { return fmt::format("On{}Shards", shards.param); });

}  // namespace
}  // namespace keyledger::testing
