#include "projections/portfolio/referral_forest.h"

#include <algorithm>

#include "projections/portfolio/portfolio_measure.h"

namespace keyledger::projections::portfolio {

void ReferralForest::LinkChildren() {
  first_child_.assign(accounts_.size() + 1, 0);
  uint32_t linked = 0;
  for (const Account& account : accounts_) {
    if (account.referrer == kNone) continue;
    first_child_[account.referrer + 1] += 1;
    linked += 1;
  }
  for (size_t i = 1; i < first_child_.size(); ++i) first_child_[i] += first_child_[i - 1];
  children_.resize(linked);
  std::vector<uint32_t> next(first_child_.begin(), first_child_.end() - 1);
  for (uint32_t place = 0; place < accounts_.size(); ++place) {
    if (const uint32_t referrer = accounts_[place].referrer; referrer != kNone) children_[next[referrer]++] = place;
  }
}

std::vector<uint32_t> ReferralForest::FindOrder() {
  std::vector<uint32_t> order;
  std::vector<bool> reached(accounts_.size());
  for (uint32_t place = 0; place < accounts_.size(); ++place) {
    if (accounts_[place].referrer != kNone) continue;
    reached[place] = true;
    order.push_back(place);
  }
  for (size_t i = 0; i < order.size(); ++i) {
    for (const uint32_t* child = ChildrenBegin(order[i]); child != ChildrenEnd(order[i]); ++child) {
      reached[*child] = true;
      order.push_back(*child);
    }
  }
  // Whoever was not reached comes to a circle when it follows the referrers. The one who set a mark is remembered with
  // it: a way that meets its own mark has just gone round.
  std::vector<uint32_t> marks(accounts_.size(), kNone);
  for (uint32_t place = 0; place < accounts_.size(); ++place) {
    uint32_t at = place;
    for (; !reached[at] && marks[at] == kNone; at = accounts_[at].referrer) marks[at] = place;
    if (reached[at] || marks[at] != place) continue;
    for (; !accounts_[at].circular; at = accounts_[at].referrer) accounts_[at].circular = true;
  }
  return order;
}

bool ReferralForest::Before(uint32_t a, uint32_t b) const {
  const auto key = [this](uint32_t place) {
    return static_cast<Int128>(accounts_[place].revenue_micros) + accounts_[place].downstream_revenue_micros;
  };
  return key(a) != key(b) ? key(a) > key(b) : a < b;
}

bool ReferralForest::Build(uint32_t root) {
  if (root != kNone) accounts_[root].referrer = kNone;
  LinkChildren();
  const std::vector<uint32_t> order = FindOrder();
  for (auto place = order.rbegin(); place != order.rend(); ++place) {
    const Account& account = accounts_[*place];
    if (account.referrer == kNone) continue;
    Account& above = accounts_[account.referrer];
    above.downstream_accounts += account.downstream_accounts + 1;
    above.downstream_converted += account.downstream_converted + (account.converted ? 1 : 0);
    if (!AddMoney(above.downstream_revenue_micros, account.downstream_revenue_micros) ||
        !AddMoney(above.downstream_revenue_micros, account.revenue_micros)) {
      return false;
    }
  }
  for (size_t place = 0; place < accounts_.size(); ++place) {
    std::sort(children_.begin() + first_child_[place], children_.begin() + first_child_[place + 1],
              [this](uint32_t a, uint32_t b) { return Before(a, b); });
  }
  return true;
}

std::vector<uint32_t> ReferralForest::Roots() const {
  std::vector<uint32_t> roots;
  for (uint32_t place = 0; place < accounts_.size(); ++place) {
    if (accounts_[place].referrer == kNone && ChildrenBegin(place) != ChildrenEnd(place)) roots.push_back(place);
  }
  std::sort(roots.begin(), roots.end(), [this](uint32_t a, uint32_t b) { return Before(a, b); });
  return roots;
}

}  // namespace keyledger::projections::portfolio
