// AuditService.ReadSubject: what the ledger holds of a person. See audit_service.h.
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "projections/contacts/contacts_queries.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/proto_time.h"
#include "server/service/access_trail.h"
#include "server/service/audit_service.h"
#include "server/service/query_request.h"
#include "server/vault/seal.h"

namespace keyledger::service {
namespace {

constexpr std::string_view kMethod = "keyledger.ledger.v1.AuditService/ReadSubject";

absl::Status Erased(const std::string& subject_id) {
  return MakeError(Reason::kSubjectErased,
                   fmt::format("subject {} has been erased; nothing of it can be read any more", subject_id));
}

// Where a page begins: "<shard> <number of the place>".
struct PageStart {
  uint32_t shard = 0;
  uint64_t number = 0;
};

absl::StatusOr<PageStart> ParsePageStart(std::string_view text, uint32_t shard_count) {
  PageStart start;
  if (text.empty()) return start;
  const char* const end = text.data() + text.size();
  const auto shard = std::from_chars(text.data(), end, start.shard);
  if (shard.ec == std::errc() && shard.ptr != end && *shard.ptr == ' ') {
    const auto number = std::from_chars(shard.ptr + 1, end, start.number);
    if (number.ec == std::errc() && number.ptr == end && start.shard < shard_count) return start;
  }
  return MakeError(Reason::kInvalidToken, "the page token is not one of this listing");
}

// A place with its shard.
struct FoundPlace {
  uint32_t shard = 0;
  projections::SubjectPlace place;
};

struct FoundPage {
  std::vector<FoundPlace> places;
  std::string continuation;
};

absl::StatusOr<FoundPage> FindPlaces(const shard::TableReaders& readers, const std::string& subject_id,
                                     const PageStart& start, size_t page_size) {
  FoundPage found;
  bool known = false;
  size_t bytes = 0;
  for (uint32_t shard = 0; shard < readers.size(); ++shard) {
    // Whether it is known at all, and erased, is asked of every shard; places are taken from the start on.
    const bool takes = shard >= start.shard && found.continuation.empty();
    const bool full = bytes >= projections::kSealedBytesPerPage;
    const size_t left = takes && !full ? page_size - found.places.size() : 0;
    KL_ASSIGN_OR_RETURN(
        projections::SubjectPage page,
        projections::ListSubjectPlaces(*readers[shard], subject_id, shard == start.shard ? start.number : 0, left));
    if (page.erased) return Erased(subject_id);
    known = known || page.known;
    if (!takes) continue;
    for (projections::SubjectPlace& place : page.places) {
      bytes += place.data.sealed().ciphertext().size();
      found.places.push_back({shard, std::move(place)});
    }
    if (page.next.has_value()) found.continuation = fmt::format("{} {}", shard, *page.next);
  }
  if (!known) return MakeError(Reason::kSubjectNotFound, fmt::format("nothing is known of subject {}", subject_id));
  return found;
}

}  // namespace

grpc::ServerUnaryReactor* AuditServiceImpl::ReadSubject(grpc::CallbackServerContext* call,
                                                        const ledger::v1::ReadSubjectRequest* request,
                                                        ledger::v1::ReadSubjectResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, request, response, deadline]() -> absl::Status {
    const std::string& subject_id = request->subject_id();
    if (!IsSubjectId(subject_id)) {
      return FieldError("subject_id",
                        subject_id.empty() ? "is required" : "must be 1 to 128 bytes of [A-Za-z0-9._:@-]");
    }
    KL_RETURN_IF_ERROR(CheckReading(request->reader(), request->purpose()));
    KL_ASSIGN_OR_RETURN(const int page_size, CheckPageSize(request->page_size()));
    KL_ASSIGN_OR_RETURN(const std::string continuation, Continuation(*request));
    KL_ASSIGN_OR_RETURN(const PageStart start, ParsePageStart(continuation, context_.ledger.shard_count()));
    if (context_.vault == nullptr) return NoMasterKey();
    if (context_.vault->State(subject_id) == vault::SubjectState::kErased) return Erased(subject_id);
    FoundPage found;
    {
      // Given back before anything is waited for.
      KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                          context_.ledger.Readers("contacts", request->min_cursor(), deadline));
      KL_ASSIGN_OR_RETURN(found, FindPlaces(readers, subject_id, start, page_size));
    }
    if (!found.places.empty())
      KL_RETURN_IF_ERROR(RecordReading(context_, {"", {subject_id}, request->reader(), request->purpose(), kMethod}));
    for (const auto& [shard, place] : found.places) {
      ledger::v1::SubjectData& out = *response->add_data();
      out.set_account_id(place.account_id);
      out.set_shard(shard);
      out.set_position(place.position);
      domain::SetTimestamp(out.mutable_occurred_time(), place.occurred);
      out.set_replaced(place.replaced);
      KL_ASSIGN_OR_RETURN(*out.mutable_data(),
                          vault::Unseal(*context_.vault, {place.account_id, place.path}, place.data));
    }
    response->set_next_page_token(NextPageToken(*request, found.continuation));
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service
