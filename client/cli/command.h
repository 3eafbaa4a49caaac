// What every command is made of: the environment it runs in, the session with its options and client, and the flags
// commands share.
#pragma once

#include <chrono>
#include <functional>
#include <istream>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include <google/protobuf/message.h>
#include <CLI/CLI.hpp>

#include "client/cli/chart.h"
#include "client/cli/exit_code.h"
#include "client/cli/table.h"
#include "client/cpp/client.h"
#include "keyledger/events/v1/record.pb.h"

namespace keyledger::cli {

namespace v1 = ::keyledger::ledger::v1;
namespace ev = ::keyledger::events::v1;

// Where a command reads and writes. Tests put strings here.
struct Environment {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  bool in_is_terminal = false;
  // Whether the terminal shows characters beyond ASCII.
  bool utf8 = false;
  // NO_COLOR is set (https://no-color.org).
  bool no_color = false;
  // Width of the terminal.
  int columns = 80;
};

struct GlobalOptions {
  std::string server = "127.0.0.1:7450";
  std::string output = "table";
  double timeout_seconds = 30;
  std::string color = "auto";
};

// One run of the command.
// Threads: thread-compatible; what client() returns is thread-safe.
class Session {
 public:
  Session(Environment& environment, const GlobalOptions& options) : environment_(environment), options_(options) {}

  std::istream& in() { return environment_.in; }
  std::ostream& out() { return environment_.out; }
  std::ostream& err() { return environment_.err; }
  bool out_is_terminal() const { return environment_.out_is_terminal; }
  bool err_is_terminal() const { return environment_.err_is_terminal; }
  bool in_is_terminal() const { return environment_.in_is_terminal; }
  bool json() const { return options_.output == "json"; }
  bool colour() const;
  // How charts are drawn here.
  ChartStyle chart_style() const { return {environment_.utf8, colour(), environment_.columns}; }
  // Whether to draw them: --chart is always, or auto and the answer goes to a terminal.
  bool charts(const std::string& chart) const {
    return !json() && (chart == "always" || (chart == "auto" && environment_.out_is_terminal));
  }
  std::chrono::milliseconds timeout() const;

  // Made when first asked for.
  client::Client& client();

  // Prints a message as one line of proto3 JSON with the field names of the .proto (indented on a terminal unless
  // `line`).
  void PrintJson(const google::protobuf::Message& message, bool line = false);
  // The JSON text of PrintJson, without whitespace.
  static std::string JsonText(const google::protobuf::Message& message);
  void Print(const Table& table);
  // Prints why a call failed, and what to do (`advice`; empty: what usually helps), to stderr; returns the exit code.
  int Fail(const client::ClientError& error, const std::string& advice = "");
  // Prints that there is nothing of what was asked for, to stderr; returns kExitNotFound.
  int NotFound(const std::string& message);
  // Prints a mistake of the command line to stderr; returns kExitUsage.
  int Usage(const std::string& message);

 private:
  Environment& environment_;
  const GlobalOptions& options_;
  std::unique_ptr<client::Client> client_;
};

// What a verb does; returns the exit code.
using Action = std::function<int(Session&)>;

// The noun of that name. Verbs of one noun may come from several files: whoever asks first adds it, with the
// description.
CLI::App* Noun(CLI::App& root, const std::string& name, const std::string& description);

// Adds the verb to the noun; when it is on the command line, `selected` becomes its action.
CLI::App* AddVerb(CLI::App* noun, const std::string& name, const std::string& description, Action& selected,
                  Action action);

// Checks for CLI11: a time, an amount of money, a percentage of at most one decimal.
CLI::Validator TimeText();
CLI::Validator MoneyText();
CLI::Validator PercentText();

// The time of an option that TimeText has checked.
// Requires: `text` is valid.
google::protobuf::Timestamp TimeOf(const std::string& text);

// The thousandths of an option that PercentText has checked.
// Requires: `text` is valid.
int32_t MilliOf(const std::string& text);

// --as-of and --min-cursor of queries.
struct ReadFlags {
  std::string as_of;
  std::string min_cursor;

  void AddTo(CLI::App* verb, bool with_as_of = true);
  template <typename Request>
  void Fill(Request& request) const {
    if constexpr (requires { request.mutable_as_of(); }) {
      if (!as_of.empty()) {
        *request.mutable_as_of() = TimeOf(as_of);
      }
    }
    if constexpr (requires { request.set_min_cursor(min_cursor); }) {
      request.set_min_cursor(min_cursor);
    }
  }
};

// --page-size, --page-token and --all of lists.
struct PageFlags {
  int page_size = 0;
  std::string page_token;
  bool all = false;

  void AddTo(CLI::App* verb);
};

// Prints a response as JSON or by `render`, or its error.
template <typename Response, typename Render>
int Show(Session& session, const client::Result<Response>& result, const Render& render) {
  if (!result.ok()) {
    return session.Fail(result.error());
  }
  if (session.json()) {
    session.PrintJson(*result);
  } else {
    render(*result);
  }
  return kExitOk;
}

// Calls a list method once, or with --all to the last page. As JSON each page is a document of its own; as a table all
// pages are one.
template <typename Request, typename Response, typename AddRows>
int ShowPages(Session& session, Request request, const PageFlags& flags,
              client::Result<Response> (client::Client::*method)(const Request&), Table table,
              const AddRows& add_rows) {
  request.set_page_size(flags.page_size);
  request.set_page_token(flags.page_token);
  while (true) {
    const client::Result<Response> result = (session.client().*method)(request);
    if (!result.ok()) {
      return session.Fail(result.error());
    }
    if (session.json()) {
      session.PrintJson(*result);
    } else {
      add_rows(table, *result);
    }
    request.set_page_token(result->next_page_token());
    if (!flags.all || request.page_token().empty()) {
      break;
    }
  }
  if (!session.json()) {
    session.Print(table);
    if (!request.page_token().empty()) {
      session.err() << "more: add --all, or --page-token " << request.page_token() << "\n";
    }
  }
  return kExitOk;
}

// What all commands that append share.
struct WriteFlags {
  std::string account;
  std::string occurred = "now";
  std::string request_id;
  std::string expect = "any";
  std::string actor;
  std::string event_id;
  std::string correlation_id;
  std::string causation_id;

  void AddTo(CLI::App* verb);
};

// The request that appends one event. Nothing if a flag is wrong; the message has been printed.
std::optional<v1::AppendRequest> MakeAppend(Session& session, const WriteFlags& flags, ev::Event event);
// Appends one event and prints the answer.
int AppendEvent(Session& session, const WriteFlags& flags, ev::Event event);
// Prints the answer to an append.
void PrintAppended(Session& session, const v1::AppendResponse& response);

// Reads a file, or stdin for "-". Nothing if it cannot be read; the message has been printed.
std::optional<std::string> ReadInput(Session& session, const std::string& path);

// Whether an argument that may be a file or a program id is a file: an id has neither dot nor slash.
bool IsFileName(const std::string& argument);

}  // namespace keyledger::cli
