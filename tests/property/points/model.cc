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

// 1970-01-01 was a Thursday.
int Weekday(int64_t at) { return static_cast<int>((Floor(at, kDay) % 7 + 7 + 3) % 7) + 1; }

bool Applies(const Rule& rule, int64_t at) {
  return rule.from <= at && at < rule.to && (rule.weekday == 0 || rule.weekday == Weekday(at));
}

std::string TakenText(const std::vector<std::pair<uint64_t, int64_t>>& taken) {
  std::string text;
  for (const auto& [lot, points] : taken) text += " " + std::to_string(lot) + ":" + std::to_string(points);
  return text;
}

std::string Text(int64_t value) { return value == kForever ? "never" : std::to_string(value); }

}  // namespace

int64_t Date(int year, int month, int day) {
  const std::chrono::sys_days days{std::chrono::year{year} / std::chrono::month{static_cast<unsigned>(month)} /
                                   std::chrono::day{static_cast<unsigned>(day)}};
  return days.time_since_epoch().count() * kDay;
}

std::map<int, int64_t> Earn(const Rule& rule, const std::vector<Line>& lines, int64_t multiplier, int64_t most) {
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
  if (rule.max_event > 0) total = std::min<Wide>(total, rule.max_event);
  total = std::min<Wide>(total, most);
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
  ForgetEmptyLots();
  return {"", out_};
}

void Account::ForgetEmptyLots() {
  for (Lot& lot : lots_) {
    if (lot.left == 0) lot.restored = std::numeric_limits<int64_t>::min();
  }
}

std::vector<std::string> Account::AdvanceTo(int64_t until) {
  out_.clear();
  if (exists_) AdvanceAll(until);
  ForgetEmptyLots();
  return out_;
}

int64_t Account::available() const {
  int64_t sum = 0;
  for (const Lot& lot : lots_) sum += lot.pending ? 0 : lot.left;
  return sum;
}

int64_t Account::HeldBy(const Holds& holds) {
  int64_t sum = 0;
  for (const auto& [name, hold] : holds) {
    for (const auto& [lot, points] : hold.taken) sum += points;
  }
  return sum;
}

int64_t Account::Expiry(const Lot& lot) const {
  return lot.inactivity_days == 0 ? lot.expire : std::max(lot.occurred, last_activity_) + lot.inactivity_days * kDay;
}

void Account::AdvanceAll(int64_t until) {
  while (true) {
    std::string first;
    for (const auto& [name, hold] : holds_) {
      if (hold.until <= until && (first.empty() || hold.until < holds_.at(first).until)) first = name;
    }
    if (first.empty()) break;
    const int64_t at = holds_.at(first).until;
    Due(at, 0, true);
    const auto [spent, back] = EndHold(holds_, first, 0, at);
    Record("hold " + first + " expired" + TakenText(back), at);
    Due(clock_, 0, false);
    PayDebt();
  }
  Due(until, 0, true);
}

void Account::PayDebt() {
  int64_t paid = 0;
  std::string text;
  for (Lot& lot : lots_) {
    const int64_t taken = std::min(lot.left, debt_ - paid);
    if (taken == 0) continue;
    lot.left -= taken;
    paid += taken;
    text += " " + std::to_string(lot.revision) + ":" + std::to_string(taken);
  }
  debt_ -= paid;
  if (paid > 0) Record("debt paid " + std::to_string(paid) + text, clock_);
}

std::pair<int64_t, int64_t> Account::CountIn(const std::string& name, int months, int64_t at) const {
  std::pair<int64_t, int64_t> sum{0, 0};
  for (const Counted& entry : counted_) {
    if (entry.name != name || entry.months != months || PeriodBegin(entry.at, months) != PeriodBegin(at, months))
      continue;
    sum.first += 1;
    sum.second += entry.points;
  }
  return sum;
}

std::string Account::Redeem(int64_t at, int64_t points, const std::string& held) {
  if (closed_) return "closed";
  const Version* version = VersionAt(at);
  const Redeeming rules = version == nullptr ? Redeeming() : version->redeeming;
  if (rules.weekday != 0 && rules.weekday != Weekday(at)) return "window";
  if (points < rules.min || (rules.max > 0 && points > rules.max)) return "limit";
  if (rules.times > 0 && CountIn("redeem", rules.times_months, at).first >= rules.times) return "limit";
  if (rules.points > 0 && CountIn("redeem", rules.points_months, at).second + points > rules.points) return "limit";
  if (points > available()) return "insufficient";
  if (rules.times > 0) counted_.push_back({"redeem", rules.times_months, at, points, held});
  if (rules.points > 0 && (rules.times == 0 || rules.times_months != rules.points_months)) {
    counted_.push_back({"redeem", rules.points_months, at, points, held});
  }
  return "";
}

