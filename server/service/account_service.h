// AccountService: adapter of its queries: state, explanations and contacts of accounts.
#pragma once

#include "keyledger/ledger/v1/account_service.grpc.pb.h"
#include "server/service/service_context.h"

namespace keyledger::service {

// Threads: thread-safe.
class AccountServiceImpl final : public ledger::v1::AccountService::CallbackService {
 public:
  explicit AccountServiceImpl(const ServiceContext& context) : context_(context) {}
  grpc::ServerUnaryReactor* GetAccount(grpc::CallbackServerContext* call, const ledger::v1::GetAccountRequest* request,
                                       ledger::v1::GetAccountResponse* response) override;
  grpc::ServerUnaryReactor* BatchGetAccounts(grpc::CallbackServerContext* call,
                                             const ledger::v1::BatchGetAccountsRequest* request,
                                             ledger::v1::BatchGetAccountsResponse* response) override;
  grpc::ServerUnaryReactor* ListAccounts(grpc::CallbackServerContext* call,
                                         const ledger::v1::ListAccountsRequest* request,
                                         ledger::v1::ListAccountsResponse* response) override;
  grpc::ServerUnaryReactor* ExplainAccount(grpc::CallbackServerContext* call,
                                           const ledger::v1::ExplainAccountRequest* request,
                                           ledger::v1::ExplainAccountResponse* response) override;
  // In contacts.cc.
  grpc::ServerUnaryReactor* ListContacts(grpc::CallbackServerContext* call,
                                         const ledger::v1::ListContactsRequest* request,
                                         ledger::v1::ListContactsResponse* response) override;

 private:
  const ServiceContext context_;
};

}  // namespace keyledger::service
