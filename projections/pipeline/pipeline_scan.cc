#include "projections/pipeline/pipeline_scan.h"

#include <algorithm>
#include <set>
#include <utility>

#include "projections/engagement/duties.h"
#include "projections/engagement/engagement_rows.h"
#include "server/base/error.h"

namespace keyledger::projections::pipeline {
namespace {

using engagement::EngagementHistory;
using engagement::EngagementScan;

constexpr uint64_t kAccountsBetweenChecks = 256;

// The rows of items of one shard, account by account.
class ShardItems {
 public:
  ShardItems(const store::TableReader& rows, const PipelineScope& scope, const ItemAsk& ask)
      : scan_(ask.account_id.empty() ? rows.NewScan() : rows.NewIterator()), scope_(scope) {
    for (const domain::ItemKind kind : ask.kinds) wanted_.insert(engagement::RowsOf(kind));
    // What was paid says which steps of a quote were possible.
    const bool quotes = wanted_.contains(engagement::RowsOf(domain::ItemKind::kQuote));
    if (quotes || ask.payments) wanted_.insert(engagement::kPaymentRows);
    std::string first(1, engagement::kItemSpace);
    if (!ask.account_id.empty()) first.append(ask.account_id).push_back('\0');
    prefix_ = first;
    scan_->Seek(first);
  }

  // Goes to the next account with wanted rows and reads them; false at the end.
  absl::StatusOr<bool> Next() {
    while (scan_->Valid() && scan_->key().starts_with(prefix_)) {
      KL_RETURN_IF_ERROR(CheckWanted());
      engagement::ItemRow row;
      if (!engagement::TakeItemKey(scan_->key(), row)) return engagement::UnreadableRow("");
      account_id_.assign(row.account_id);
      facts_.clear();
      payments_.clear();
      KL_RETURN_IF_ERROR(TakeAccount());
      if (!facts_.empty() || !payments_.empty()) return true;
    }
    KL_RETURN_IF_ERROR(scan_->status());
    return false;
  }

  const std::string& account_id() const { return account_id_; }
  std::vector<ItemFact> TakeFacts() { return std::move(facts_); }
  std::vector<ItemFact> TakePayments() {
    std::erase_if(payments_, [&](const ItemFact& fact) { return fact.occurred >= scope_.as_of; });
    std::sort(payments_.begin(), payments_.end(),
              [](const ItemFact& a, const ItemFact& b) { return a.position < b.position; });
    return std::move(payments_);
  }

 private:
  // Of every account that is looked at, also where no row of it is wanted.
  absl::Status CheckWanted() {
    if (++accounts_ % kAccountsBetweenChecks != 0 || !scope_.canceled || !scope_.canceled()) return absl::OkStatus();
    return absl::CancelledError("nobody waits for the answer any more");
  }

  absl::Status TakeAccount() {
    std::string head(1, engagement::kItemSpace);
    head.append(account_id_).push_back('\0');
    while (scan_->Valid() && scan_->key().starts_with(head)) {
      engagement::ItemRow row;
      if (!engagement::TakeItemKey(scan_->key(), row)) return engagement::UnreadableRow(account_id_);
      if (!wanted_.contains(row.kind)) {
        const auto next = wanted_.upper_bound(row.kind);
        // The byte after the account's last: no row of it is left.
        std::string target = head;
        if (next == wanted_.end()) {
          target.back() = '\1';
        } else {
          target.push_back(static_cast<char>(*next));
        }
        scan_->Seek(target);
        continue;
      }
      ItemFact fact;
      if (!engagement::TakeRow(scan_->value(), row.times, fact.event)) return engagement::UnreadableRow(account_id_);
      fact.position = row.times.position;
      fact.revision = row.times.revision;
      fact.occurred = row.times.occurred;
      if (row.times.recorded < scope_.known_at) Keep(row.kind, std::move(fact));
      scan_->Next();
    }
    return scan_->status();
  }

  void Keep(uint8_t kind, ItemFact fact) {
    if (kind == engagement::kPaymentRows) payments_.push_back(fact);
    facts_.push_back(std::move(fact));
  }

  const std::unique_ptr<store::RowIterator> scan_;
  const PipelineScope& scope_;
  std::set<uint8_t> wanted_;
  std::string prefix_;
  std::string account_id_;
  uint64_t accounts_ = 0;
  std::vector<ItemFact> facts_;
  std::vector<ItemFact> payments_;
};

// Who is responsible for the account, or for the one that it was merged into.
absl::StatusOr<std::string> OwnerNow(const EngagementHistory& history, Micros as_of, EngagementScan& targets) {
  std::string owner(history.OwnerAt(as_of));
  if (const std::string_view into = targets.MergedInto(history.account_id); !into.empty()) {
    KL_RETURN_IF_ERROR(targets.LoadAlone(into, [&](const EngagementHistory& target) {
      owner = target.OwnerAt(as_of);
      return absl::OkStatus();
    }));
  }
  return owner;
}

}  // namespace

const domain::CompiledProgram* ItemAccount::ProgramAt(Micros time) const {
  return scope_.programs->Select(time, history_.RegionAt(time));
}

const programs::v1::Deadlines* ItemAccount::DeadlinesAt(Micros time) const {
  const domain::CompiledProgram* program = ProgramAt(time);
  return program == nullptr || !program->program().has_deadlines() ? nullptr : &program->program().deadlines();
}

Zone ItemAccount::ZoneNow() const { return engagement::ZoneOf(history_, {*scope_.programs, scope_.as_of}); }

std::string ItemAccount::PersonOr(const std::string& person) const { return person.empty() ? owner_ : person; }

absl::Status WalkItems(const Shards& shards, const PipelineScope& scope, const ItemAsk& ask, const ItemVisitor& visit) {
  KL_ASSIGN_OR_RETURN(EngagementScan attributes, EngagementScan::Open(shards, scope, engagement::EngagementParts()));
  // The filter is of the accounts visited, not of those that they were merged into.
  engagement::EngagementScope all = scope;
  all.filter = {};
  KL_ASSIGN_OR_RETURN(EngagementScan targets, EngagementScan::Open(shards, all, engagement::EngagementParts()));
  for (const store::TableReader* shard : shards) {
    ShardItems rows(*shard, scope, ask);
    while (true) {
      KL_ASSIGN_OR_RETURN(const bool any, rows.Next());
      if (!any) break;
      KL_RETURN_IF_ERROR(attributes.LoadAlone(rows.account_id(), [&](const EngagementHistory& history) -> absl::Status {
        KL_ASSIGN_OR_RETURN(std::string owner, OwnerNow(history, scope.as_of, targets));
        ItemAccount account(history, scope, std::move(owner));
        KL_ASSIGN_OR_RETURN(account.items, FoldItems(rows.account_id(), rows.TakeFacts(), scope.as_of));
        if (ask.payments) account.payments = rows.TakePayments();
        return visit(account);
      }));
    }
  }
  return absl::OkStatus();
}

}  // namespace keyledger::projections::pipeline
