// Private to this room: the forest that referrals make of accounts known by their places, each with one referrer at
// most, and what lies below each of them. Nothing here is recursive.
#pragma once

#include <cstdint>
#include <vector>

namespace keyledger::projections::portfolio {

// Threads: confined to one thread. Memory: 52 bytes an account.
class ReferralForest {
 public:
  // No referrer; no account.
  static constexpr uint32_t kNone = 0xFFFF'FFFF;

  struct Account {
    int64_t revenue_micros = 0;
    // Filled by Build: of all accounts below it.
    int64_t downstream_revenue_micros = 0;
    uint32_t downstream_accounts = 0;
    uint32_t downstream_converted = 0;
    uint32_t referrer = kNone;
    bool converted = false;
    // Filled by Build: part of a circle of referrals.
    bool circular = false;
  };

  // Accounts by place; referrers are to be set before Build.
  std::vector<Account>& accounts() { return accounts_; }
  const Account& at(uint32_t place) const { return accounts_[place]; }

  // Cuts the referral of `root` (kNone: nobody), so that it is one, finds the circles and adds up what lies below each
  // account that is in none. Returns false if a sum does not fit.
  bool Build(uint32_t root);

  // Accounts that have others below them and no referrer, in the order of the listing. Requires: built.
  std::vector<uint32_t> Roots() const;
  // Those that it referred, in the order of the listing. Requires: built.
  const uint32_t* ChildrenBegin(uint32_t place) const { return children_.data() + first_child_[place]; }
  const uint32_t* ChildrenEnd(uint32_t place) const { return children_.data() + first_child_[place + 1]; }

 private:
  void LinkChildren();
  // Places such that each comes after its referrer; those in or below a circle are left out, and those in one marked.
  std::vector<uint32_t> FindOrder();
  // The larger revenue, own and downstream, first; ties by place.
  bool Before(uint32_t a, uint32_t b) const;

  std::vector<Account> accounts_;
  // Children of account i: children_[first_child_[i]] to children_[first_child_[i + 1]], exclusive.
  std::vector<uint32_t> first_child_;
  std::vector<uint32_t> children_;
};

}  // namespace keyledger::projections::portfolio
