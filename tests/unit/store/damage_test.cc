// Damaged and missing files: found, named, and never passed off as a shorter log.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <rocksdb/db.h>

#include "keyledger/storage/v1/store_rows.pb.h"
#include "server/store/head_file.h"
#include "tests/support/fault_env.h"
#include "tests/unit/store/store_fixture.h"

namespace keyledger::store {
namespace {

namespace fs = std::filesystem;

class DamageTest : public StoreTest {
 protected:
  // The files whose name ends like this, largest first.
  std::vector<fs::path> Files(const std::string& suffix) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(options_.path)) {
      if (entry.path().string().ends_with(suffix)) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end(),
              [](const auto& a, const auto& b) { return fs::file_size(a) > fs::file_size(b); });
    return files;
  }
  static void Flip(const fs::path& path, uint64_t at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(file.get() ^ 0x5a);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
  }
  // Leaves the store's directory as a crash does: copied while the store is open, with everything in the write-ahead
  // log.
  void Crash() {
    const std::string crashed = directory_ / "crashed";
    fs::remove_all(crashed);
    fs::copy(options_.path, crashed, fs::copy_options::recursive);
    store_.reset();
    options_.path = crashed;
  }
  void ExpectRefused(const std::string& part) {
    const auto status = ShardStore::Open(options_).status();
    EXPECT_EQ(ReasonOf(status), Reason::kStoreDamaged) << status;
    EXPECT_NE(MessageOf(status).find(part), std::string::npos) << status;
    // Refusing has not destroyed what proves it.
    EXPECT_EQ(ShardStore::Open(options_).status(), status);
  }
};

TEST_F(DamageTest, ACrashLosesNothing) {
  Open();
  AppendModel(20);
  Crash();
  Open();
  EXPECT_EQ(model_.Compare(*store_), "");
}

TEST_F(DamageTest, ATornLastGroupIsDropped) {
  Open();
  AppendModel(20);
  const CommitGroup torn = model_.NextGroup(4);
  ASSERT_TRUE(store_->Append(torn).ok());
  Crash();
  const auto log = Files(".log").at(0);
  for (const uint64_t cut : {1u, 10u, 100u}) {
    fs::resize_file(log, fs::file_size(log) - cut);
  }
  Open();
  EXPECT_EQ(model_.Compare(*store_), "");
}

TEST_F(DamageTest, AGarbledLastGroupIsDropped) {
  Open();
  AppendModel(20);
  const CommitGroup torn = model_.NextGroup(4);
  ASSERT_TRUE(store_->Append(torn).ok());
  Crash();
  const auto log = Files(".log").at(0);
  Flip(log, fs::file_size(log) - 50);
  Open();
  EXPECT_EQ(model_.Compare(*store_), "");
}

TEST_F(DamageTest, AFlippedByteAnywhereBeforeTheLastGroupOfTheWriteAheadLogRefuses) {
  Open();
  std::vector<uint64_t> ends;
  for (int i = 0; i < 60; ++i) {
    AppendModel(1);
    ends.push_back(fs::file_size(Files(".log").at(0)));
  }
  Crash();
  const std::string intact = directory_ / "intact";
  fs::rename(options_.path, intact);
  // The headers are left alone: behind a damaged length nothing in its block can be found. The HEAD file covers that,
  // as far as it goes.
  for (size_t group = 1; group + 1 < ends.size(); group += 7) {
    SCOPED_TRACE(group);
    fs::remove_all(options_.path);
    fs::copy(intact, options_.path, fs::copy_options::recursive);
    Flip(Files(".log").at(0), (ends[group - 1] + ends[group]) / 2);
    ExpectRefused("write-ahead log proves that");
  }
}

TEST_F(DamageTest, RecordsMissingSinceTheHeadFileRefuse) {
  Open();
  Append("a", 0, 3);
  Crash();
  ASSERT_TRUE(WriteHeadFile(rocksdb::Env::Default(), options_.path, {3, RecordHash("a-2")}).ok());
  for (const auto& log : Files(".log")) fs::remove(log);
  ExpectRefused("the identity row is missing");
}

TEST_F(DamageTest, AnEndThatIsGoneWithItsWriteAheadLogRefuses) {
  Open();
  Append("a", 0, 3);
  Reopen();
  Append("a", 3, 2);
  Crash();
  ASSERT_TRUE(WriteHeadFile(rocksdb::Env::Default(), options_.path, {5, RecordHash("a-4")}).ok());
  for (const auto& log : Files(".log")) fs::remove(log);
  ExpectRefused("its HEAD file says that 5 records were durable, and the log has 3: 2 records are missing");
}

