// See access_trail.h.
#include "server/service/access_trail.h"

#include <algorithm>
#include <array>
#include <deque>
#include <future>
#include <utility>

#include <fmt/format.h>

#include "keyledger/events/v1/event.pb.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/merkle/tree.h"
#include "server/vault/cipher.h"

namespace keyledger::service {
namespace {

constexpr size_t kReaderBytesMax = 128;
constexpr size_t kPurposeBytesMax = 512;
constexpr size_t kSubjectsPerRecord = 1'000;
// Records that wait in the queues of shards at a time.
constexpr size_t kUnderWayMax = 256;

absl::Status CheckText(std::string_view field, const std::string& text, size_t bytes_max) {
  if (text.empty()) return FieldError(field, "is required: reading personal data leaves a record of who and what for");
  if (text.size() > bytes_max || !IsUtf8(text))
    return FieldError(field, fmt::format("must be UTF-8 of 1 to {} bytes", bytes_max));
  return absl::OkStatus();
}

// Every reading is one of its own: nobody repeats it by the same id.
std::string RandomRequestId() {
  std::array<uint8_t, 16> bytes;
  vault::FillRandom(bytes.data(), bytes.size());
  std::string id = "read-";
  for (const uint8_t byte : bytes) id += fmt::format("{:02x}", byte);
  return id;
}

std::string DigestOf(const events::v1::Event& event) {
  const merkle::Hash digest = merkle::Sha256(event.SerializeAsString());
  return std::string(digest.begin(), digest.end());
}

// Outcomes of records under way. They stay where they are until all were waited for.
using UnderWay = std::deque<std::promise<absl::Status>>;

void Submit(const ServiceContext& context, Reading& reading, UnderWay& records) {
  std::vector<std::string>& subjects = reading.subject_ids;
  std::sort(subjects.begin(), subjects.end());
  subjects.erase(std::unique(subjects.begin(), subjects.end()), subjects.end());
  shard::Shard& home =
      reading.account_id.empty() ? context.ledger.shard(0) : context.ledger.ShardOfAccount(reading.account_id);
  for (size_t first = 0; first < subjects.size(); first += kSubjectsPerRecord) {
    events::v1::Event event;
    events::v1::PersonalDataRead& read = *event.mutable_personal_data_read();
    read.set_read_account_id(reading.account_id);
    for (size_t i = first; i < std::min(subjects.size(), first + kSubjectsPerRecord); ++i)
      read.add_subject_ids(std::move(subjects[i]));
    read.set_reader(reading.reader);
    read.set_purpose(reading.purpose);
    read.set_method(std::string(reading.method));
    const std::string digest = DigestOf(event);
    std::promise<absl::Status>& done = records.emplace_back();
    home.RecordOwn(kAccessesStream, std::move(event), RandomRequestId(), reading.reader, digest,
                   [&done](const absl::StatusOr<shard::AppendAnswer>& answer) { done.set_value(answer.status()); });
  }
}

// Waits for all of them.
absl::Status Await(UnderWay& records) {
  absl::Status all;
  for (std::promise<absl::Status>& record : records) {
    const absl::Status status = record.get_future().get();
    if (all.ok()) all = status;
  }
  records.clear();
  return all;
}

}  // namespace

absl::Status CheckReading(const std::string& reader, const std::string& purpose) {
  KL_RETURN_IF_ERROR(CheckText("reader", reader, kReaderBytesMax));
  return CheckText("purpose", purpose, kPurposeBytesMax);
}

absl::Status RecordReading(const ServiceContext& context, Reading reading) {
  UnderWay records;
  Submit(context, reading, records);
  return Await(records);
}

absl::Status RecordReadings(const ServiceContext& context, std::vector<Reading> readings,
                            const std::function<bool()>& canceled) {
  UnderWay records;
  for (Reading& reading : readings) {
    if (records.size() >= kUnderWayMax) {
      KL_RETURN_IF_ERROR(Await(records));
      if (canceled && canceled()) return absl::CancelledError("nobody waits for the answer any more");
    }
    Submit(context, reading, records);
  }
  return Await(records);
}

}  // namespace keyledger::service
