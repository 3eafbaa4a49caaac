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
  grpc::ServerUnaryReactor* GetCheckpoint(grpc::CallbackServerContext* call,
                                          const ledger::v1::GetCheckpointRequest* request,
                                          ledger::v1::GetCheckpointResponse* response) override;
  grpc::ServerUnaryReactor* ListCheckpoints(grpc::CallbackServerContext* call,
                                            const ledger::v1::ListCheckpointsRequest* request,
                                            ledger::v1::ListCheckpointsResponse* response) override;
  grpc::ServerUnaryReactor* GetInclusionProof(grpc::CallbackServerContext* call,
                                              const ledger::v1::GetInclusionProofRequest* request,
                                              ledger::v1::GetInclusionProofResponse* response) override;
  grpc::ServerUnaryReactor* GetConsistencyProof(grpc::CallbackServerContext* call,
                                                const ledger::v1::GetConsistencyProofRequest* request,
                                                ledger::v1::GetConsistencyProofResponse* response) override;
  grpc::ServerUnaryReactor* ListSigningKeys(grpc::CallbackServerContext* call,
                                            const ledger::v1::ListSigningKeysRequest* request,
                                            ledger::v1::ListSigningKeysResponse* response) override;
  grpc::ServerUnaryReactor* RotateSigningKey(grpc::CallbackServerContext* call,
                                             const ledger::v1::RotateSigningKeyRequest* request,
                                             ledger::v1::RotateSigningKeyResponse* response) override;

  // In audit_replay.cc.
  grpc::ServerWriteReactor<ledger::v1::ReplayResponse>* Replay(grpc::CallbackServerContext* call,
                                                               const ledger::v1::ReplayRequest* request) override;

  // In audit_bundle.cc.
  grpc::ServerWriteReactor<ledger::v1::ExportBundleResponse>* ExportBundle(
      grpc::CallbackServerContext* call, const ledger::v1::ExportBundleRequest* request) override;
  grpc::ServerUnaryReactor* GetSignedStanding(grpc::CallbackServerContext* call,
                                              const ledger::v1::GetSignedStandingRequest* request,
                                              ledger::v1::GetSignedStandingResponse* response) override;

  // In audit_privacy.cc.
  grpc::ServerUnaryReactor* EraseSubject(grpc::CallbackServerContext* call,
                                         const ledger::v1::EraseSubjectRequest* request,
                                         ledger::v1::EraseSubjectResponse* response) override;
  grpc::ServerUnaryReactor* PlaceLegalHold(grpc::CallbackServerContext* call,
                                           const ledger::v1::PlaceLegalHoldRequest* request,
                                           ledger::v1::PlaceLegalHoldResponse* response) override;
  grpc::ServerUnaryReactor* ReleaseLegalHold(grpc::CallbackServerContext* call,
                                             const ledger::v1::ReleaseLegalHoldRequest* request,
                                             ledger::v1::ReleaseLegalHoldResponse* response) override;
  grpc::ServerUnaryReactor* ListLegalHolds(grpc::CallbackServerContext* call,
                                           const ledger::v1::ListLegalHoldsRequest* request,
                                           ledger::v1::ListLegalHoldsResponse* response) override;
  grpc::ServerUnaryReactor* ListAccesses(grpc::CallbackServerContext* call,
                                         const ledger::v1::ListAccessesRequest* request,
                                         ledger::v1::ListAccessesResponse* response) override;

  // In audit_subjects.cc.
  grpc::ServerUnaryReactor* ReadSubject(grpc::CallbackServerContext* call,
                                        const ledger::v1::ReadSubjectRequest* request,
                                        ledger::v1::ReadSubjectResponse* response) override;

 private:
  const ServiceContext context_;
  // Exports under way: each reads many records, and an account's computes proofs.
  CallSlots exports_{2};
  // Replays: each reads the whole log.
  CallSlots replays_{1};
};

}  // namespace keyledger::service
