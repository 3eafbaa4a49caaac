// The demo's story. See demo_story.h, and demo_story/README.md for how the texts are written.
#include "client/cli/demo_story.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <google/protobuf/text_format.h>

#include "client/cli/demo_texts.h"
#include "client/cli/text.h"
#include "server/base/check.h"

namespace keyledger::cli {
namespace {

namespace v1 = ::keyledger::ledger::v1;
namespace ev = ::keyledger::events::v1;

constexpr const char* kCurrency = "USD";
constexpr const char* kActor = "demo";
constexpr int64_t kDaySeconds = 86'400;
constexpr int64_t kHourSeconds = 3'600;

// Where a program governs in the demo, and how its accounts' clocks go: neither zone has other hours in winter.
struct Place {
  std::string_view program_id;
  // None that the generated accounts are in (kRegions in demo_generator.cc), nor above one.
  std::string_view region;
  int64_t utc_offset_hours;
  // Ranks its accounts at the end of a year.
  bool reviewed;
};
constexpr std::array<Place, 5> kPlaces = {{{"beauty_club", "CN/51", 8, true},
                                           {"car_dealer", "CN/46", 8, false},
                                           {"direct_sales", "IE", 0, true},
                                           {"industrial_abc", "CN/21", 8, true},
                                           {"tobacco", "CN/53", 8, false}}};

// Beginnings of years at which the ledger reviews who ranks: days since 1970 of 2024, 2025 and 2026.
constexpr std::array<int64_t, 3> kReviewDays = {19'723, 20'089, 20'454};

const Place& PlaceOf(std::string_view program_id) {
  const auto* const place = std::find_if(kPlaces.begin(), kPlaces.end(),
                                         [&](const Place& candidate) { return candidate.program_id == program_id; });
  KL_CHECK(place != kPlaces.end());
  return *place;
}

// Takes the first line off the text.
std::string_view TakeLine(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

// Takes the first word off the line, and the blank behind it.
std::string_view TakeWord(std::string_view& line) {
  const size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

int64_t NumberOf(std::string_view digits) {
  const std::optional<int64_t> number = ParseInteger(digits);
  KL_CHECK(number.has_value());
  return *number;
}

// "2023-12-20" or "2023-12-20T10:00" by clocks that are so many hours ahead of UTC, in seconds since 1970.
int64_t SecondsOf(std::string_view time, int64_t utc_offset_hours) {
  const std::string text = time.size() == 10 ? std::string(time) : fmt::format("{}:00Z", time);
  const std::optional<int64_t> micros = ParseTimeMicros(text);
  KL_CHECK(micros.has_value());
  return *micros / 1'000'000 - utc_offset_hours * kHourSeconds;
}

// Writes out what a line abbreviates.
class Abbreviations {
 public:
  Abbreviations(int64_t occurred_seconds, int64_t utc_offset_hours, int64_t repetition)
      : occurred_(occurred_seconds), offset_(utc_offset_hours), repetition_(repetition) {}

  std::string WriteOut(std::string_view text) const {
    std::string out;
    bool quoted = false;
    while (!text.empty()) {
      const char first = text.front();
      text.remove_prefix(1);
      quoted = quoted != (first == '"');
      if (first == '#') {
        out += std::to_string(repetition_);
      } else if (first == '@' && !quoted) {
        out += fmt::format("{{seconds: {}}}", Time(TakeToken(text)));
      } else if (first == '=' && !quoted) {
        const std::optional<int64_t> micros = ParseMicros(TakeToken(text));
        KL_CHECK(micros.has_value());
        out += fmt::format("{{currency_code: \"{}\" micros: {}}}", kCurrency, *micros);
      } else {
        out += first;
      }
    }
    return out;
  }

 private:
  static std::string_view TakeToken(std::string_view& text) {
    const size_t end = std::min(text.find_first_of(" }"), text.size());
    const std::string_view token = text.substr(0, end);
    text.remove_prefix(end);
    return token;
  }

  int64_t Time(std::string_view token) const {
    if (token.starts_with('+')) return occurred_ + NumberOf(token.substr(1)) * kDaySeconds;
    return SecondsOf(token, offset_);
  }

  const int64_t occurred_;
  const int64_t offset_;
  const int64_t repetition_;
};

// What happens with one account.
struct Account {
  std::string id;
  // Each with the lines that continue it.
  std::vector<std::string> lines;
};

std::vector<Account> AccountsOf(std::string_view story) {
  constexpr std::string_view kAccount = "account ";
  std::vector<Account> accounts;
  while (!story.empty()) {
    const std::string_view line = TakeLine(story);
    if (line.empty() || line.front() == '#') continue;
    if (line.starts_with(kAccount)) {
      accounts.push_back({std::string(line.substr(kAccount.size())), {}});
    } else if (line.front() == ' ') {
      accounts.back().lines.back().append(line.substr(line.find_first_not_of(' ') - 1));
    } else {
      accounts.back().lines.emplace_back(line);
    }
  }
  return accounts;
}

// Adds the requests of one line, which are to be numbered yet.
void TellLine(std::string_view line, const Account& account, int64_t utc_offset_hours,
              std::vector<v1::AppendRequest>& requests) {
  const std::string_view day = TakeWord(line);
  const int64_t first = SecondsOf(fmt::format("{}T{}", day, TakeWord(line)), utc_offset_hours);
  int64_t times = 1;
  int64_t every_days = 0;
  if (std::isdigit(static_cast<unsigned char>(line.front())) != 0) {
    // "N times every D days".
    times = NumberOf(TakeWord(line));
    TakeWord(line);
    TakeWord(line);
    every_days = NumberOf(TakeWord(line));
    TakeWord(line);
  }
  for (int64_t i = 0; i < times; ++i) {
    const int64_t seconds = first + i * every_days * kDaySeconds;
    v1::AppendRequest& request = requests.emplace_back();
    request.set_account_id(account.id);
    request.mutable_expected_revision()->mutable_any();
    request.set_actor(kActor);
    request.set_view(v1::APPEND_VIEW_BASIC);
    v1::SubmittedEvent& submitted = *request.add_events();
    *submitted.mutable_occurred_time() = TimestampFromMicros(seconds * 1'000'000);
    const std::string text = Abbreviations(seconds, utc_offset_hours, i + 1).WriteOut(line);
    KL_CHECK(google::protobuf::TextFormat::ParseFromString(text, submitted.mutable_event()));
  }
}

void SortByTime(std::vector<v1::AppendRequest>& requests) {
  std::stable_sort(requests.begin(), requests.end(), [](const v1::AppendRequest& a, const v1::AppendRequest& b) {
    return a.events(0).occurred_time().seconds() < b.events(0).occurred_time().seconds();
  });
}

// The program as it is, but for where it governs and what it counts in.
std::string InItsPlace(std::string_view yaml, std::string_view region) {
  std::string out;
  while (!yaml.empty()) {
    const std::string_view line = TakeLine(yaml);
    if (line.starts_with("region:") || line.starts_with("currency_code:")) continue;
    out += fmt::format("{}\n", line);
    if (line.starts_with("program_id:")) out += fmt::format("region: {}\ncurrency_code: {}\n", region, kCurrency);
  }
  return out;
}

}  // namespace

std::vector<v1::PublishProgramRequest> DemoPrograms() {
  std::vector<v1::PublishProgramRequest> requests;
  for (const DemoText& text : DemoTexts()) {
    v1::PublishProgramRequest& request = requests.emplace_back();
    request.set_source_yaml(InItsPlace(text.program_yaml, PlaceOf(text.program_id).region));
    request.set_request_id(fmt::format("demo-program-{}-{}", text.program_id, StableHash(request.source_yaml())));
    request.set_actor(kActor);
  }
  return requests;
}

std::vector<v1::AppendRequest> DemoStory() {
  std::vector<v1::AppendRequest> all;
  for (const DemoText& text : DemoTexts()) {
    for (const Account& account : AccountsOf(text.story)) {
      std::vector<v1::AppendRequest> requests;
      for (const std::string& line : account.lines) {
        TellLine(line, account, PlaceOf(text.program_id).utc_offset_hours, requests);
      }
      SortByTime(requests);
      for (size_t i = 0; i < requests.size(); ++i) {
        requests[i].set_request_id(fmt::format("demo-story-{}-{}", account.id, i + 1));
        all.push_back(std::move(requests[i]));
      }
    }
  }
  SortByTime(all);
  return all;
}

std::vector<v1::StartReviewRequest> DemoReviews() {
  std::vector<v1::StartReviewRequest> requests;
  for (const int64_t day : kReviewDays) {
    for (const Place& place : kPlaces) {
      if (!place.reviewed) continue;
      v1::StartReviewRequest& request = requests.emplace_back();
      request.set_program_id(std::string(place.program_id));
      const int64_t seconds = day * kDaySeconds - place.utc_offset_hours * kHourSeconds;
      *request.mutable_as_of() = TimestampFromMicros(seconds * 1'000'000);
      request.set_request_id(fmt::format("demo-review-{}-{}", place.program_id, day));
      request.set_actor(kActor);
    }
  }
  return requests;
}

}  // namespace keyledger::cli
