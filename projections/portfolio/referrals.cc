#include "projections/portfolio/referrals.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "projections/engine/group_values.h"
#include "projections/portfolio/referral_forest.h"
#include "server/base/error.h"

namespace keyledger::projections::portfolio {
namespace {

constexpr uint32_t kNone = ReferralForest::kNone;

// 128 bits that stand for an id: FNV-1a.
struct Fingerprint {
  uint64_t high = 0;
  uint64_t low = 0;
  auto operator<=>(const Fingerprint&) const = default;
};

Fingerprint FingerprintOf(std::string_view id) {
  __extension__ typedef unsigned __int128 Wide;
  constexpr Wide kPrime = (Wide{1} << 88) + 0x13B;
  Wide hash = (Wide{0x6c62272e07bb0142} << 64) + 0x62b821756295c58d;
  for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
  return {static_cast<uint64_t>(hash >> 64), static_cast<uint64_t>(hash)};
}

struct Known {
  Fingerprint id;
  uint32_t place = 0;
};

// One who is to be listed.
struct Listed {
  uint32_t place = 0;
  int32_t depth = 0;
  // Index in the answer of the one that referred it; of a root: none.
  size_t above = 0;
};

struct SourceSums {
  int64_t accounts = 0;
  int64_t converted = 0;
  int64_t revenue_micros = 0;
};

class TreeMaker {
 public:
  TreeMaker(const Shards& shards, const RetentionScope& scope, const ReferralQuery& query)
      : shards_(shards), scope_(scope), query_(query), sources_(kLeadSourcesMax) {}

  absl::StatusOr<ReferralTree> Run() {
    KL_ASSIGN_OR_RETURN(const WalkEnd walked,
                        Walk(shards_, scope_, HistoryParts::kAll,
                             [this](uint32_t place, const AccountHistory& history) { return Add(place, history); }));
    if (!query_.account_id.empty() && root_ == kNone) {
      return MakeError(Reason::kAccountNotFound, fmt::format("account {} is not in scope", query_.account_id));
    }
    out_.currency_code = walked.currency_code;
    for (const auto& [name, sums] : sources_.values()) {
      out_.sources.push_back({name, sums.accounts, sums.converted, sums.revenue_micros});
    }
    SetReferrers();
    if (!forest_.Build(root_)) return SumOutOfRange();
    KL_RETURN_IF_ERROR(FillNodes(ChooseNodes()));
    return std::move(out_);
  }

 private:
  absl::Status Add(uint32_t place, const AccountHistory& history) {
    if (history.account_id == query_.account_id) root_ = place;
    ReferralForest::Account& account = forest_.accounts().emplace_back();
    for (const HistoryTrade& trade : history.trades) {
      account.converted = account.converted || !trade.is_return;
      if (!AddMoney(account.revenue_micros, RevenueOf(trade, scope_.basis))) return SumOutOfRange();
    }
    accounts_.push_back({FingerprintOf(history.account_id), place});
    std::string_view source;
    if (!history.referrals.empty()) {
      const HistoryReferral& referral = history.referrals.back();
      source = referral.lead_source;
      if (!referral.referrer_account_id.empty()) {
        referred_.push_back({FingerprintOf(referral.referrer_account_id), place});
      }
    }
    SourceSums* sums = sources_.Find(source);
    if (sums == nullptr) return absl::OkStatus();
    sums->accounts += 1;
    sums->converted += account.converted ? 1 : 0;
    return AddMoney(sums->revenue_micros, account.revenue_micros) ? absl::OkStatus() : SumOutOfRange();
  }

  void SetReferrers() {
    const auto before = [](const Known& a, const Known& b) { return a.id < b.id; };
    std::sort(accounts_.begin(), accounts_.end(), before);
    for (const Known& referral : referred_) {
      const auto found = std::lower_bound(accounts_.begin(), accounts_.end(), referral, before);
      if (found == accounts_.end() || found->id != referral.id) continue;
      forest_.accounts()[referral.place].referrer = found->place;
    }
    accounts_ = {};
    referred_ = {};
  }

  // In the order of the listing.
  std::vector<Listed> ChooseNodes() {
    // Those still to be listed, the next one last.
    std::vector<Listed> waiting;
    if (root_ != kNone) {
      waiting.push_back({root_, 0, 0});
    } else {
      for (const uint32_t root : forest_.Roots()) waiting.push_back({root, 0, 0});
      std::reverse(waiting.begin(), waiting.end());
    }
    std::vector<Listed> nodes;
    while (!waiting.empty() && nodes.size() < query_.nodes_max) {
      const Listed node = waiting.back();
      waiting.pop_back();
      const size_t index = nodes.size();
      nodes.push_back(node);
      const uint32_t* first = forest_.ChildrenBegin(node.place);
      const uint32_t* child = forest_.ChildrenEnd(node.place);
      if (node.depth == query_.depth_max) {
        out_.truncated = out_.truncated || child != first;
        continue;
      }
      while (child != first) waiting.push_back({*--child, node.depth + 1, index});
    }
    out_.truncated = out_.truncated || !waiting.empty();
    return nodes;
  }

  absl::Status FillNodes(const std::vector<Listed>& nodes) {
    std::vector<uint32_t> places;
    for (const Listed& node : nodes) {
      places.push_back(node.place);
      const ReferralForest::Account& account = forest_.at(node.place);
      ReferralNodeRow& row = out_.nodes.emplace_back();
      row.depth = node.depth;
      row.revenue_micros = account.revenue_micros;
      row.downstream_accounts = account.downstream_accounts;
      row.downstream_converted = account.downstream_converted;
      row.downstream_revenue_micros = account.downstream_revenue_micros;
    }
    for (uint32_t place = 0; place < forest_.accounts().size() && places.size() < nodes.size() + kCircularMax;
         ++place) {
      if (forest_.at(place).circular) places.push_back(place);
    }
    out_.circular_account_ids.resize(places.size() - nodes.size());
    KL_RETURN_IF_ERROR(
        VisitPlaces(shards_, scope_, HistoryParts::kAll, places, [&](size_t i, const AccountHistory& history) {
          if (i >= nodes.size()) {
            out_.circular_account_ids[i - nodes.size()] = history.account_id;
            return absl::OkStatus();
          }
          out_.nodes[i].account_id = history.account_id;
          if (!history.referrals.empty()) out_.nodes[i].lead_source = history.referrals.back().lead_source;
          return absl::OkStatus();
        }));
    for (size_t i = 0; i < nodes.size(); ++i) {
      if (nodes[i].depth > 0) out_.nodes[i].referrer_account_id = out_.nodes[nodes[i].above].account_id;
    }
    return absl::OkStatus();
  }

  const Shards& shards_;
  const RetentionScope& scope_;
  const ReferralQuery& query_;
  FirstNames<SourceSums> sources_;
  // All accounts, and those that were referred, with their referrers.
  std::vector<Known> accounts_;
  std::vector<Known> referred_;
  uint32_t root_ = kNone;
  ReferralForest forest_;
  ReferralTree out_;
};

}  // namespace

absl::StatusOr<ReferralTree> GetReferralTree(const Shards& shards, const RetentionScope& scope,
                                             const ReferralQuery& query) {
  return TreeMaker(shards, scope, query).Run();
}

}  // namespace keyledger::projections::portfolio