TEST_F(DamageTest, TheHeadFileKeepsUpWithTheLog) {
  Open();
  // One group of exactly as many records as the file may lag behind.
  Append("a", 0, 16383);
  auto head = ReadHeadFile(rocksdb::Env::Default(), options_.path);
  ASSERT_TRUE(head.ok());
  EXPECT_EQ((*head)->record_count, 0u);
  Append("a", 16383, 1);
  head = ReadHeadFile(rocksdb::Env::Default(), options_.path);
  ASSERT_TRUE(head.ok());
  EXPECT_EQ(**head, (HeadFile{16384, RecordHash("a-16383")}));
  Append("a", 16384, 1);
  store_.reset();
  head = ReadHeadFile(rocksdb::Env::Default(), options_.path);
  ASSERT_TRUE(head.ok());
  EXPECT_EQ(**head, (HeadFile{16385, RecordHash("a-16384")}));
}

TEST_F(DamageTest, AnotherRecordThanTheHeadFileRemembersRefuses) {
  Open();
  Append("a", 0, 3);
  store_.reset();
  ASSERT_TRUE(WriteHeadFile(rocksdb::Env::Default(), options_.path, {2, RecordHash("a-2")}).ok());
  ExpectRefused("record 1: is not the one that the HEAD file remembers");
  ASSERT_TRUE(WriteHeadFile(rocksdb::Env::Default(), options_.path, {2, RecordHash("a-1")}).ok());
  Open();
}

TEST_F(DamageTest, ADamagedHeadFileRefusesAndAMissingOneDoesNot) {
  Open();
  Append("a", 0, 3);
  store_.reset();
  Flip(options_.path + "/HEAD", 20);
  ExpectRefused("/HEAD: not a head file or damaged");
  fs::remove(options_.path + "/HEAD");
  Open();
  EXPECT_EQ(store_->record_count(), 3u);
}

TEST_F(DamageTest, AFlippedByteInATableFileIsFoundAndThePlaceNamed) {
  Open();
  AppendModel(40);
  ASSERT_TRUE(store_->FlushAndCompact().ok());
  store_.reset();
  // The largest file is that of the records; its first blocks are records.
  Flip(Files(".sst").at(0), 5000);
  auto store = ShardStore::Open(options_);
  ASSERT_TRUE(store.ok()) << store.status();
  const auto it = (*store)->ReadRecords(0, UINT64_MAX);
  uint64_t served = 0;
  while (it->Next()) {
    ASSERT_EQ(it->bytes(), model_.records()[it->position()]);
    ++served;
  }
  EXPECT_EQ(ReasonOf(it->status()), Reason::kStoreDamaged);
  EXPECT_EQ(MessageOf(it->status()).find(fmt::format("record {} cannot be read", served)), 0u) << it->status();
  const auto record = (*store)->GetRecord(served).status();
  EXPECT_EQ(ReasonOf(record), Reason::kStoreDamaged);
  EXPECT_NE(MessageOf(record).find(fmt::format("record {} cannot be read", served)), std::string::npos);
  EXPECT_FALSE(keyledger::testing::VerifyModelStore(**store).ok());
}

TEST_F(DamageTest, AMissingFileRefuses) {
  Open();
  AppendModel(10);
  ASSERT_TRUE(store_->FlushAndCompact().ok());
  store_.reset();
  const std::string intact = directory_ / "intact";
  fs::rename(options_.path, intact);
  const auto restore = [&] {
    fs::remove_all(options_.path);
    fs::copy(intact, options_.path, fs::copy_options::recursive);
  };
  restore();
  const fs::path sst = Files(".sst").at(0);
  fs::remove(sst);
  ExpectRefused(sst.stem().string());
  restore();
  fs::remove(options_.path + "/CURRENT");
  ExpectRefused("the file CURRENT is missing");
  restore();
  for (const auto& entry : fs::directory_iterator(options_.path)) {
    if (entry.path().filename().string().starts_with("MANIFEST-")) fs::remove(entry.path());
  }
  ExpectRefused("MANIFEST-");
  restore();
  Open();
  EXPECT_EQ(model_.Compare(*store_), "");
}

// Changes rows behind the store's back.
class Surgery {
 public:
  explicit Surgery(const std::string& path) {
    std::vector<std::string> names;
    rocksdb::Options options;
    EXPECT_TRUE(rocksdb::DB::ListColumnFamilies(options, path, &names).ok());
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const auto& name : names) families.emplace_back(name, rocksdb::ColumnFamilyOptions());
    rocksdb::DB* db = nullptr;
    EXPECT_TRUE(rocksdb::DB::Open(options, path, families, &handles_, &db).ok());
    db_.reset(db);
  }
  ~Surgery() {
    for (auto* handle : handles_) db_->DestroyColumnFamilyHandle(handle);
  }
  void Put(const std::string& family, const std::string& key, const std::string& value) {
    EXPECT_TRUE(db_->Put(rocksdb::WriteOptions(), Handle(family), key, value).ok());
  }
  void Delete(const std::string& family, const std::string& key) {
    EXPECT_TRUE(db_->Delete(rocksdb::WriteOptions(), Handle(family), key).ok());
  }

 private:
  rocksdb::ColumnFamilyHandle* Handle(const std::string& family) {
    for (auto* handle : handles_) {
      if (handle->GetName() == family) return handle;
    }
    ADD_FAILURE() << family;
    return nullptr;
  }

  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
};

