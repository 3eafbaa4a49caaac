// See replay_run.h.
#include "server/audit/replay_run.h"

#include <algorithm>

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/timestamp.pb.h>

#include "server/domain/proto_time.h"

namespace keyledger::audit {
namespace {

// Records about which the second pass keeps quiet since the first has spoken. A log with more than so many is beyond
// reading anyway.
constexpr size_t kSuspectsMax = 100'000;
// Findings held back; more are reported at once.
constexpr size_t kHeldMax = 1'000;
// Sentences about what was not checked; the last one says that there are more.
constexpr int kSentencesMax = 100;

}  // namespace

uint64_t PurchaseHash(const std::string& account_id, const std::string& merchant, const std::string& invoice) {
  const merkle::Hash hash = merkle::Sha256(account_id + '\0' + merchant + '\0' + invoice);
  uint64_t word = 0;
  for (int i = 0; i < 8; ++i) word = word << 8 | hash[i];
  return word;
}

absl::Status ReplayRun::Read(bool first_pass) {
  if (first_pass) {
    progress.set_records_checked(progress.records_checked() + 1);
  } else {
    progress.set_records_replayed(progress.records_replayed() + 1);
  }
  return ++reads_ % kReplayStepRecords == 0 ? Step() : absl::OkStatus();
}

absl::Status ReplayRun::ReadAgain() {
  progress.set_records_reread(progress.records_reread() + 1);
  return progress.records_reread() % kReplayStepRecords == 0 ? Step() : absl::OkStatus();
}

absl::Status ReplayRun::Step() {
  progress.set_findings(findings.count());
  return options.on_step == nullptr ? absl::OkStatus() : options.on_step(progress);
}

void ReplayRun::Report(v1::FindingKind kind, uint32_t shard, std::optional<uint64_t> position,
                       const std::string& expected, const std::string& found, const std::string& message) {
  v1::Finding finding;
  finding.set_kind(kind);
  finding.set_shard(shard);
  if (position.has_value()) finding.set_position(*position);
  finding.set_expected(expected);
  finding.set_found(found);
  finding.set_message(message);
  Report(std::move(finding));
}

void ReplayRun::Report(v1::Finding finding) {
  if (held_for_.has_value() && held_.size() < kHeldMax) {
    held_.emplace_back(*held_for_, std::move(finding));
    return;
  }
  if (finding.has_position() && suspects_.size() < kSuspectsMax) suspects_.emplace(finding.shard(), finding.position());
  findings.Add(finding);
}

void ReplayRun::Distrust(PurchaseName purchase) {
  if (distrusted_.size() < kSuspectsMax) distrusted_.insert(std::move(purchase));
}

void ReplayRun::ReportHeld() {
  for (auto& [purchase, finding] : std::exchange(held_, {})) {
    if (IsDistrusted(purchase)) {
      NotChecked(DoubtfulPurchases(finding.account_id()));
    } else {
      Report(std::move(finding));
    }
  }
}

std::string DoubtfulPurchases(const std::string& account_id) {
  return fmt::format("account '{}': returns of purchases whose own records differ", account_id);
}

void ReplayRun::NotChecked(const std::string& text) {
  const std::string sentence = CutText(text);
  const auto& said = report.not_checked();
  if (said.size() >= kSentencesMax || std::find(said.begin(), said.end(), sentence) != said.end()) return;
  report.add_not_checked(said.size() + 1 < kSentencesMax ? sentence : "more, which is left out here");
}

bool HasSoundTimes(const google::protobuf::Message& message) {
  using google::protobuf::FieldDescriptor;
  if (message.GetDescriptor() == google::protobuf::Timestamp::descriptor()) {
    return domain::IsExactTimestamp(static_cast<const google::protobuf::Timestamp&>(message));
  }
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      if (!HasSoundTimes(reflection.GetMessage(message, field))) return false;
      continue;
    }
    const int size = reflection.FieldSize(message, field);
    for (int at = 0; at < size; ++at) {
      if (!HasSoundTimes(reflection.GetRepeatedMessage(message, field, at))) return false;
    }
  }
  return true;
}

}  // namespace keyledger::audit