Account::Taken Account::Take(int64_t points) {
  Taken all;
  while (points > 0) {
    Lot* next = nullptr;
    for (Lot& lot : lots_) {
      if (lot.left > 0 && !lot.pending && (next == nullptr || Expiry(lot) < Expiry(*next))) next = &lot;
    }
    const int64_t taken = std::min(points, next->left);
    next->left -= taken;
    points -= taken;
    all.emplace_back(next->revision, taken);
  }
  return all;
}

void Account::PutBack(const Taken& taken, int64_t at) {
  for (const auto& [revision, points] : taken) {
    for (Lot& lot : lots_) {
      if (lot.revision != revision) continue;
      lot.left += points;
      lot.restored = std::max(lot.restored, at);
    }
  }
}

std::string Account::Reserve(const Op& op) {
  if (holds_.contains(op.invoice)) return "reserved";
  if (op.until <= std::max(clock_, op.at) || op.until - op.at > 7 * kDay || holds_.size() >= 100) return "hold";
  const std::string refusal = Redeem(op.at, op.points, op.invoice);
  if (!refusal.empty()) return refusal;
  holds_[op.invoice] = {op.at, op.until, Take(op.points)};
  last_activity_ = std::max(last_activity_, op.at);
  Record("reserved " + op.invoice + " " + std::to_string(op.points) + " from" + TakenText(holds_[op.invoice].taken),
         op.at);
  return "";
}

