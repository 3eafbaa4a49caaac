#include "projections/pipeline/item_history.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "server/base/error.h"

namespace keyledger::projections::pipeline {
namespace {

// The items of one account while they are folded.
class Folder {
 public:
  Folder(std::string_view account_id, Micros as_of) : account_id_(account_id), as_of_(as_of) {}

  absl::Status Add(ItemFact fact) {
    if (const std::string_view quote_id = domain::QuotePaidBy(fact.event); !quote_id.empty()) {
      const auto quote = open_.find({domain::ItemKind::kQuote, std::string(quote_id)});
      if (quote != open_.end()) quote->second.item.marks |= domain::item_mark::kPaid;
      return absl::OkStatus();
    }
    const std::optional<domain::ItemStep> step = domain::ItemStepOf(fact.event);
    if (!step.has_value()) return absl::OkStatus();
    const Key key(step->kind, std::string(step->item_id));
    // An item that had an end leaves the account's state some time after it without a fact: its id is free then.
    if (domain::Opens(*step)) open_.erase(key);
    const auto [open, is_new] = open_.try_emplace(key);
    Open& now = open->second;
    if (is_new) {
      now.place = lives_.size();
      now.since = fact.occurred;
      ItemLife& life = lives_.emplace_back();
      life.kind = key.first;
      life.item_id = key.second;
    }
    if (!domain::TakeStep(fact.event, fact.occurred, now.item)) return Damaged(*step);
    now.since = std::max(now.since, fact.occurred);
    if (now.since < as_of_) Keep(now, *step, std::move(fact));
    if (now.item.state == 0) open_.erase(open);
    return absl::OkStatus();
  }

  std::vector<ItemLife> Finish() && {
    std::erase_if(lives_, [](const ItemLife& life) { return life.moves.empty(); });
    for (ItemLife& life : lives_) {
      if (life.is_open() && domain::IsPastItsEnd(life.held, as_of_)) {
        life.end = life.held.end + domain::kItemAfterEndMicros;
      }
    }
    return std::move(lives_);
  }

 private:
  using Key = std::pair<domain::ItemKind, std::string>;

  struct Open {
    size_t place = 0;
    // From when its latest fact holds.
    Micros since = 0;
    domain::OpenItem item;
  };

  void Keep(const Open& now, const domain::ItemStep& step, ItemFact fact) {
    ItemLife& life = lives_[now.place];
    if (now.item.state == 0) {
      life.end = now.since;
    } else {
      life.held = now.item;
    }
    life.moves.push_back({now.since, fact.revision, step.step, now.item.state, std::move(fact.event)});
  }

  absl::Status Damaged(const domain::ItemStep& step) const {
    return MakeError(
        Reason::kStoreDamaged,
        fmt::format("the rows of account {} hold a step '{}' of the {} '{}' that is not possible", account_id_,
                    domain::StepName(step.kind, step.step), domain::KindName(step.kind), step.item_id));
  }

  const std::string_view account_id_;
  const Micros as_of_;
  // In the order in which they were opened; without a move: not in scope.
  std::vector<ItemLife> lives_;
  std::map<Key, Open> open_;
};

}  // namespace

absl::StatusOr<std::vector<ItemLife>> FoldItems(std::string_view account_id, std::vector<ItemFact> facts,
                                                Micros as_of) {
  std::sort(facts.begin(), facts.end(), [](const ItemFact& a, const ItemFact& b) { return a.position < b.position; });
  Folder folder(account_id, as_of);
  for (ItemFact& fact : facts) KL_RETURN_IF_ERROR(folder.Add(std::move(fact)));
  return std::move(folder).Finish();
}

}  // namespace keyledger::projections::pipeline
