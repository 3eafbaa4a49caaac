// The independent model; see model.h.
#include "tests/property/points/model.h"

#include <algorithm>
#include <chrono>
#include <tuple>

namespace keyledger::model {
namespace {

__extension__ typedef __int128 Wide;

struct Civil {
  int year;
  int month;
  int day;
  // Microseconds since local (UTC) midnight.
  int64_t rest;
};

int64_t Floor(int64_t a, int64_t b) {
  int64_t q = a / b;
  while (q * b > a) --q;
  return q;
}

Civil Split(int64_t at) {
  const int64_t days = Floor(at, kDay);
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{days}}};
  return {static_cast<int>(date.year()), static_cast<int>(static_cast<unsigned>(date.month())),
          static_cast<int>(static_cast<unsigned>(date.day())), at - days * kDay};
}

int64_t PlusMonths(int64_t at, int months) {
  Civil civil = Split(at);
  civil.month += months;
  while (civil.month > 12) {
    civil.month -= 12;
    civil.year += 1;
  }
  while (civil.month < 1) {
    civil.month += 12;
    civil.year -= 1;
  }
  // The last day that exists, counting down.
  while (!std::chrono::year_month_day{std::chrono::year{civil.year},
                                      std::chrono::month{static_cast<unsigned>(civil.month)},
                                      std::chrono::day{static_cast<unsigned>(civil.day)}}
              .ok()) {
    civil.day -= 1;
  }
  return Date(civil.year, civil.month, civil.day) + civil.rest;
}

// Start of the period of so many months that holds `at`.
int64_t PeriodBegin(int64_t at, int months) {
  const Civil civil = Split(at);
  const int first = (civil.month - 1) / months * months + 1;
  return Date(civil.year, first, 1);
}

int64_t PeriodEnd(int64_t at, int months) { return PlusMonths(PeriodBegin(at, months), months); }

std::string Text(int64_t value) { return value == kForever ? "never" : std::to_string(value); }

}  // namespace

int64_t Date(int year, int month, int day) {
  const std::chrono::sys_days days{std::chrono::year{year} / std::chrono::month{static_cast<unsigned>(month)} /
                                   std::chrono::day{static_cast<unsigned>(day)}};
  return days.time_since_epoch().count() * kDay;
}

std::map<int, int64_t> Earn(const Rule& rule, const std::vector<Line>& lines, int64_t multiplier) {
  std::map<int, int64_t> base;
  Wide sum = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!rule.category.empty() && rule.category != lines[i].category) continue;
    base[static_cast<int>(i) + 1] = rule.per_money ? lines[i].micros : lines[i].units;
    sum += base[static_cast<int>(i) + 1];
  }
  std::map<int, int64_t> points;
  if (sum == 0) return points;
  const Wide above = sum * rule.points * (rule.multiplied ? multiplier : 1000);
  const Wide below = static_cast<Wide>(rule.per) * 1000;
  Wide total = above / below;
  const Wide twice = (above - total * below) * 2;
  if (rule.round == Round::kUp && twice > 0) total += 1;
  if (rule.round == Round::kHalfEven && (twice > below || (twice == below && total % 2 != 0))) total += 1;
  Wide given = 0;
  for (const auto& [number, value] : base) {
    points[number] = static_cast<int64_t>(total * value / sum);
    given += points[number];
  }
  std::map<int, bool> topped;
  for (; given < total; ++given) {
    int best = 0;
    Wide best_rest = -1;
    for (const auto& [number, value] : base) {
      const Wide rest = total * value % sum;
      if (!topped[number] && rest > best_rest) {
        best = number;
        best_rest = rest;
      }
    }
    points[best] += 1;
    topped[best] = true;
  }
  std::erase_if(points, [](const auto& entry) { return entry.second == 0; });
  return points;
}

Account::Result Account::Apply(const std::vector<Op>& ops) {
  const Account before = *this;
  out_.clear();
  for (const Op& op : ops) {
    const std::string refusal = ApplyOne(op);
    if (!refusal.empty()) {
      *this = before;
      return {refusal, {}};
    }
  }
  return {"", out_};
}

std::vector<std::string> Account::AdvanceTo(int64_t until) {
  out_.clear();
  if (exists_) Due(until, 0, true);
  return out_;
}

int64_t Account::available() const {
  int64_t sum = 0;
  for (const Lot& lot : lots_) sum += lot.pending ? 0 : lot.left;
  return sum;
}

