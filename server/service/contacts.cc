// AccountService.ListContacts: the people of an account. See account_service.h.
#include <utility>

#include <fmt/format.h>

#include "projections/contacts/contacts_queries.h"
#include "server/base/error.h"
#include "server/domain/proto_time.h"
#include "server/service/access_trail.h"
#include "server/service/account_service.h"
#include "server/service/query_request.h"
#include "server/vault/seal.h"

namespace keyledger::service {
namespace {

constexpr std::string_view kMethod = "keyledger.ledger.v1.AccountService/ListContacts";
constexpr size_t kContactIdBytesMax = 128;

bool IsReadable(const projections::ContactPerson& person, const vault::Vault& vault) {
  return person.data.has_sealed() && vault.State(person.data.subject_id()) != vault::SubjectState::kErased;
}

// Fills `out` with the person: with the data if there is a vault to unseal it with and it can still be read.
absl::Status FillPerson(const std::string& account_id, const projections::ContactPerson& person,
                        const vault::Vault* vault, events::v1::PersonalData& out, ledger::v1::Contact& contact) {
  out.set_subject_id(person.data.subject_id());
  bool erased = !person.data.has_sealed();
  if (!erased && vault != nullptr) {
    absl::StatusOr<events::v1::PersonalData> unsealed = vault::Unseal(*vault, {account_id, person.path}, person.data);
    // The projection hears of an erasure later than the vault.
    erased = ReasonOf(unsealed.status()) == Reason::kSubjectErased;
    if (!erased) {
      KL_RETURN_IF_ERROR(unsealed.status());
      out = *std::move(unsealed);
    }
  }
  if (erased) contact.add_erased_subject_ids(person.data.subject_id());
  return absl::OkStatus();
}

absl::Status FillContact(const std::string& account_id, const projections::Contact& contact, const vault::Vault* vault,
                         ledger::v1::Contact& out) {
  out.set_contact_id(contact.contact_id);
  domain::SetTimestamp(out.mutable_occurred_time(), contact.occurred);
  out.set_revision(contact.revision);
  for (size_t i = 0; i < contact.people.size(); ++i) {
    const projections::ContactPerson& person = contact.people[i];
    events::v1::PersonalData* data = out.mutable_person();
    if (i > 0) {
      events::v1::RelatedPerson& related = *out.add_related();
      related.set_relation(person.relation);
      data = related.mutable_person();
    }
    KL_RETURN_IF_ERROR(FillPerson(account_id, person, vault, *data, out));
  }
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* AccountServiceImpl::ListContacts(grpc::CallbackServerContext* call,
                                                           const ledger::v1::ListContactsRequest* request,
                                                           ledger::v1::ListContactsResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, request, response, deadline]() -> absl::Status {
    const std::string& account_id = request->account_id();
    KL_RETURN_IF_ERROR(CheckAccountId(account_id));
    const bool unseals = !request->reader().empty() || !request->purpose().empty();
    if (unseals) KL_RETURN_IF_ERROR(CheckReading(request->reader(), request->purpose()));
    if (request->contact_id().size() > kContactIdBytesMax)
      return FieldError("contact_id", fmt::format("must be at most {} bytes", kContactIdBytesMax));
    KL_ASSIGN_OR_RETURN(const int page_size, CheckPageSize(request->page_size()));
    KL_ASSIGN_OR_RETURN(const std::string continuation, Continuation(*request));
    if (unseals && context_.vault == nullptr) return NoMasterKey();
    KL_ASSIGN_OR_RETURN(const auto last, context_.ledger.ShardOfAccount(account_id).store().LastRevision(account_id));
    if (!last.has_value())
      return MakeError(Reason::kAccountNotFound, fmt::format("there is no account {}", account_id));
    projections::ContactsPage page;
    {
      // Given back before anything is waited for.
      KL_ASSIGN_OR_RETURN(const auto rows,
                          context_.ledger.ReaderOf("contacts", account_id, request->min_cursor(), deadline));
      KL_ASSIGN_OR_RETURN(page,
                          projections::ListContacts(*rows, account_id, request->contact_id(), page_size, continuation));
    }
    if (unseals) {
      Reading reading{account_id, {}, request->reader(), request->purpose(), kMethod};
      for (const projections::Contact& contact : page.contacts) {
        for (const projections::ContactPerson& person : contact.people) {
          if (IsReadable(person, *context_.vault)) reading.subject_ids.push_back(person.data.subject_id());
        }
      }
      KL_RETURN_IF_ERROR(RecordReading(context_, std::move(reading)));
    }
    for (const projections::Contact& contact : page.contacts) {
      KL_RETURN_IF_ERROR(
          FillContact(account_id, contact, unseals ? context_.vault : nullptr, *response->add_contacts()));
    }
    response->set_next_page_token(NextPageToken(*request, page.continuation));
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service
