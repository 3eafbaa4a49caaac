// The demo ledger's accounts. See demo_generator.h. Changing anything here changes what a second `demo load` on an old
// demo ledger sends: the golden hash in its test says so.
#include "client/cli/demo_generator.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>

#include <fmt/format.h>

#include "client/cli/demo_dealings.h"
#include "client/cli/demo_relation.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/ledger_service.pb.h"

namespace keyledger::cli {
namespace {

namespace v1 = ::keyledger::ledger::v1;
namespace ev = ::keyledger::events::v1;

constexpr int64_t kDaySeconds = 86'400;
constexpr int64_t kFirstDay = 19'358;  // 2023-01-01, in days since 1970
constexpr int64_t kDays = 1'096;       // to 2025-12-31, which is day 1,095 of them
constexpr const char* kCurrency = "USD";

constexpr std::array<const char*, 16> kFirstNames = {"Alder",   "Birch",  "Cedar",  "Delta",   "Ember",   "Falcon",
                                                     "Granite", "Harbor", "Iris",   "Juniper", "Kestrel", "Linden",
                                                     "Maple",   "Nordic", "Orchid", "Summit"};
constexpr std::array<const char*, 12> kSecondNames = {"Hotels",   "Mining",  "Logistics", "Foods",
                                                      "Motors",   "Clinics", "Trading",   "Energy",
                                                      "Builders", "Textile", "Catering",  "Systems"};
constexpr std::array<const char*, 14> kRegions = {
    "CN/31/Shanghai", "CN/11/Beijing",  "CN/44/Guangzhou", "CN/44/Shenzhen", "CN/33/Hangzhou",
    "DE/BE/Berlin",   "DE/BY/Munich",   "DE/HH/Hamburg",   "FR/IDF/Paris",   "FR/ARA/Lyon",
    "US/CA/Oakland",  "US/NY/New York", "US/TX/Austin",    "GB/LND/London"};
constexpr std::array<const char*, 5> kSegments = {"industry", "hospitality", "retail", "public", "agriculture"};
constexpr std::array<const char*, 3> kSizes = {"small", "medium", "large"};
constexpr std::array<const char*, 6> kRewards = {"voucher",     "service day",       "training seat",
                                                 "spare parts", "trade fair ticket", "gift card"};

struct Category {
  const char* name;
  const char* sku;
  // Price of its cheapest article in cents; the others rise from there.
  int64_t cents;
};
constexpr std::array<Category, 8> kCategories = {{{"beverages", "BEV", 890},
                                                  {"lubricants", "LUB", 2'450},
                                                  {"tyres", "TYR", 8'900},
                                                  {"cleaning", "CLN", 640},
                                                  {"packaging", "PKG", 310},
                                                  {"tools", "TLS", 4'200},
                                                  {"workwear", "WRK", 3'150},
                                                  {"services", "SRV", 12'000}}};

// Purchases per year, in hundredths, at equally spaced quantiles of a gamma distribution with shape 0.8: most accounts
// buy seldom, few very often.
constexpr std::array<int64_t, 17> kRateQuantiles = {8,   40,  84,  134,   190,   253,   322,   400,  490,
                                                    594, 717, 866, 1'055, 1'310, 1'690, 2'420, 4'800};
// Chance to drop out after a purchase, in ppm, at equally spaced quantiles of a beta distribution.
constexpr std::array<int64_t, 9> kDropoutQuantiles = {2'000,   14'000,  32'000,  55'000, 85'000,
                                                      125'000, 180'000, 270'000, 520'000};
// Demand by month, in percent of the average.
constexpr std::array<int64_t, 12> kSeason = {84, 82, 96, 98, 101, 95, 88, 86, 106, 114, 128, 122};

template <typename T, size_t N>
const T& Pick(DemoRandom& random, const std::array<T, N>& values) {
  return values[random.Below(N)];
}

// A value between two neighbouring quantiles, drawn evenly.
template <size_t N>
int64_t FromQuantiles(DemoRandom& random, const std::array<int64_t, N>& quantiles) {
  const size_t i = random.Below(N - 1);
  return random.Between(quantiles[i], quantiles[i + 1]);
}

// Month, 0 to 11, of a day counted from 2023-01-01.
int MonthOf(int64_t day) {
  constexpr std::array<int64_t, 12> kLengths = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int64_t year = 2023;
  int month = 0;
  while (true) {
    const int64_t length = kLengths[static_cast<size_t>(month)] + (month == 1 && year == 2024 ? 1 : 0);
    if (day < length) {
      return month;
    }
    day -= length;
    year += month == 11 ? 1 : 0;
    month = (month + 1) % 12;
  }
}

// What is yet to happen to an account, found while its days go by.
struct Planned {
  int64_t seconds;
  v1::AppendRequest request;
};

class AccountStory {
 public:
  AccountStory(const DemoOptions& options, uint32_t index)
      : random_(options.seed * 0x9e3779b97f4a7c15ULL + index),
        seed_(options.seed),
        number_(index + 1),
        account_(fmt::format("demo-{:04}", index + 1)),
        rate_(FromQuantiles(random_, kRateQuantiles)),
        dropout_ppm_(static_cast<uint64_t>(FromQuantiles(random_, kDropoutQuantiles))),
        basket_scale_(1 + static_cast<int64_t>(random_.Below(4))) {}

  std::vector<v1::AppendRequest> Tell() {
    // Two in five were customers already when the story begins.
    const int64_t open_day = random_.Chance(400'000) ? random_.Between(0, 45) : random_.Between(0, 900);
    Open(At(open_day, 7, 8));
    Live(open_day, /*buy_at_once=*/true);
    if (dropped_ && last_day_ + 240 < kDays && random_.Chance(200'000)) {
      CloseAndWinBack();
    }
    const std::string owner = planned_.front().request.events(0).event().account_opened().owner();
    const DemoLife life{seed_,    number_,        open_day, last_day_, closed_day_.value_or(kDays),
                        dropped_, spent_by_year_, owner};
    std::vector<Planned> story;
    // Each part is numbered by itself, so that what is told later leaves the ids of what was told before.
    const auto close = [&](const char* prefix) {
      Number(prefix);
      std::move(planned_.begin(), planned_.end(), std::back_inserter(story));
      planned_.clear();
    };
    close("");
    // The second of a day is the account's own: nothing is drawn that the trade would miss.
    const auto at_nine = [&](int64_t day) -> ev::Event& {
      return Plan((kFirstDay + day) * kDaySeconds + 9 * 3600 + number_ % 3600 + static_cast<int64_t>(planned_.size()));
    };
    TellRelation(life, at_nine);
    close("r");
    TellDealings(life, at_nine);
    close("d");
    planned_ = std::move(story);
    SortByTime();
    std::vector<v1::AppendRequest> requests;
    for (Planned& planned : planned_) {
      requests.push_back(std::move(planned.request));
    }
    return requests;
  }

 private:
  void SortByTime() {
    std::stable_sort(planned_.begin(), planned_.end(),
                     [](const Planned& a, const Planned& b) { return a.seconds < b.seconds; });
  }

  // Names the requests in the order of time, which the seed and the account's number fix.
  void Number(const char* prefix) {
    SortByTime();
    for (size_t i = 0; i < planned_.size(); ++i) {
      planned_[i].request.set_request_id(fmt::format("demo-{}-{}-{}{}", seed_, number_, prefix, i + 1));
    }
  }

  // A second of a day, between two hours.
  int64_t At(int64_t day, int64_t from_hour, int64_t to_hour) {
    return (kFirstDay + day) * kDaySeconds + random_.Between(from_hour * 3600, to_hour * 3600 - 1);
  }

  ev::Event& Plan(int64_t seconds) {
    Planned& planned = planned_.emplace_back();
    planned.seconds = seconds;
    v1::AppendRequest& request = planned.request;
    request.set_account_id(account_);
    request.mutable_expected_revision()->mutable_any();
    request.set_actor("demo");
    request.set_view(v1::APPEND_VIEW_BASIC);
    v1::SubmittedEvent& submitted = *request.add_events();
    *submitted.mutable_occurred_time() = TimestampFromMicros(seconds * 1'000'000);
    return *submitted.mutable_event();
  }

  void Open(int64_t seconds) {
    ev::AccountOpened& opened = *Plan(seconds).mutable_account_opened();
    opened.set_display_name(fmt::format("{} {} {}", Pick(random_, kFirstNames), Pick(random_, kSecondNames), number_));
    opened.set_region(Pick(random_, kRegions));
    opened.set_segment(Pick(random_, kSegments));
    opened.set_owner(fmt::format("km-{:02}", random_.Between(1, 24)));
    ev::Fact& fact = *opened.add_facts();
    fact.set_key("size");
    fact.set_value(kSizes[basket_scale_ >= 4 ? 2 : basket_scale_ >= 2 ? 1 : 0]);
  }

  // Day by day from `day` until the account drops out or the story ends.
  void Live(int64_t day, bool buy_at_once) {
    dropped_ = false;
    for (; day < kDays; ++day) {
      // Chance of a purchase today, in ppm: rate / 365, by season; three days in ten of a week's demand fall away at
      // weekends.
      const int64_t weekday = (kFirstDay + day + 3) % 7;  // 0: Monday
      const int64_t ppm =
          rate_ * 10'000 / 365 * kSeason[static_cast<size_t>(MonthOf(day))] / 100 * (weekday >= 5 ? 30 : 128) / 100;
      if (!std::exchange(buy_at_once, false) &&
          !random_.Chance(static_cast<uint64_t>(std::min<int64_t>(ppm, 900'000)))) {
        continue;
      }
      Buy(day);
      last_day_ = day;
      if (random_.Chance(dropout_ppm_)) {
        dropped_ = true;
        return;
      }
    }
  }

  // How many of an article: mostly few, now and then very many. Each doubling has a chance of one in three.
  int64_t Quantity() {
    int64_t quantity = random_.Between(1, 3) * basket_scale_;
    for (int i = 0; i < 9 && random_.Chance(333'333); ++i) {
      quantity *= 2;
    }
    return quantity;
  }

  void Buy(int64_t day) {
    ev::PurchaseRecorded& purchase = *Plan(At(day, 8, 19)).mutable_purchase_recorded();
    const std::string merchant = fmt::format("M{:02}", random_.Between(1, 12));
    const std::string invoice = fmt::format("D{}-{:04}-{}", seed_, number_, ++invoices_);
    purchase.set_merchant_id(merchant);
    purchase.set_invoice_number(invoice);
    const uint64_t mode = random_.Below(10);
    purchase.set_sale_mode(mode < 5   ? ev::SALE_MODE_DIRECT
                           : mode < 7 ? ev::SALE_MODE_SHOP_REGISTERED
                           : mode < 8 ? ev::SALE_MODE_SHOP_DELIVERED
                                      : ev::SALE_MODE_ONLINE);
    const int64_t lines = 1 + static_cast<int64_t>(random_.Below(4) * random_.Below(2));
    for (int64_t i = 0; i < lines; ++i) {
      const Category& category = Pick(random_, kCategories);
      const int64_t article = random_.Between(0, 11);
      const int64_t quantity = Quantity();
      const int64_t cents = category.cents * (10 + article * 2) / 10 * quantity;
      ev::PurchaseLine& line = *purchase.add_lines();
      line.set_sku(fmt::format("{}-{:02}", category.sku, article + 1));
      line.set_category(category.name);
      line.set_quantity(quantity);
      SetMoney(line.mutable_amount(), cents);
      SetMoney(line.mutable_cost(), cents * random_.Between(58, 86) / 100);
      spent_cents_ += cents;
      spent_by_year_[day < 365 ? 0 : day < 731 ? 1 : 2] += cents;
    }
    if (random_.Chance(35'000)) {
      // A copy: planning the return may move the purchase in memory.
      GiveBack(day, ev::PurchaseRecorded(purchase));
    }
    if (invoices_ >= 4 && random_.Chance(60'000)) {
      Redeem(day);
    }
  }

  // Some units of one line come back, in proportion.
  void GiveBack(int64_t day, const ev::PurchaseRecorded& purchase) {
    const int64_t back = day + random_.Between(2, 25);
    const int index = static_cast<int>(random_.Below(static_cast<uint64_t>(purchase.lines_size())));
    const ev::PurchaseLine& bought = purchase.lines(index);
    const int64_t quantity = random_.Between(1, bought.quantity());
    if (back >= kDays) {
      return;
    }
    ev::PurchaseReturned& returned = *Plan(At(back, 8, 19)).mutable_purchase_returned();
    returned.set_merchant_id(purchase.merchant_id());
    returned.set_return_number("R-" + purchase.invoice_number());
    returned.set_purchase_invoice_number(purchase.invoice_number());
    ev::ReturnLine& line = *returned.add_lines();
    line.set_line_number(static_cast<uint32_t>(index) + 1);
    line.set_quantity(quantity);
    SetMoney(line.mutable_amount(), bought.amount().micros() / 10'000 * quantity / bought.quantity());
  }

  // Asks for about a tenth of a point per unit of money spent so far; the ledger refuses what is not there.
  void Redeem(int64_t day) {
    const int64_t when = day + random_.Between(1, 30);
    const int64_t points = std::max<int64_t>(100, spent_cents_ / 100 * random_.Between(5, 40) / 100 / 100 * 100);
    const char* reward = Pick(random_, kRewards);
    if (when >= kDays) {
      return;
    }
    ev::PointsRedeemed& redeemed = *Plan(At(when, 8, 19)).mutable_points_redeemed();
    redeemed.set_points(points);
    redeemed.set_reward(reward);
  }

  void CloseAndWinBack() {
    const int64_t close_day = last_day_ + random_.Between(120, 200);
    closed_day_ = close_day;
    Plan(At(close_day, 8, 19)).mutable_account_closed()->set_reason("no business for months");
    const int64_t reopen_day = close_day + random_.Between(20, 300);
    if (!random_.Chance(300'000) || reopen_day >= kDays) {
      return;
    }
    Plan(At(reopen_day, 7, 8)).mutable_account_reopened()->set_reason("won back");
    Live(reopen_day, /*buy_at_once=*/true);
  }

  static void SetMoney(ev::Money* money, int64_t cents) {
    money->set_currency_code(kCurrency);
    money->set_micros(cents * 10'000);
  }

  DemoRandom random_;
  const uint64_t seed_;
  const uint32_t number_;
  const std::string account_;
  const int64_t rate_;
  const uint64_t dropout_ppm_;
  const int64_t basket_scale_;
  std::vector<Planned> planned_;
  int64_t last_day_ = 0;
  bool dropped_ = false;
  uint32_t invoices_ = 0;
  int64_t spent_cents_ = 0;
  std::array<int64_t, 3> spent_by_year_{};
  std::optional<int64_t> closed_day_;
};

// Accounts 150, 450 and 750 were entered twice, which was found out weeks later.
constexpr uint32_t kEnteredTwiceEvery = 300;
constexpr uint32_t kLastEnteredTwice = 900;
constexpr int64_t kFoundOutDays = 40;

// Adds the second account: opened with the first one, called once, and merged into it. No account ends so early that it
// could not take it.
void EnterTwice(const DemoOptions& options, std::vector<v1::AppendRequest>& requests) {
  const v1::AppendRequest opened = requests.front();
  const std::string account = opened.account_id() + "-b";
  const int64_t seconds = opened.events(0).occurred_time().seconds() + 3 * kDaySeconds;
  std::vector<v1::AppendRequest> second(3, opened);
  for (size_t i = 0; i < second.size(); ++i) {
    second[i].set_account_id(account);
    second[i].set_request_id(fmt::format("demo-{}-{}-m{}", options.seed, account, i + 1));
    *second[i].mutable_events(0)->mutable_occurred_time() =
        TimestampFromMicros((seconds + static_cast<int64_t>(i) * kFoundOutDays / 2 * kDaySeconds) * 1'000'000);
  }
  ev::InteractionMade& made = *second[1].mutable_events(0)->mutable_event()->mutable_interaction_made();
  made.set_kind(ev::INTERACTION_KIND_PHONE);
  made.add_people(opened.events(0).event().account_opened().owner());
  ev::AccountMerged& merged = *second[2].mutable_events(0)->mutable_event()->mutable_account_merged();
  merged.set_into_account_id(opened.account_id());
  merged.set_reason("entered twice");
  requests.insert(requests.end(), second.begin(), second.end());
  std::stable_sort(requests.begin(), requests.end(), [](const v1::AppendRequest& a, const v1::AppendRequest& b) {
    return a.events(0).occurred_time().seconds() < b.events(0).occurred_time().seconds();
  });
}

}  // namespace

DemoRandom::DemoRandom(uint64_t seed) {
  for (uint64_t& word : state_) {
    seed += 0x9e3779b97f4a7c15ULL;
    uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    word = z ^ (z >> 31);
  }
}

uint64_t DemoRandom::Next() {
  const auto rotate = [](uint64_t x, int k) { return (x << k) | (x >> (64 - k)); };
  const uint64_t result = rotate(state_[1] * 5, 7) * 9;
  const uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = rotate(state_[3], 45);
  return result;
}

uint64_t DemoRandom::Below(uint64_t bound) {
  return static_cast<uint64_t>((static_cast<unsigned __int128>(Next()) * bound) >> 64);
}

int64_t DemoRandom::Between(int64_t low, int64_t high) {
  return low + static_cast<int64_t>(Below(static_cast<uint64_t>(high - low + 1)));
}

std::vector<v1::AppendRequest> DemoAccount(const DemoOptions& options, uint32_t index) {
  std::vector<v1::AppendRequest> requests = AccountStory(options, index).Tell();
  if (index + 1 <= kLastEnteredTwice && (index + 1) % kEnteredTwiceEvery == kEnteredTwiceEvery / 2) {
    EnterTwice(options, requests);
  }
  return requests;
}

std::vector<v1::AppendRequest> DemoRequests(const DemoOptions& options) {
  std::vector<v1::AppendRequest> all;
  for (uint32_t index = 0; index < options.accounts; ++index) {
    for (v1::AppendRequest& request : DemoAccount(options, index)) {
      all.push_back(std::move(request));
    }
  }
  // Stable: the requests of one account, and accounts of one second, stay in order.
  std::stable_sort(all.begin(), all.end(), [](const v1::AppendRequest& a, const v1::AppendRequest& b) {
    return a.events(0).occurred_time().seconds() < b.events(0).occurred_time().seconds();
  });
  return all;
}

}  // namespace keyledger::cli
