// ProgramService and AdminService: adapters of what operators and program authors use.
#pragma once

#include "keyledger/ledger/v1/admin_service.grpc.pb.h"
#include "keyledger/ledger/v1/program_service.grpc.pb.h"
#include "server/service/service_context.h"

namespace keyledger::service {

// Threads: thread-safe.
class ProgramServiceImpl final : public ledger::v1::ProgramService::CallbackService {
 public:
  explicit ProgramServiceImpl(const ServiceContext& context) : context_(context) {}
  grpc::ServerUnaryReactor* ValidateProgram(grpc::CallbackServerContext* call,
                                            const ledger::v1::ValidateProgramRequest* request,
                                            ledger::v1::ValidateProgramResponse* response) override;
  grpc::ServerUnaryReactor* PublishProgram(grpc::CallbackServerContext* call,
                                           const ledger::v1::PublishProgramRequest* request,
                                           ledger::v1::PublishProgramResponse* response) override;
  grpc::ServerUnaryReactor* GetProgram(grpc::CallbackServerContext* call, const ledger::v1::GetProgramRequest* request,
                                       ledger::v1::GetProgramResponse* response) override;
  grpc::ServerUnaryReactor* ListPrograms(grpc::CallbackServerContext* call,
                                         const ledger::v1::ListProgramsRequest* request,
                                         ledger::v1::ListProgramsResponse* response) override;
  grpc::ServerWriteReactor<ledger::v1::SimulateResponse>* Simulate(grpc::CallbackServerContext* call,
                                                                   const ledger::v1::SimulateRequest* request) override;

 private:
  const ServiceContext context_;
};

// Threads: thread-safe.
class AdminServiceImpl final : public ledger::v1::AdminService::CallbackService {
 public:
  AdminServiceImpl(const ServiceContext& context, std::string version)
      : context_(context), version_(std::move(version)), start_time_(context.clock.Now()) {}
  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* call, const ledger::v1::GetStatusRequest* request,
                                      ledger::v1::GetStatusResponse* response) override;
  grpc::ServerUnaryReactor* ListProjections(grpc::CallbackServerContext* call,
                                            const ledger::v1::ListProjectionsRequest* request,
                                            ledger::v1::ListProjectionsResponse* response) override;
  grpc::ServerUnaryReactor* RebuildProjection(grpc::CallbackServerContext* call,
                                              const ledger::v1::RebuildProjectionRequest* request,
                                              ledger::v1::RebuildProjectionResponse* response) override;

 private:
  const ServiceContext context_;
  const std::string version_;
  const Micros start_time_;
};

}  // namespace keyledger::service
