#include "projections/tiers/stages_queries.h"

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <utility>

#include "projections/engine/row_key.h"
#include "projections/tiers/tiers_rows.h"
#include "server/base/error.h"

namespace keyledger::projections {
namespace {

// All stays of the account, in the order decided. Errors: NOT_FOUND, DATA_LOSS.
absl::StatusOr<std::vector<StageStay>> ReadStays(const store::TableReader& rows, std::string_view account_id) {
  KL_RETURN_IF_ERROR(CheckTierAccount(rows, account_id));
  std::string key;
  StartRowKey(key, account_id, kStageTag);
  std::vector<StageStay> stays;
  StageEnds ends;
  const std::unique_ptr<store::RowIterator> row = rows.NewIterator();
  for (row->Seek(key); row->Valid() && row->key().starts_with(key); row->Next()) {
    if (!ReadStage(row->key().substr(key.size()), row->value(), ends, stays.emplace_back())) {
      return DamagedTierRow(account_id);
    }
  }
  KL_RETURN_IF_ERROR(row->status());
  return stays;
}

}  // namespace

absl::StatusOr<std::vector<StageStay>> GetStages(const store::TableReader& rows, std::string_view account_id,
                                                 Micros as_of) {
  KL_ASSIGN_OR_RETURN(std::vector<StageStay> stays, ReadStays(rows, account_id));
  KL_ASSIGN_OR_RETURN(const Micros merged, FindTierMerge(rows, account_id));
  if (merged < as_of) return std::vector<StageStay>();
  std::map<std::string, StageStay> latest;
  for (StageStay& stay : stays) {
    if (stay.since < as_of) latest[stay.ladder_id] = std::move(stay);
  }
  std::vector<StageStay> stages;
  for (auto& [ladder_id, stay] : latest) stages.push_back(std::move(stay));
  return stages;
}

absl::StatusOr<StageHistoryPage> ListStageHistory(const store::TableReader& rows, std::string_view account_id,
                                                  std::string_view ladder_id, size_t page_size,
                                                  std::string_view continuation) {
  // Revision of the last one listed; the next page begins before it.
  uint64_t before = std::numeric_limits<uint64_t>::max();
  if (!continuation.empty() && (!GetBigEndian64(continuation, before) || !continuation.empty())) {
    return MakeError(Reason::kInvalidToken, "the page token is not one of this listing");
  }
  KL_ASSIGN_OR_RETURN(std::vector<StageStay> stays, ReadStays(rows, account_id));
  KL_ASSIGN_OR_RETURN(const Micros merged, FindTierMerge(rows, account_id));
  // Since when each lifecycle is in a later stage.
  std::map<std::string, Micros> next;
  StageHistoryPage page;
  for (auto stay = stays.rbegin(); stay != stays.rend(); ++stay) {
    if (const auto later = next.find(stay->ladder_id); later != next.end()) {
      stay->until = later->second;
    } else if (merged != domain::kNever) {
      stay->until = std::max(stay->since, merged);
    }
    next[stay->ladder_id] = stay->since;
    if (stay->revision >= before || (!ladder_id.empty() && stay->ladder_id != ladder_id)) continue;
    if (page.stays.size() == page_size) {
      PutBigEndian64(page.continuation, page.stays.back().revision);
      break;
    }
    page.stays.push_back(std::move(*stay));
  }
  return page;
}

}  // namespace keyledger::projections