int64_t Account::pending() const {
  int64_t sum = 0;
  for (const Lot& lot : lots_) sum += lot.pending ? lot.left : 0;
  return sum;
}

void Account::Record(const std::string& text, int64_t at) {
  out_.push_back(std::to_string(next_) + "@" + std::to_string(at) + " " + text);
  next_ += 1;
  clock_ = std::max(clock_, at);
}

const Version* Account::VersionAt(int64_t at) const {
  const Version* found = nullptr;
  for (const Version& version : versions_) {
    if (version.from <= at) found = &version;
  }
  return found;
}

int Account::TierIndex(const Version& version) const {
  for (size_t i = 0; i < version.tiers.size(); ++i) {
    if (version.tiers[i].id == tier_) return static_cast<int>(i);
  }
  return -1;
}

int64_t Account::Metric(const Version& version, int64_t end, int64_t moment) const {
  const int64_t begin = version.rolling_days > 0 ? Floor(moment, kDay) * kDay - (version.rolling_days - 1) * kDay
                                                 : PeriodBegin(moment, version.window_months);
  int64_t sum = 0;
  for (const Amount& amount : dollars_) {
    if (amount.at >= begin && amount.at < end) sum += amount.micros;
  }
  return sum;
}

void Account::Assign(const Version& version, int index, int64_t at, const std::string& reason, int64_t metric) {
  const std::string before = tier_;
  tier_ = version.tiers[index].id;
  // The lowest tier asks for nothing, so nothing was measured for it.
  if (index == 0 && reason == "initial") metric = 0;
  Record("tier " + before + ">" + tier_ + " " + reason + " metric " + std::to_string(metric), at);
}

void Account::Rise() {
  const Version* version = VersionAt(clock_);
  if (version == nullptr || version->tiers.empty()) return;
  const int64_t metric = Metric(*version, clock_ + 1, clock_);
  int earned = 0;
  for (size_t i = 0; i < version->tiers.size(); ++i) {
    if (metric >= version->tiers[i].entrance) earned = static_cast<int>(i);
  }
  const int held = TierIndex(*version);
  if (held >= 0 && earned <= held) return;
  const bool initial = tier_.empty() || (held < 0 && earned == 0);
  Assign(*version, earned, clock_, initial ? "initial" : "upgrade", metric);
}

void Account::Review(int64_t boundary) {
  const Version* version = VersionAt(boundary - 1);
  if (version == nullptr || version->tiers.empty()) return;
  if (PeriodBegin(boundary, version->review_months) != boundary) return;
  const int64_t metric = Metric(*version, boundary, boundary - 1);
  const int held = TierIndex(*version);
  if (held < 0) {
    int earned = 0;
    for (size_t i = 0; i < version->tiers.size(); ++i) {
      if (metric >= version->tiers[i].entrance) earned = static_cast<int>(i);
    }
    return Assign(*version, earned, boundary, tier_.empty() || earned == 0 ? "initial" : "upgrade", metric);
  }
  // What was returned may leave the window before what was bought.
  int earned = 0;
  for (size_t i = 0; i < version->tiers.size(); ++i) {
    if (metric >= version->tiers[i].entrance) earned = static_cast<int>(i);
  }
  if (earned > held) return Assign(*version, earned, boundary, "upgrade", metric);
  if (held == 0 || metric >= version->tiers[held].keep) return;
  int kept = 0;
  for (int i = 1; i < held; ++i) {
    if (metric >= version->tiers[i].keep) kept = i;
  }
  Assign(*version, kept, boundary, "review", metric);
}

void Account::Due(int64_t until, uint64_t first, bool reviews) {
  // Moment, order at that moment, lot.
  std::vector<std::tuple<int64_t, int, uint64_t>> todo;
  for (const Lot& lot : lots_) {
    if (lot.revision < first || lot.left == 0) continue;
    if (lot.pending) todo.emplace_back(std::max(lot.activate, lot.occurred), 0, lot.revision);
    if (lot.expire != kForever) todo.emplace_back(std::max(lot.expire, lot.occurred), 1, lot.revision);
  }
  if (reviews) {
    for (int64_t boundary = PeriodEnd(clock_, 1); boundary <= until; boundary = PlusMonths(boundary, 1)) {
      todo.emplace_back(boundary, 2, 0);
    }
  }
  std::sort(todo.begin(), todo.end());
  for (const auto& [at, order, revision] : todo) {
    if (at > until) break;
    if (order == 2) {
      Review(at);
      continue;
    }
    for (Lot& lot : lots_) {
      if (lot.revision != revision || lot.left == 0) continue;
      if (order == 0) {
        lot.pending = false;
        Record("activated " + std::to_string(revision) + " " + std::to_string(lot.left), at);
      } else {
        Record("expired " + std::to_string(revision) + " " + std::to_string(lot.left), at);
        lot.left = 0;
      }
    }
  }
}

