// The scope of questions about retention and value, as queries take it. Shared by RetentionService and
// PortfolioService.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>
#include <grpcpp/server_context.h>

#include "keyledger/ledger/v1/retention_service.pb.h"
#include "projections/retention/history.h"
#include "server/base/clock.h"
#include "server/service/service_context.h"

namespace keyledger::service {

// Periods may be made of at most so many units.
inline constexpr int32_t kPeriodLengthMax = 366;

// Errors: INVALID_ARGUMENT (kInvalidField "scope.period", "scope.period_length", "scope.revenue_basis",
// "scope.time_zone", "scope.currency_code", "scope.as_of", "scope.known_at", or "scope.accounts.<field>"). Neither
// moment may be after AsOfNow: what is not over yet would be taken for silence.
// What walks over the scope ends when the call is canceled, or its deadline is over; `call` must outlive them.
absl::StatusOr<projections::RetentionScope> ToScope(const ledger::v1::RetentionScope& scope,
                                                    const grpc::CallbackServerContext& call, const Clock& clock);

// Which accounts, and a moment that is not after AsOfNow. Errors: those of ToScope for the fields.
absl::StatusOr<projections::PopulationFilter> ToFilter(const ledger::v1::PopulationFilter& accounts);
absl::StatusOr<Micros> CheckPast(const google::protobuf::Timestamp& time, std::string_view field, const Clock& clock);

// Whether the ledger has the account, in scope or not.
// Errors: INVALID_ARGUMENT (kInvalidField "account_id"), NOT_FOUND (kAccountNotFound), DATA_LOSS.
absl::Status CheckAccountExists(const ServiceContext& context, const std::string& account_id);

// Where the data of a scope end, or now if there are none (portfolio::EndOfData).
// Errors: as portfolio::EndOfData.
absl::StatusOr<Micros> EndOfDataOrNow(const std::vector<const store::TableReader*>& shards,
                                      const projections::RetentionScope& scope, const Clock& clock);

}  // namespace keyledger::service
