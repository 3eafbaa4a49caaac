// The form of keyledgerd's log lines, on standard error.
#pragma once

#include <memory>
#include <string_view>

#include <spdlog/formatter.h>

#include "server/app/options.h"

namespace keyledger::app {

// The formatter of Options::log_format: "text" gives time, level and message in plain words, "json" one JSON object a
// line with the fields time (RFC 3339, UTC), level and message. A message may hold any bytes: in JSON those that are
// not UTF-8 become U+FFFD.
std::unique_ptr<spdlog::formatter> MakeLogFormatter(std::string_view log_format);

// Makes spdlog's default logger write to standard error as the options say.
void SetUpLog(const Options& options);

}  // namespace keyledger::app