std::pair<Account::Taken, Account::Taken> Account::EndHold(Holds& holds, const std::string& name, int64_t spent,
                                                           int64_t at) {
  const Hold hold = holds.at(name);
  holds.erase(name);
  int64_t held = 0;
  for (const auto& [lot, points] : hold.taken) held += points;
  for (size_t i = counted_.size(); i-- > 0;) {
    if (counted_[i].held != name) continue;
    counted_[i].points = spent;
    counted_[i].held = "";
    if (spent == 0) counted_.erase(counted_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  std::pair<Taken, Taken> parts;
  for (const auto& [lot, points] : hold.taken) {
    const int64_t now = std::min(points, spent);
    spent -= now;
    if (now > 0) parts.first.emplace_back(lot, now);
    if (points > now) parts.second.emplace_back(lot, points - now);
  }
  PutBack(parts.second, at);
  return parts;
}

std::string Account::End(const Op& op) {
  if (op.kind == Op::kCapture && closed_) return "closed";
  const auto hold = holds_.find(op.invoice);
  if (hold == holds_.end() || op.at < hold->second.at) return "not_open";
  int64_t held = 0;
  for (const auto& [lot, points] : hold->second.taken) held += points;
  const int64_t spent = op.kind == Op::kRelease ? 0 : op.points == 0 ? held : op.points;
  if (spent > held) return "insufficient";
  const auto [taken, back] = EndHold(holds_, op.invoice, spent, op.at);
  if (op.kind == Op::kCapture) last_activity_ = std::max(last_activity_, op.at);
  Record(op.kind == Op::kRelease ? "hold " + op.invoice + " released" + TakenText(back)
                                 : "hold " + op.invoice + " captured" + TakenText(taken) + " back" + TakenText(back),
         op.at);
  Due(clock_, 0, false);
  PayDebt();
  return "";
}

std::string Account::Send(const Op& op) {
  if (closed_) return "closed";
  if (sent_.contains(op.invoice)) return "sent";
  const Version* version = VersionAt(op.at);
  const Sending rules = version == nullptr ? Sending() : version->sending;
  if (sent_.size() >= 100 || (rules.max > 0 && op.points > rules.max)) return "sending";
  if (rules.points > 0 && CountIn("send", rules.points_months, op.at).second + op.points > rules.points) {
    return "sending";
  }
  if (op.points > available()) return "insufficient";
  if (rules.points > 0) counted_.push_back({"send", rules.points_months, op.at, op.points, op.invoice});
  sent_[op.invoice] = {op.at, 0, Take(op.points)};
  Record("sent " + op.invoice + " " + std::to_string(op.points) + " from" + TakenText(sent_[op.invoice].taken), op.at);
  return "";
}

Account::Result Account::Receive(const std::string& name, int64_t at, const std::vector<Arrival>& arrivals) {
  if (!exists_) return {"not_found", {}};
  if (closed_) return {"closed", {}};
  out_.clear();
  int64_t until = std::max(clock_, at);
  until = std::max(until, opened_);
  for (const Arrival& arrival : arrivals) until = std::max(until, arrival.earned);
  AdvanceAll(until);
  const uint64_t first = next_;
  for (const Arrival& arrival : arrivals) {
    const int64_t moment = std::max({at, arrival.earned, opened_});
    const int64_t expire =
        arrival.inactivity_days > 0 ? std::max(at, arrival.earned) + arrival.inactivity_days * kDay : arrival.expire;
    lots_.push_back({next_, arrival.points, false, 0, expire, arrival.earned, 0, moment});
    came_ += arrival.points;
    Record("received " + name + " " + std::to_string(arrival.points), moment);
  }
  Due(clock_, first, false);
  PayDebt();
  ForgetEmptyLots();
  return {"", out_};
}

std::vector<std::string> Account::EndTransfer(const std::string& name, bool arrived) {
  out_.clear();
  if (!sent_.contains(name)) return out_;
  int64_t points = 0;
  for (const auto& [lot, part] : sent_.at(name).taken) points += part;
  const int64_t at = sent_.at(name).at;
  const auto [gone, back] = EndHold(sent_, name, arrived ? points : 0, at);
  if (arrived) went_ += points;
  Record(arrived ? "completed " + name + " " + std::to_string(points) : "returned " + name + TakenText(back), at);
  Due(clock_, 0, false);
  PayDebt();
  ForgetEmptyLots();
  return out_;
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
    if (Expiry(lot) != kForever) {
      todo.emplace_back(std::max({Expiry(lot), lot.occurred, lot.restored}), 1, lot.revision);
    }
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
  if (exists_) AdvanceAll(std::max(clock_, op.at));
  const uint64_t first = next_;
  std::string refusal;
  switch (op.kind) {
    case Op::kOpen:
      exists_ = true;
      opened_ = op.at;
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
      refusal = Redeem(op.at, op.points);
      if (!refusal.empty()) return refusal;
      Spend(op.points, "redeemed", op.at);
      last_activity_ = std::max(last_activity_, op.at);
      break;
    case Op::kReserve:
      refusal = Reserve(op);
      break;
    case Op::kCapture:
    case Op::kRelease:
      refusal = End(op);
      break;
    case Op::kSend:
      refusal = Send(op);
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
  if (refusal.empty()) {
    Due(clock_, first, false);
    PayDebt();
  }
  return refusal;
}

void Account::Spend(int64_t points, const std::string& what, int64_t at) {
  Record(what + " " + std::to_string(points) + " from" + TakenText(Take(points)), at);
}

std::string Account::Buy(const Op& op) {
  if (closed_) return "closed";
  int64_t paid = 0;
  for (const Line& line : op.lines) paid += line.paid;
  if (paid > 0) {
    const std::string refusal = Redeem(op.at, paid);
    if (!refusal.empty()) return refusal;
  }
  Purchase purchase{next_, op.at, op.dollars, op.lines, op.lines, {}};
  std::string paid_text;
  for (const Line& line : op.lines) {
    purchase.paid.push_back(Take(line.paid));
    paid_text += TakenText(purchase.paid.back());
  }
  last_activity_ = std::max(last_activity_, op.at);
  for (Line& line : purchase.returned) line.units = line.micros = 0;
  const Version* version = VersionAt(op.at);
  int64_t multiplier = 1000;
  if (version != nullptr && !version->tiers.empty() && !tier_.empty()) {
    multiplier = version->tiers[std::max(TierIndex(*version), 0)].multiplier;
  }
  for (const Line& line : op.lines) {
    if (op.dollars) dollars_.push_back({op.at, line.micros});
  }
  Record("purchase" + paid_text, op.at);
  for (const Rule& rule : version == nullptr || !op.dollars ? std::vector<Rule>() : version->rules) {
    if (!Applies(rule, op.at)) continue;
    const int64_t used = rule.max_period > 0 ? CountIn(rule.id, rule.max_months, op.at).second : 0;
    const auto points =
        Earn(rule, op.lines, multiplier, rule.max_period > 0 ? std::max<int64_t>(rule.max_period - used, 0) : kForever);
    int64_t sum = 0;
    std::string text;
    for (const auto& [number, value] : points) {
      sum += value;
      text += " " + std::to_string(number) + ":" + std::to_string(value);
    }
    if (sum == 0) continue;
    if (rule.max_period > 0) counted_.push_back({rule.id, rule.max_months, op.at, sum});
    const int64_t activate = rule.pending_days > 0 ? op.at + rule.pending_days * kDay : 0;
    int64_t expire = kForever;
    if (rule.expire_months > 0) expire = PlusMonths(op.at, rule.expire_months);
    if (rule.expire_days > 0) expire = op.at + rule.expire_days * kDay;
    if (expire != kForever && rule.round_up_months > 0) expire = PeriodEnd(expire, rule.round_up_months);
    if (rule.end_of_months > 0) expire = PeriodEnd(op.at, rule.end_of_months);
    lots_.push_back({next_, sum, rule.pending_days > 0, activate, expire, op.at, rule.inactivity_days});
    purchase.awards.push_back({next_, expire, points});
    Record("accrued " + rule.id + " " + std::to_string(sum) + " lines" + text + " from " + Text(activate) + " until " +
               Text(expire) + (rule.inactivity_days > 0 ? " idle " + std::to_string(rule.inactivity_days) : "") + " x" +
               std::to_string(rule.multiplied ? multiplier : 1000),
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
  int64_t debt_left = 0;
  const auto allow_debt = [&](const Version* version) {
    if (version != nullptr && version->negative) debt_left = version->max_debt;
  };
  if (found == purchases_.end()) {
    for (const Line& line : op.lines) {
      if (op.dollars) dollars_.push_back({op.at, -line.micros});
    }
    Record("return", op.at);
    const Version* version = VersionAt(op.at);
    if (version == nullptr || !op.dollars) return "";
    only_pending = version->only_pending;
    allow_debt(version);
    int64_t multiplier = 1000;
    if (!version->tiers.empty() && !tier_.empty())
      multiplier = version->tiers[std::max(TierIndex(*version), 0)].multiplier;
    for (const Rule& rule : version->rules) {
      Rule up = rule;
      up.round = Round::kUp;
      if (!Applies(rule, op.at)) continue;
      for (const auto& [number, value] : Earn(up, op.lines, multiplier, kForever)) due += value;
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
    // A purchase that earned nothing owes nothing.
    allow_debt(version);
    const auto share = [&](int64_t points, int number, const std::vector<Line>& lines) {
      const Line& bought = purchase.lines[number - 1];
      const Line& line = lines[number - 1];
      return static_cast<int64_t>(bought.micros > 0 ? static_cast<Wide>(points) * line.micros / bought.micros
                                                    : static_cast<Wide>(points) * line.units / bought.units);
    };
    Taken back;
    int64_t restored = 0;
    for (size_t i = 0; i < purchase.lines.size(); ++i) {
      const int64_t paid = purchase.lines[i].paid;
      const int64_t from = share(paid, static_cast<int>(i) + 1, before);
      const int64_t to = share(paid, static_cast<int>(i) + 1, after);
      int64_t seen = 0;
      for (const auto& [lot, points] : purchase.paid[i]) {
        const int64_t part = std::min(to, seen + points) - std::max(from, seen);
        if (part > 0) back.emplace_back(lot, part);
        if (part > 0) restored += part;
        seen += points;
      }
    }
    if (restored > 0) {
      PutBack(back, std::max(op.at, purchase.at));
      Record("restored " + std::to_string(restored) + TakenText(back), std::max(op.at, purchase.at));
      Due(clock_, 0, false);
      PayDebt();
    }
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
  const int64_t owed = only_pending ? 0 : std::min(rest, std::max<int64_t>(debt_left - debt_, 0));
  if (due > 0) Reverse(due, owed, op.at, revision, takes);
  return "";
}

void Account::Reverse(int64_t due, int64_t owed, int64_t at, uint64_t return_revision,
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
  if (owed > 0) text += " owes " + std::to_string(owed);
  debt_ += owed;
  Record(text, at);
}

}  // namespace keyledger::model
