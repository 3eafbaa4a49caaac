// An independent model of one account's points and tier, to predict what the ledger decides. It shares no code with
// server/domain: plain lists that are walked from end to end, spend kept as single amounts, a calendar of its own (UTC
// only). Slow and obvious is the point.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace keyledger::model {

inline constexpr int64_t kForever = std::numeric_limits<int64_t>::max();
inline constexpr int64_t kSecond = 1'000'000;
inline constexpr int64_t kDay = 86'400 * kSecond;

// Moment at 00:00 UTC of a day.
int64_t Date(int year, int month, int day);

enum class Round { kDown, kUp, kHalfEven };

struct Rule {
  std::string id;
  // Empty: every line.
  std::string category{};
  bool per_money = true;
  int64_t points = 1;
  int64_t per = 1;
  Round round = Round::kDown;
  int pending_days = 0;
  int expire_months = 0;
  int expire_days = 0;
  // 0, 1, 3 or 12 months.
  int round_up_months = 0;
  bool multiplied = true;
  int inactivity_days = 0;
  // End of the period of so many months. 0: not so.
  int end_of_months = 0;
  // 0: none.
  int64_t max_event = 0;
  int64_t max_period = 0;
  int max_months = 0;
  int64_t from = std::numeric_limits<int64_t>::min();
  int64_t to = kForever;
  // 1 is Monday; 0: any.
  int weekday = 0;
};

// What may be redeemed. 0: no limit.
struct Redeeming {
  int weekday = 0;
  int64_t min = 0;
  int64_t max = 0;
  int64_t times = 0;
  int times_months = 0;
  int64_t points = 0;
  int points_months = 0;
};

// What may be sent to others. 0: no limit.
struct Sending {
  int64_t max = 0;
  int64_t points = 0;
  int points_months = 0;
};

struct Tier {
  std::string id;
  int64_t entrance = 0;
  int64_t keep = 0;
  int64_t multiplier = 1000;
};

// A version of the one program there is; it governs from `from` until the next one does.
struct Version {
  int64_t from = 0;
  std::vector<Rule> rules;
  // 0: calendar window.
  int rolling_days = 0;
  int window_months = 0;
  int review_months = 12;
  bool only_pending = false;
  bool negative = false;
  int64_t max_debt = kForever;
  Redeeming redeeming{};
  Sending sending{};
  std::vector<Tier> tiers;
};

struct Line {
  std::string category{};
  int64_t units = 1;
  int64_t micros = 0;
  // On returns of a known purchase: 1-based line.
  int number = 0;
  // On purchases: points that paid for it beside the money.
  int64_t paid = 0;
};

struct Op {
  enum Kind {
    kOpen,
    kClose,
    kReopen,
    kPurchase,
    kReturn,
    kRedeem,
    kAdjust,
    kReserve,
    kCapture,
    kRelease,
    kSend
  } kind = kOpen;
  int64_t at = 0;
  bool dollars = true;
  // kPurchase: its name. kReturn: the purchase named, or one that never was.
  std::string invoice;
  std::vector<Line> lines;
  int64_t points = 0;
  int64_t expire = kForever;
  // kReserve: points are held until then. The reservation's name is `invoice`, and so is that of a transfer.
  int64_t until = 0;
};

// Points that come from another account.
struct Arrival {
  int64_t points = 0;
  int64_t earned = 0;
  int64_t expire = kForever;
  int inactivity_days = 0;
};

class Account {
 public:
  explicit Account(std::vector<Version> versions) : versions_(std::move(versions)) {}

  // Applies a request, all or nothing. Returns one line of text per record, or the name of the reason for refusing.
  struct Result {
    std::string refusal;
    std::vector<std::string> records;
  };
  Result Apply(const std::vector<Op>& ops);
  std::vector<std::string> AdvanceTo(int64_t until);
  // The other steps of transfers: points sent elsewhere at `at` come in; one that this account sent ends.
  Result Receive(const std::string& name, int64_t at, const std::vector<Arrival>& arrivals);
  std::vector<std::string> EndTransfer(const std::string& name, bool arrived);