std::string Account::ApplyOne(const Op& op) {
  if (!exists_ && op.kind != Op::kOpen) return "not_found";
  if (exists_ && op.kind == Op::kOpen) return "exists";
  if (exists_) Due(std::max(clock_, op.at), 0, true);
  const uint64_t first = next_;
  std::string refusal;
  switch (op.kind) {
    case Op::kOpen:
      exists_ = true;
      Record("opened", op.at);
      Rise();
      break;
    case Op::kClose:
      if (closed_) return "closed";
      closed_ = true;
      Record("closed", op.at);
      break;
    case Op::kReopen:
      if (!closed_) return "not_closed";
      closed_ = false;
      Record("reopened", op.at);
      break;
    case Op::kPurchase:
      refusal = Buy(op);
      break;
    case Op::kReturn:
      refusal = GiveBack(op);
      break;
    case Op::kRedeem:
      if (closed_) return "closed";
      if (op.points > available()) return "insufficient";
      Spend(op.points, "redeemed", op.at);
      break;
    case Op::kAdjust:
      if (op.points < 0) {
        if (-op.points > available()) return "insufficient";
        Spend(-op.points, "adjusted", op.at);
      } else {
        lots_.push_back({next_, op.points, false, 0, op.expire, op.at});
        Record("adjusted +" + std::to_string(op.points) + " until " + Text(op.expire), op.at);
      }
      break;
  }
  if (refusal.empty()) Due(clock_, first, false);
  return refusal;
}

void Account::Spend(int64_t points, const std::string& what, int64_t at) {
  std::string text = what + " " + std::to_string(points) + " from";
  while (points > 0) {
    Lot* next = nullptr;
    for (Lot& lot : lots_) {
      if (lot.left > 0 && !lot.pending && (next == nullptr || lot.expire < next->expire)) next = &lot;
    }
    const int64_t taken = std::min(points, next->left);
    next->left -= taken;
    points -= taken;
    text += " " + std::to_string(next->revision) + ":" + std::to_string(taken);
  }
  Record(text, at);
}

std::string Account::Buy(const Op& op) {
  if (closed_) return "closed";
  Purchase purchase{next_, op.at, op.dollars, op.lines, op.lines, {}};
  for (Line& line : purchase.returned) line.units = line.micros = 0;
  const Version* version = VersionAt(op.at);
  int64_t multiplier = 1000;
  if (version != nullptr && !version->tiers.empty() && !tier_.empty()) {
    multiplier = version->tiers[std::max(TierIndex(*version), 0)].multiplier;
  }
  for (const Line& line : op.lines) {
    if (op.dollars) dollars_.push_back({op.at, line.micros});
  }
  Record("purchase", op.at);
  for (const Rule& rule : version == nullptr || !op.dollars ? std::vector<Rule>() : version->rules) {
    const auto points = Earn(rule, op.lines, multiplier);
    int64_t sum = 0;
    std::string text;
    for (const auto& [number, value] : points) {
      sum += value;
      text += " " + std::to_string(number) + ":" + std::to_string(value);
    }
    if (sum == 0) continue;
    const int64_t activate = rule.pending_days > 0 ? op.at + rule.pending_days * kDay : 0;
    int64_t expire = kForever;
    if (rule.expire_months > 0) expire = PlusMonths(op.at, rule.expire_months);
    if (rule.expire_days > 0) expire = op.at + rule.expire_days * kDay;
    if (expire != kForever && rule.round_up_months > 0) expire = PeriodEnd(expire, rule.round_up_months);
    lots_.push_back({next_, sum, rule.pending_days > 0, activate, expire, op.at});
    purchase.awards.push_back({next_, expire, points});
    Record("accrued " + rule.id + " " + std::to_string(sum) + " lines" + text + " from " + Text(activate) + " until " +
               Text(expire) + " x" + std::to_string(rule.multiplied ? multiplier : 1000),
           op.at);
  }
  purchases_[op.invoice] = purchase;
  Rise();
  return "";
}

