// See append_request.h.
#include "server/service/append_request.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/decide.h"
#include "server/domain/proto_time.h"
#include "server/merkle/tree.h"
#include "server/service/service_context.h"
#include "server/vault/seal.h"

namespace keyledger::service {
namespace {

constexpr size_t kIdBytesMax = 128;

// Joins what several checks have found: the first reason counts, all fields are listed.
class Violations {
 public:
  void Add(const absl::Status& status) {
    if (status.ok()) return;
    if (first_.ok()) {
      first_ = status;
      return;
    }
    for (const auto& [field, description] : FieldsOf(status)) {
      if (++more_ <= kFieldsMax) AddField(first_, field, description);
    }
  }
  void Add(const std::string& field, const std::string& description) { Add(FieldError(field, description)); }
  absl::Status status() const {
    absl::Status all = first_;
    if (more_ > kFieldsMax) AddField(all, "...", fmt::format("{} more violations are not listed", more_ - kFieldsMax));
    return all;
  }

 private:
  // A person mends a few at a time, and adding to a status takes time in the number it has.
  static constexpr int kFieldsMax = 64;

  absl::Status first_;
  int more_ = 0;
};

// The ledger's own ids are "<digits>-<digits>".
bool LooksAssigned(std::string_view id) {
  const size_t dash = id.find('-');
  const auto digits = [](std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  return dash != std::string_view::npos && digits(id.substr(0, dash)) && digits(id.substr(dash + 1));
}

void CheckText(const std::string& text, const std::string& field, Violations& violations) {
  if (text.size() > kIdBytesMax || !IsUtf8(text))
    violations.Add(field, fmt::format("must be UTF-8 of at most {} bytes", kIdBytesMax));
}

void CheckEvent(const ledger::v1::SubmittedEvent& event, const std::string& field, Violations& violations) {
  if (!event.event_id().empty() && (!IsPrintableId(event.event_id(), kIdBytesMax) || LooksAssigned(event.event_id()))) {
    violations.Add(field + ".event_id", "must be 1 to 128 printable ASCII bytes and not of the form <digits>-<digits>");
  }
  if (!event.has_occurred_time()) {
    violations.Add(field + ".occurred_time", "is required");
  } else {
    violations.Add(CheckOccurredTime(event.occurred_time(), field + ".occurred_time").status());
  }
  CheckText(event.correlation_id(), field + ".correlation_id", violations);
  CheckText(event.causation_id(), field + ".causation_id", violations);
  if (!event.has_event()) {
    violations.Add(field + ".event", "is required");
  } else {
    violations.Add(domain::ValidateFact(event.event(), field + ".event"));
  }
}

absl::Status Check(const ledger::v1::AppendRequest& request) {
  if (request.events_size() > kEventsPerRequestMax) {
    return MakeError(Reason::kTooManyEvents,
                     fmt::format("events: {} in one request, at most {} are allowed; split the request",
                                 request.events_size(), kEventsPerRequestMax));
  }
  Violations violations;
  violations.Add(CheckAccountId(request.account_id()));
  if (!IsPrintableId(request.request_id(), kRequestIdBytesMax)) {
    violations.Add("request_id", request.request_id().empty() ? "is required: repeat it to retry safely"
                                                              : "must be 1 to 128 printable ASCII bytes");
  }
  if (request.expected_revision().kind_case() == ledger::v1::ExpectedRevision::KIND_NOT_SET) {
    violations.Add("expected_revision", "is required: exact, new_account or any");
  }
  CheckText(request.actor(), "actor", violations);
  if (!ledger::v1::AppendView_IsValid(request.view())) violations.Add("view", "is not a value of AppendView");
  if (request.events().empty()) violations.Add("events", "at least one is required");
  for (int i = 0; i < request.events_size(); ++i) {
    CheckEvent(request.events(i), fmt::format("events[{}]", i), violations);
    if (request.events(i).event().has_points_adjusted() && request.actor().empty()) {
      violations.Add("actor", "is required when points are adjusted");
    }
  }
  return violations.status();
}

absl::Status Seal(ledger::v1::AppendRequest& request, vault::Vault* vault, vault::KeyUse* keys) {
  if (vault == nullptr) return NoMasterKey();
  KL_CHECK(keys != nullptr);
  std::vector<events::v1::Event*> events;
  events.reserve(request.events_size());
  for (ledger::v1::SubmittedEvent& event : *request.mutable_events()) events.push_back(event.mutable_event());
  KL_ASSIGN_OR_RETURN(*keys, vault::SealEvents(*vault, request.account_id(), request.request_id(), events));
  return absl::OkStatus();
}

}  // namespace

bool HasPersonal(const ledger::v1::AppendRequest& request) {
  return std::any_of(request.events().begin(), request.events().end(),
                     [](const ledger::v1::SubmittedEvent& event) { return vault::HasPersonal(event.event()); });
}

vault::KeyUse MakeKeys(const google::protobuf::RepeatedPtrField<ledger::v1::AppendRequest>& requests, int first,
                       vault::Vault& vault) {
  std::vector<const events::v1::Event*> events;
  for (int i = first; i < requests.size(); ++i) {
    if (!HasPersonal(requests[i]) || !Check(requests[i]).ok()) continue;
    for (const ledger::v1::SubmittedEvent& event : requests[i].events()) events.push_back(&event.event());
  }
  std::vector<std::string_view> subjects = vault::SubjectsOf(events);
  std::erase_if(subjects, [&vault](std::string_view id) { return vault.State(id) != vault::SubjectState::kUnknown; });
  if (subjects.empty()) return {};
  absl::StatusOr<vault::KeyUse> keys = vault.UseKeys(subjects);
  return keys.ok() ? *std::move(keys) : vault::KeyUse();
}

void SettleKeys(const absl::Status& outcome, vault::KeyUse& keys) {
  if (outcome.ok() || ReasonOf(outcome) == Reason::kCommitOutcomeUnknown) keys.Confirm();
  // Gives up, before anybody is answered, what was not confirmed.
  keys = vault::KeyUse();
}

absl::StatusOr<shard::AppendCommand> ToCommand(ledger::v1::AppendRequest request, vault::Vault* vault,
                                               vault::KeyUse* keys) {
  KL_RETURN_IF_ERROR(Check(request));
  if (HasPersonal(request)) KL_RETURN_IF_ERROR(Seal(request, vault, keys));
  shard::AppendCommand command;
  command.want_decisions = request.view() != ledger::v1::APPEND_VIEW_BASIC;
  // The body that a repetition is compared by. No message in it has a map or, as checked, an unknown field in an event,
  // so equal requests have equal bytes.
  request.clear_view();
  const std::string body = request.SerializeAsString();
  const merkle::Hash digest = merkle::Sha256(body);
  command.digest.assign(digest.begin(), digest.end());
  command.bytes = body.size() * 2;
  command.account_id = std::move(*request.mutable_account_id());
  command.request_id = std::move(*request.mutable_request_id());
  command.actor = std::move(*request.mutable_actor());
  switch (request.expected_revision().kind_case()) {
    case ledger::v1::ExpectedRevision::kExact:
      command.expected = {shard::ExpectedRevision::Kind::kExact, request.expected_revision().exact()};
      break;
    case ledger::v1::ExpectedRevision::kNewAccount:
      command.expected.kind = shard::ExpectedRevision::Kind::kNewAccount;
      break;
    default:
      command.expected.kind = shard::ExpectedRevision::Kind::kAny;
  }
  command.events.reserve(request.events_size());
  for (ledger::v1::SubmittedEvent& event : *request.mutable_events()) {
    shard::SubmittedEvent& submitted = command.events.emplace_back();
    submitted.event = std::move(*event.mutable_event());
    submitted.occurred = domain::MicrosOf(event.occurred_time());
    submitted.event_id = std::move(*event.mutable_event_id());
    submitted.correlation_id = std::move(*event.mutable_correlation_id());
    submitted.causation_id = std::move(*event.mutable_causation_id());
  }
  return command;
}

void FillResponse(shard::AppendAnswer answer, bool full, std::string cursor, ledger::v1::AppendResponse& response) {
  response.set_shard(answer.shard);
  for (shard::AppendedEvent& event : answer.events) {
    ledger::v1::AppendedEvent* const out = response.add_events();
    out->set_position(event.position);
    out->set_revision(event.revision);
    out->set_event_id(std::move(event.event_id));
  }
  response.set_replayed(answer.replayed);
  response.set_cursor(std::move(cursor));
  if (!full) return;
  for (events::v1::EventRecord& record : answer.decisions) *response.add_decisions() = std::move(record);
  ledger::v1::AccountStanding& standing = *response.mutable_standing();
  standing.set_revision(answer.standing.revision);
  standing.set_available_points(answer.standing.available_points);
  standing.set_pending_points(answer.standing.pending_points);
  standing.set_ladder_id(std::move(answer.standing.ladder_id));
  standing.set_tier_id(std::move(answer.standing.tier_id));
}

}  // namespace keyledger::service
