// AccountService. See account_service.h.
#include <utility>

#include <fmt/format.h>

#include "projections/accounts/accounts_queries.h"
#include "projections/points/points_queries.h"
#include "projections/tiers/tiers_queries.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/proto_time.h"
#include "server/service/account_service.h"
#include "server/service/query_request.h"
#include "server/shard/account_reader.h"

namespace keyledger::service {
namespace {

constexpr int kBatchMax = 1'000;
constexpr int kFilterFactsMax = 10;

absl::Status NoAccount(const std::string& account_id) {
  return MakeError(Reason::kAccountNotFound, fmt::format("there is no account {}", account_id));
}

ledger::v1::AccountState StateOf(bool open, bool merged) {
  if (merged) return ledger::v1::ACCOUNT_STATE_MERGED;
  return open ? ledger::v1::ACCOUNT_STATE_OPEN : ledger::v1::ACCOUNT_STATE_CLOSED;
}

void FillProfile(const std::string& account_id, const domain::AccountState& state, ledger::v1::Account& out) {
  out.set_account_id(account_id);
  out.set_state(StateOf(state.lifecycle != domain::Lifecycle::kClosed, state.lifecycle == domain::Lifecycle::kMerged));
  out.set_display_name(state.display_name);
  out.set_region(state.region);
  out.set_segment(state.segment);
  out.set_owner(state.owner);
  for (const auto& [key, value] : state.facts) {
    events::v1::Fact* const fact = out.add_facts();
    fact->set_key(key);
    fact->set_value(value);
  }
  domain::SetTimestamp(out.mutable_open_time(), state.open_time);
  if (state.purchase_count > 0) domain::SetTimestamp(out.mutable_last_purchase_time(), state.last_purchase);
  out.set_purchase_count(state.purchase_count);
  out.set_merged_into_account_id(state.merge.into_account_id);
  for (const std::string& absorbed : state.absorbed) out.add_absorbed_account_ids(absorbed);
  for (const auto& [key, held] : state.roles) {
    ledger::v1::AccountRole* const role = out.add_roles();
    role->set_role(key.first);
    role->set_person(key.second);
    role->set_rank(held.rank);
    domain::SetTimestamp(role->mutable_since_time(), held.since);
  }
}

// Time decides: a lot past its expiry is not available, one past its activation is not pending, recorded or not.
void FillStanding(const domain::AccountState& state, Micros now, ledger::v1::AccountStanding& out) {
  int64_t available = 0;
  int64_t pending = 0;
  for (const domain::Lot& lot : state.lots) {
    if (state.ExpiryOf(lot) <= now) continue;
    (lot.pending && lot.activate > now ? pending : available) += lot.remaining;
  }
  out.set_revision(state.next_revision - 1);
  out.set_available_points(available);
  out.set_pending_points(pending);
  out.set_ladder_id(state.tier.ladder_id);
  out.set_tier_id(state.tier.tier_id);
}

void FillDirectoryAccount(const projections::DirectoryAccount& account, ledger::v1::Account& out) {
  out.set_account_id(account.account_id);
  out.set_state(StateOf(account.open, account.merged));
  out.set_display_name(account.display_name);
  out.set_region(account.region);
  out.set_segment(account.segment);
  out.set_owner(account.owner);
  for (const auto& [key, value] : account.facts) {
    events::v1::Fact* const fact = out.add_facts();
    fact->set_key(key);
    fact->set_value(value);
  }
  domain::SetTimestamp(out.mutable_open_time(), account.open_time);
  if (account.last_purchase.has_value()) domain::SetTimestamp(out.mutable_last_purchase_time(), *account.last_purchase);
  out.set_purchase_count(account.purchase_count);
  out.mutable_standing()->set_revision(account.revision);
  out.mutable_standing()->set_ladder_id(account.ladder_id);
  out.mutable_standing()->set_tier_id(account.tier_id);
}

absl::StatusOr<projections::DirectoryFilter> ToFilter(const ledger::v1::AccountFilter& filter) {
  projections::DirectoryFilter out;
  switch (filter.state()) {
    case ledger::v1::ACCOUNT_STATE_UNSPECIFIED:
      break;
    case ledger::v1::ACCOUNT_STATE_OPEN:
      out.state = projections::AccountStateFilter::kOpen;
      break;
    case ledger::v1::ACCOUNT_STATE_CLOSED:
      out.state = projections::AccountStateFilter::kClosed;
      break;
    case ledger::v1::ACCOUNT_STATE_MERGED:
      out.state = projections::AccountStateFilter::kMerged;
      break;
    default:
      return FieldError("filter.state", "is not a value of AccountState");
  }
  if (filter.facts_size() > kFilterFactsMax)
    return FieldError("filter.facts", fmt::format("at most {} are allowed", kFilterFactsMax));
  if (!IsRegionPath(filter.region())) return FieldError("filter.region", "is not a region path");
  out.region = filter.region();
  out.segment = filter.segment();
  out.owner = filter.owner();
  out.tier_id = filter.tier_id();
  out.text = filter.text();
  for (int i = 0; i < filter.facts_size(); ++i) {
    if (!IsSnakeId(filter.facts(i).key()))
      return FieldError(fmt::format("filter.facts[{}].key", i), "must be [a-z][a-z0-9_]*, at most 64 bytes");
    out.facts.emplace_back(filter.facts(i).key(), filter.facts(i).value());
  }
  return out;
}

}  // namespace

grpc::ServerUnaryReactor* AccountServiceImpl::GetAccount(grpc::CallbackServerContext* call,
                                                         const ledger::v1::GetAccountRequest* request,
                                                         ledger::v1::GetAccountResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, request, response, deadline]() -> absl::Status {
    const std::string& account_id = request->account_id();
    KL_RETURN_IF_ERROR(CheckAccountId(account_id));
    KL_ASSIGN_OR_RETURN(const Micros as_of, AsOf(*request, context_.clock));
    const shard::Shard& home = context_.ledger.ShardOfAccount(account_id);
    ledger::v1::Account& account = *response->mutable_account();
    if (!request->has_as_of()) {
      KL_ASSIGN_OR_RETURN(const auto state, home.ReadState(account_id));
      if (!state.has_value()) return NoAccount(account_id);
      FillProfile(account_id, *state, account);
      FillStanding(*state, as_of, *account.mutable_standing());
      return absl::OkStatus();
    }
    // Points and tier come from their projections.
    KL_ASSIGN_OR_RETURN(const auto profile, shard::FoldEarlier(home.store(), account_id, shard::kHead, as_of));
    if (!profile.has_value()) return NoAccount(account_id);
    FillProfile(account_id, *profile, account);
    // The projections are brought to the same records that the profile was folded from.
    const std::string cursor = context_.ledger.Format(context_.ledger.HeadCursor());
    KL_ASSIGN_OR_RETURN(const auto points, context_.ledger.ReaderOf("points", account_id, cursor, deadline));
    KL_ASSIGN_OR_RETURN(const auto balance, projections::GetPointsBalance(*points, account_id, as_of));
    KL_ASSIGN_OR_RETURN(const auto tiers, context_.ledger.ReaderOf("tiers", account_id, cursor, deadline));
    KL_ASSIGN_OR_RETURN(const auto tier, projections::GetTierStanding(*tiers, account_id, as_of));
    ledger::v1::AccountStanding& standing = *account.mutable_standing();
    standing.set_revision(profile->next_revision - 1);
    standing.set_available_points(balance.available);
    standing.set_pending_points(balance.pending);
    if (tier.has_value()) {
      standing.set_ladder_id(tier->ladder_id);
      standing.set_tier_id(tier->tier_id);
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AccountServiceImpl::BatchGetAccounts(grpc::CallbackServerContext* call,
                                                               const ledger::v1::BatchGetAccountsRequest* request,
                                                               ledger::v1::BatchGetAccountsResponse* response) {
  return RunUnary(context_, call, [this, request, response]() -> absl::Status {
    if (request->account_ids().empty()) return FieldError("account_ids", "at least one is required");
    if (request->account_ids_size() > kBatchMax) {
      return MakeError(Reason::kTooManyEvents, fmt::format("account_ids: {} ids, at most {} are allowed",
                                                           request->account_ids_size(), kBatchMax));
    }
    const Micros now = context_.clock.Now();
    for (int i = 0; i < request->account_ids_size(); ++i) {
      const std::string& account_id = request->account_ids(i);
      KL_RETURN_IF_ERROR(CheckAccountId(account_id, fmt::format("account_ids[{}]", i)));
      KL_ASSIGN_OR_RETURN(const auto state, context_.ledger.ShardOfAccount(account_id).ReadState(account_id));
      if (!state.has_value()) {
        response->add_not_found(account_id);
        continue;
      }
      ledger::v1::Account& account = *response->add_accounts();
      FillProfile(account_id, *state, account);
      FillStanding(*state, now, *account.mutable_standing());
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AccountServiceImpl::ListAccounts(grpc::CallbackServerContext* call,
                                                           const ledger::v1::ListAccountsRequest* request,
                                                           ledger::v1::ListAccountsResponse* response) {
  const auto deadline = DeadlineOf(*call);
  return RunQuery(context_, call, [this, request, response, deadline]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const int page_size, CheckPageSize(request->page_size()));
    KL_ASSIGN_OR_RETURN(const projections::DirectoryFilter filter, ToFilter(request->filter()));
    KL_ASSIGN_OR_RETURN(const std::string continuation, Continuation(*request));
    KL_ASSIGN_OR_RETURN(const shard::TableReaders readers,
                        context_.ledger.Readers("accounts", request->min_cursor(), deadline));
    KL_ASSIGN_OR_RETURN(const projections::DirectoryPage page,
                        projections::ListDirectory(Pointers(readers), filter, page_size, continuation));
    for (const projections::DirectoryAccount& account : page.accounts)
      FillDirectoryAccount(account, *response->add_accounts());
    response->set_next_page_token(NextPageToken(*request, page.continuation));
    return absl::OkStatus();
  });
}

}  // namespace keyledger::service
