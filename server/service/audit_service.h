// AuditService: adapters of what compliance and privacy officers use.
#pragma once

#include "keyledger/ledger/v1/audit_service.grpc.pb.h"
#include "server/service/service_context.h"

namespace keyledger::service {

// Threads: thread-safe.
class AuditServiceImpl final : public ledger::v1::AuditService::CallbackService {
 public:
  explicit AuditServiceImpl(const ServiceContext& context) : context_(context) {}

  // In audit_proofs.cc.

  // In audit_replay.cc.

  // In audit_bundle.cc.

  // In audit_privacy.cc.

  // In audit_subjects.cc.

 private:
  const ServiceContext context_;
};

}  // namespace keyledger::service
