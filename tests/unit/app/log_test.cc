// Log lines: one a message, whatever is in it.
#include <chrono>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <spdlog/details/log_msg.h>
#include <nlohmann/json.hpp>

#include "server/app/log.h"

namespace keyledger::app {
namespace {

// 2026-11-22T10:46:45.948Z.
constexpr std::chrono::milliseconds kTime{1'795'344'405'948};

std::string Line(std::string_view format, std::string_view message) {
  const spdlog::details::log_msg line(spdlog::log_clock::time_point(kTime), {}, "keyledgerd", spdlog::level::err,
                                      {message.data(), message.size()});
  spdlog::memory_buf_t out;
  MakeLogFormatter(format)->format(line, out);
  return {out.data(), out.size()};
}

TEST(JsonLog, HasTimeLevelAndMessage) {
  EXPECT_EQ(Line("json", "stopped"),
            "{\"time\":\"2026-11-22T10:46:45.948Z\",\"level\":\"error\",\"message\":\"stopped\"}\n");
}

TEST(JsonLog, KeepsAMessageWithQuotesNewlinesAndUtf8OnOneValidLine) {
  const std::string message = "cannot open \"/data/\xe4\xb8\x8a\xe6\xb5\xb7\"\n\tat C:\\ledger {} %v \x01";
  const std::string line = Line("json", message);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_EQ(nlohmann::json::parse(line).at("message").get<std::string>(), message);
  EXPECT_NE(line.find(R"("message":"cannot open \"/data/)"
                      "\xe4\xb8\x8a\xe6\xb5\xb7"
                      R"(\"\n\tat C:\\ledger {} %v \u0001"})"),
            std::string::npos)
      << line;
}

TEST(JsonLog, ReplacesBytesThatAreNotUtf8) {
  const std::string line = Line("json", "key \xff\xfe end");
  EXPECT_EQ(nlohmann::json::parse(line).at("message").get<std::string>(), "key \xef\xbf\xbd\xef\xbf\xbd end");
}

TEST(TextLog, HasTimeLevelAndMessage) {
  EXPECT_EQ(Line("text", "stopped"), "2026-11-22T10:46:45.948Z error stopped\n");
}

}  // namespace
}  // namespace keyledger::app