std::string Account::GiveBack(const Op& op) {
  const auto found = purchases_.find(op.invoice);
  // Lot (by place) and points wanted of it, in order.
  std::vector<std::pair<size_t, int64_t>> takes;
  const auto place = [&](uint64_t revision) {
    size_t i = 0;
    while (lots_[i].revision != revision) ++i;
    return i;
  };
  const uint64_t revision = next_;
  int64_t due = 0;
  int64_t rest = 0;
  bool only_pending = false;
  if (found == purchases_.end()) {
    for (const Line& line : op.lines) {
      if (op.dollars) dollars_.push_back({op.at, -line.micros});
    }
    Record("return", op.at);
    const Version* version = VersionAt(op.at);
    if (version == nullptr || !op.dollars) return "";
    only_pending = version->only_pending;
    int64_t multiplier = 1000;
    if (!version->tiers.empty() && !tier_.empty())
      multiplier = version->tiers[std::max(TierIndex(*version), 0)].multiplier;
    for (const Rule& rule : version->rules) {
      Rule up = rule;
      up.round = Round::kUp;
      for (const auto& [number, value] : Earn(up, op.lines, multiplier)) due += value;
    }
    rest = due;
  } else {
    Purchase& purchase = found->second;
    if (purchase.dollars != op.dollars) return "invalid";
    std::vector<Line> after = purchase.returned;
    for (const Line& line : op.lines) {
      if (line.number > static_cast<int>(purchase.lines.size())) return "exceeds";
      Line& sum = after[line.number - 1];
      const Line& bought = purchase.lines[line.number - 1];
      sum.units += line.units;
      sum.micros += line.micros;
      if (sum.units > bought.units || sum.micros > bought.micros) return "exceeds";
    }
    const std::vector<Line> before = purchase.returned;
    purchase.returned = after;
    for (const Line& line : op.lines) {
      if (op.dollars) dollars_.push_back({op.at, -line.micros});
    }
    Record("return of " + std::to_string(purchase.revision), op.at);
    const Version* version = VersionAt(purchase.at);
    only_pending = version != nullptr && version->only_pending;
    const auto share = [&](int64_t points, int number, const std::vector<Line>& lines) {
      const Line& bought = purchase.lines[number - 1];
      const Line& line = lines[number - 1];
      return static_cast<int64_t>(bought.micros > 0 ? static_cast<Wide>(points) * line.micros / bought.micros
                                                    : static_cast<Wide>(points) * line.units / bought.units);
    };
    for (const Award& award : purchase.awards) {
      int64_t owed = 0;
      for (const auto& [number, points] : award.by_line)
        owed += share(points, number, after) - share(points, number, before);
      due += owed;
      const Lot& lot = lots_[place(award.lot)];
      const int64_t taken = only_pending && !lot.pending ? 0 : std::min(owed, lot.left);
      takes.emplace_back(place(award.lot), taken);
      if (award.expire > clock_) rest += owed - taken;
    }
    if (!only_pending) {
      for (size_t i = 0; i < purchase.awards.size(); ++i) {
        const int64_t more = std::min(rest, lots_[takes[i].first].left - takes[i].second);
        takes[i].second += more;
        rest -= more;
      }
    }
  }
  if (!only_pending) {
    for (size_t i = lots_.size(); i-- > 0;) {
      int64_t wanted = 0;
      for (const auto& take : takes) wanted += take.first == i ? take.second : 0;
      const int64_t more = std::min(rest, lots_[i].left - wanted);
      if (more > 0) takes.emplace_back(i, more);
      rest -= more;
    }
  }
  if (due > 0) Reverse(due, op.at, revision, takes);
  return "";
}

void Account::Reverse(int64_t due, int64_t at, uint64_t return_revision,
                      const std::vector<std::pair<size_t, int64_t>>& takes) {
  int64_t sum = 0;
  std::map<uint64_t, int64_t> by_lot;
  for (const auto& [i, points] : takes) {
    if (points == 0) continue;
    sum += points;
    by_lot[lots_[i].revision] += points;
    lots_[i].left -= points;
  }
  std::string text = "reversed for " + std::to_string(return_revision) + " due " + std::to_string(due) + " took " +
                     std::to_string(sum);
  for (const auto& [revision, points] : by_lot) text += " " + std::to_string(revision) + ":" + std::to_string(points);
  Record(text, at);
}

}  // namespace keyledger::model
