// A random but consistent log: accounts that buy, return, earn, spend and change tier, with one event in five arriving
// late.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "tests/support/record_log.h"

namespace keyledger::testing {

class RandomLog {
 public:
  RandomLog(uint32_t seed, int accounts) : random_(seed), accounts_(static_cast<size_t>(accounts)) {
    for (size_t i = 0; i < accounts_.size(); ++i) accounts_[i].id = fmt::format("account-{:03}", i);
  }

  // Adds records until there are at least `records`.
  const RecordLog& Grow(size_t records) {
    while (log_.records().size() < records) Step();
    return log_;
  }
  const RecordLog& log() const { return log_; }
  const std::vector<std::string> ids() const {
    std::vector<std::string> ids;
    for (const Account& account : accounts_) ids.push_back(account.id);
    return ids;
  }
  // Business time of the youngest event.
  Micros clock() const { return clock_; }

 private:
  struct LotLeft {
    uint64_t revision = 0;
    int64_t points = 0;
  };
  struct Account {
    std::string id;
    bool open = false;
    std::string tier;
    std::vector<LotLeft> lots;
  };

  int64_t Draw(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random_); }

  // What is taken from the account's youngest lot, or nothing.
  std::vector<TakenFromLot> Take(Account& account) {
    if (account.lots.empty()) return {};
    LotLeft& lot = account.lots.back();
    const int64_t points = Draw(1, lot.points);
    const TakenFromLot taken{lot.revision, points, false};
    lot.points -= points;
    if (lot.points == 0) account.lots.pop_back();
    return {taken};
  }

  void Step() {
    Account& account = accounts_[static_cast<size_t>(Draw(0, static_cast<int64_t>(accounts_.size()) - 1))];
    clock_ += Draw(0, 6) * 3600 * kMicrosPerSecond;
    const Micros occurred = Draw(0, 4) == 0 ? clock_ - Draw(0, 200) * kMicrosPerDay : clock_;
    if (!account.open) {
      account.open = true;
      log_.Open(account.id, occurred);
      return;
    }
    switch (Draw(0, 9)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const uint64_t purchase = log_.Purchase(account.id, occurred, Draw(0, 500) * 1'000'000);
        const int64_t points = Draw(1, 500);
        const Micros activate = Draw(0, 1) == 0 ? 0 : occurred + 14 * kMicrosPerDay;
        account.lots.push_back(
            {log_.Accrue(account.id, occurred, points, activate, occurred + 700 * kMicrosPerDay, purchase), points});
        break;
      }
      case 4: {
        log_.Return(account.id, occurred, Draw(1, 100) * 1'000'000);
        log_.Reverse(account.id, occurred, Take(account));
        break;
      }
      case 5:
      case 6: {
        const std::vector<TakenFromLot> taken = Take(account);
        if (!taken.empty()) log_.Redeem(account.id, occurred, taken);
        break;
      }
      case 7: {
        const std::string tier = fmt::format("tier-{}", Draw(1, 3));
        log_.AssignTier(account.id, occurred, tier, account.tier, events::v1::TIER_ASSIGNMENT_REASON_UPGRADE);
        log_.ChangeStage(account.id, occurred, "at-" + tier, account.tier);
        account.tier = tier;
        break;
      }
      case 8: {
        auto* updated = log_.Add(account.id, occurred).mutable_event()->mutable_account_facts_updated();
        updated->set_owner(fmt::format("owner-{}", Draw(1, 5)));
        auto* fact = updated->add_set_facts();
        fact->set_key(fmt::format("fact_{}", Draw(1, 4)));
        fact->set_value(fmt::format("{}", Draw(1, 9)));
        break;
      }
      default:
        Meet(account.id, occurred);
        break;
    }
  }

  // A visit that says something of a person, a contact recorded or removed; one in twelve asks to be forgotten.
  void Meet(const std::string& account, Micros occurred) {
    const std::string subject = fmt::format("person-{}", Draw(1, 40));
    const int64_t what = Draw(0, 11);
    if (what == 0) {
      log_.Add("$privacy", occurred).mutable_event()->mutable_subject_erased()->set_subject_id(subject);
      return;
    }
    events::v1::Event& event = *log_.Add(account, occurred).mutable_event();
    const std::string contact = fmt::format("contact-{}", Draw(1, 3));
    if (what == 1) {
      event.mutable_contact_removed()->set_contact_id(contact);
      return;
    }
    if (what < 6) {
      event.mutable_custom_event()->set_type("visit");
      if (what == 2) Tell(*event.mutable_custom_event()->add_personal(), subject);
      return;
    }
    event.mutable_contact_recorded()->set_contact_id(contact);
    Tell(*event.mutable_contact_recorded()->mutable_person(), subject);
    if (what < 8) return;
    event.mutable_contact_recorded()->add_related()->set_relation("child");
    Tell(*event.mutable_contact_recorded()->mutable_related(0)->mutable_person(), subject + "-child");
  }

  void Tell(events::v1::PersonalData& data, const std::string& subject) {
    data.set_subject_id(subject);
    data.mutable_sealed()->set_nonce(fmt::format("{:012}", log_.records().size()));
    data.mutable_sealed()->set_ciphertext(fmt::format("sealed {}", Draw(0, 1'000'000)));
  }

  std::mt19937 random_;
  std::vector<Account> accounts_;
  RecordLog log_;
  Micros clock_ = Utc(2025, 1, 1);
};

}  // namespace keyledger::testing
