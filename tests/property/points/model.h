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
  std::vector<Tier> tiers;
};

struct Line {
  std::string category{};
  int64_t units = 1;
  int64_t micros = 0;
  // On returns of a known purchase: 1-based line.
  int number = 0;
};

struct Op {
  enum Kind { kOpen, kClose, kReopen, kPurchase, kReturn, kRedeem, kAdjust } kind = kOpen;
  int64_t at = 0;
  bool dollars = true;
  // kPurchase: its name. kReturn: the purchase named, or one that never was.
  std::string invoice;
  std::vector<Line> lines;
  int64_t points = 0;
  int64_t expire = kForever;
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

  int64_t available() const;
  int64_t pending() const;
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
  };

  std::string ApplyOne(const Op& op);
  std::string Buy(const Op& op);
  std::string GiveBack(const Op& op);
  void Reverse(int64_t due, int64_t at, uint64_t return_revision, const std::vector<std::pair<size_t, int64_t>>& takes);
  void Spend(int64_t points, const std::string& what, int64_t at);
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
  std::string tier_;
  bool exists_ = false;
  bool closed_ = false;
  int64_t clock_ = std::numeric_limits<int64_t>::min();
  uint64_t next_ = 0;
  std::vector<std::string> out_;
};

// What Rule gives for these lines: points per 1-based line, all of them together being the sum.
std::map<int, int64_t> Earn(const Rule& rule, const std::vector<Line>& lines, int64_t multiplier);

}  // namespace keyledger::model