  int64_t available() const;
  int64_t pending() const;
  int64_t reserved() const { return HeldBy(holds_); }
  int64_t in_transit() const { return HeldBy(sent_); }
  int64_t came() const { return came_; }
  int64_t went() const { return went_; }
  int64_t debt() const { return debt_; }
  int64_t clock() const { return clock_; }
  const std::string& tier() const { return tier_; }

 private:
  struct Lot {
    uint64_t revision;
    int64_t left;
    bool pending;
    int64_t activate;
    int64_t expire;
    int64_t occurred;
    int inactivity_days = 0;
    int64_t restored = std::numeric_limits<int64_t>::min();
  };
  // Lot and points, in the order in which they were taken.
  using Taken = std::vector<std::pair<uint64_t, int64_t>>;
  // Something that a maximum per period counts.
  struct Counted {
    std::string name;
    int months;
    int64_t at;
    int64_t points;
    // The reservation, or empty.
    std::string held{};
  };
  struct Hold {
    int64_t at;
    int64_t until;
    Taken taken;
  };
  struct Award {
    uint64_t lot;
    int64_t expire;
    std::map<int, int64_t> by_line;
  };
  struct Purchase {
    uint64_t revision;
    int64_t at;
    bool dollars;
    std::vector<Line> lines;
    std::vector<Line> returned;
    std::vector<Award> awards;
    // By line.
    std::vector<Taken> paid{};
  };

  using Holds = std::map<std::string, Hold>;
  static int64_t HeldBy(const Holds& holds);
  // A lot that a request leaves empty is gone; what comes back to it later makes it anew.
  void ForgetEmptyLots();
  std::string Send(const Op& op);

  std::string ApplyOne(const Op& op);
  std::string Buy(const Op& op);
  std::string GiveBack(const Op& op);
  void Reverse(int64_t due, int64_t owed, int64_t at, uint64_t return_revision,
               const std::vector<std::pair<size_t, int64_t>>& takes);
  void Spend(int64_t points, const std::string& what, int64_t at);
  // Takes points from lots, earliest expiry first.
  Taken Take(int64_t points);
  void PutBack(const Taken& taken, int64_t at);
  int64_t Expiry(const Lot& lot) const;
  // Why so many points cannot be redeemed; empty: they can, and are counted.
  std::string Redeem(int64_t at, int64_t points, const std::string& held = "");
  std::pair<int64_t, int64_t> CountIn(const std::string& name, int months, int64_t at) const;
  std::string Reserve(const Op& op);
  std::string End(const Op& op);
  // Ends a hold of which so many points are spent; returns what was spent and what went back.
  std::pair<Taken, Taken> EndHold(Holds& holds, const std::string& name, int64_t spent, int64_t at);
  void AdvanceAll(int64_t until);
  void PayDebt();
  void Rise();
  void Review(int64_t boundary);
  void Due(int64_t until, uint64_t first, bool reviews);
  int64_t Metric(const Version& version, int64_t end, int64_t moment) const;
  const Version* VersionAt(int64_t at) const;
  int TierIndex(const Version& version) const;
  void Assign(const Version& version, int index, int64_t at, const std::string& reason, int64_t metric);
  void Record(const std::string& text, int64_t at);

  std::vector<Version> versions_;
  std::vector<Lot> lots_;
  std::map<std::string, Purchase> purchases_;
  struct Amount {
    int64_t at;
    int64_t micros;
  };
  std::vector<Amount> dollars_;
  std::vector<Counted> counted_;
  Holds holds_;
  // In transit to others, by name; and what came from and went to others so far.
  Holds sent_;
  int64_t came_ = 0;
  int64_t went_ = 0;
  int64_t debt_ = 0;
  int64_t last_activity_ = std::numeric_limits<int64_t>::min();
  std::string tier_;
  bool exists_ = false;
  int64_t opened_ = 0;
  bool closed_ = false;
  int64_t clock_ = std::numeric_limits<int64_t>::min();
  uint64_t next_ = 0;
  std::vector<std::string> out_;
};

// What Rule gives for these lines, `most` at most: points per 1-based line, all of them together being the sum.
std::map<int, int64_t> Earn(const Rule& rule, const std::vector<Line>& lines, int64_t multiplier, int64_t most);

}  // namespace keyledger::model