const std::string kRecord1("\0\0\0\0\0\0\0\x01", 8);
const std::string kRecord2("\0\0\0\0\0\0\0\x02", 8);
const std::string kRevision2("a\0\0\0\0\0\0\0\0\x02", 10);
const std::string kRevision3("a\0\0\0\0\0\0\0\0\x03", 10);

TEST_F(DamageTest, AnEndWhereTheFamiliesDisagreeRefuses) {
  Open();
  Append("a", 0, 3);
  store_.reset();
  Surgery(options_.path).Delete("streams", kRevision2);
  ExpectRefused("record 2: is the last one, but revision 2 of account 'a' is not at that position");
  Surgery(options_.path).Put("streams", kRevision2, "\x02");
  Surgery(options_.path).Put("streams", kRevision3, "\x03");
  ExpectRefused("record 2: is the last one, but account 'a' has revision 3 beyond it");
  Surgery(options_.path).Delete("streams", kRevision3);
  Surgery(options_.path).Delete("records", kRecord2);
  ExpectRefused("its HEAD file says that 3 records were durable, and the log has 2: 1 records are missing");
  fs::remove(options_.path + "/HEAD");
  ExpectRefused("record 1: is the last place that is there, but the head row counts 3 records");
}

TEST_F(DamageTest, AMissingIdentityAndANewerFormatRefuse) {
  Open();
  Append("a", 0, 1);
  store_.reset();
  storage::v1::StoreIdentity identity;
  identity.set_format(2);
  identity.set_ledger_id("0123abcd");
  identity.set_shard_count(1);
  Surgery(options_.path).Put("meta", "identity", identity.SerializeAsString());
  const auto status = ShardStore::Open(options_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(MessageOf(status).find("has format 2, and this server knows formats up to 1"), std::string::npos) << status;
  Surgery(options_.path).Delete("meta", "identity");
  ExpectRefused("the identity row is missing");
}

TEST_F(DamageTest, AMissingRecordEndsTheReadersThatMeetIt) {
  Open();
  Append("a", 0, 3);
  store_.reset();
  Surgery(options_.path).Delete("records", kRecord1);
  Open();
  const auto log = store_->ReadRecords(0, 3);
  EXPECT_TRUE(log->Next());
  EXPECT_FALSE(log->Next());
  EXPECT_EQ(MessageOf(log->status()), "record 1: is missing");
  EXPECT_EQ(ReasonOf(log->status()), Reason::kStoreDamaged);
  EXPECT_EQ(MessageOf(store_->GetRecord(1).status()), "record 1: is missing");
  const auto stream = store_->ReadStream("a", 0, 3, true);
  EXPECT_TRUE(stream->Next());
  EXPECT_FALSE(stream->Next());
  EXPECT_EQ(MessageOf(stream->status()), "record 1: is missing, but account 'a' revision 1 is there");
}

TEST_F(DamageTest, AManifestWithAGarbledUnsyncedEndOpens) {
  Open();
  AppendModel(10);
  store_.reset();
  // What a flush in flight leaves of its entry when the power goes: a header and a payload of which a sector is
  // missing.
  const std::string name = [&] {
    std::string text;
    EXPECT_TRUE(rocksdb::ReadFileToString(rocksdb::Env::Default(), options_.path + "/CURRENT", &text).ok());
    return text.substr(0, text.size() - 1);
  }();
  std::ofstream(options_.path + "/" + name, std::ios::app | std::ios::binary)
      << std::string("\x01\x02\x03\x04\x40\x00\x01", 7) << std::string(64, '\0');
  Open();
  EXPECT_EQ(model_.Compare(*store_), "");
  EXPECT_FALSE(fs::exists(options_.path + "/TORN_MANIFEST"));
}

TEST_F(DamageTest, ADamagedManifestRefuses) {
  Open();
  AppendModel(10);
  store_.reset();
  for (const auto& entry : fs::directory_iterator(options_.path)) {
    if (entry.path().filename().string().starts_with("MANIFEST-")) Flip(entry.path(), 60);
  }
  ExpectRefused("MANIFEST");
}

TEST_F(DamageTest, AHoleSinceTheHeadFileRefuses) {
  Open();
  Append("a", 0, 2);
  Crash();
  Surgery(options_.path).Delete("records", std::string(8, '\0'));
  ExpectRefused("record 0: is missing");
}

}  // namespace
}  // namespace keyledger::store
