// DateFormat: reads dates by a strptime-like pattern in a time zone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <absl/time/time.h>

namespace keyledger::cli {

// Patterns: %Y four digits; %y two (69-99: 19yy, else 20yy); %m %d %e %H %I %M %S one or two digits (two where no
// separator follows); %f a fraction of a second; %p AM or PM; %b English month name or its first three letters; %D =
// %m/%d/%y; %F = %Y-%m-%d; %T = %H:%M:%S; %% a percent sign. A blank in the pattern matches any number of blanks. All
// text must be used up.
//
// Threads: immutable.
class DateFormat {
 public:
  // Returns nothing if the pattern knows no date or has an unknown letter, or the time zone is unknown; `error` says
  // which.
  static std::optional<DateFormat> Make(std::string_view pattern, const std::string& time_zone, std::string& error);

  // Returns microseconds since 1970 UTC; nothing if the text does not match or names no real date (30 February). A
  // local time that a daylight-saving change skips or repeats is read with the offset before the change.
  std::optional<int64_t> Parse(std::string_view text) const;

 private:
  DateFormat(std::string pattern, absl::TimeZone zone) : pattern_(std::move(pattern)), zone_(zone) {}

  std::string pattern_;  // without %D, %F and %T
  absl::TimeZone zone_;
};

}  // namespace keyledger::cli
