// See validate_relationship.h. Every rule stands beside the fields in events/v1/owner.proto.
#include "server/domain/validate_relationship.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;

constexpr int64_t kRankMax = 9;

void Assigned(const FieldPath& path, const events::v1::OwnerAssigned& assigned, FieldChecks& checks) {
  checks.Id(path.Field("role"), assigned.role());
  checks.Text(path.Field("person"), assigned.person(), 1, 128);
  checks.Range(path.Field("rank"), assigned.rank(), 0, kRankMax);
  checks.FreeText(path.Field("reason"), assigned.reason(), 0, 512);
}

void Released(const FieldPath& path, const events::v1::OwnerReleased& released, FieldChecks& checks) {
  checks.Id(path.Field("role"), released.role());
  checks.Text(path.Field("person"), released.person(), 1, 128);
  checks.Named(path.Field("reason"), released.reason(), events::v1::OwnerChangeReason_IsValid);
  checks.FreeText(path.Field("note"), released.note(), 0, 512);
}

void Transferred(const FieldPath& path, const events::v1::OwnerTransferred& transferred, FieldChecks& checks) {
  checks.Text(path.Field("from_person"), transferred.from_person(), 1, 128);
  checks.Text(path.Field("to_person"), transferred.to_person(), 0, 128);
  if (!transferred.from_person().empty() && transferred.to_person() == transferred.from_person()) {
    checks.Add(path.Field("to_person"), "must be somebody else than from_person");
  }
  if (!transferred.role().empty()) checks.Id(path.Field("role"), transferred.role());
  checks.Named(path.Field("reason"), transferred.reason(), events::v1::OwnerChangeReason_IsValid);
  checks.Range(path.Field("rank"), transferred.rank(), 0, kRankMax);
  checks.Text(path.Field("transfer_id"), transferred.transfer_id(), 0, 64);
}

}  // namespace

void CheckOwner(const FieldPath& root, const Event& event, FieldChecks& checks) {
  switch (event.payload_case()) {
    case Event::kOwnerAssigned:
      return Assigned(root.Field("owner_assigned"), event.owner_assigned(), checks);
    case Event::kOwnerReleased:
      return Released(root.Field("owner_released"), event.owner_released(), checks);
    case Event::kOwnerTransferred:
      return Transferred(root.Field("owner_transferred"), event.owner_transferred(), checks);
    default:
      return;
  }
}

}  // namespace keyledger::domain
