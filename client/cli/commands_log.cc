// keyledger log: append, stream, read, tail, get, account.
#include "client/cli/commands.h"

#include <atomic>
#include <fstream>
#include <mutex>
#include <thread>

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>
#include <nlohmann/json.hpp>

#include "client/cli/describe.h"
#include "client/cli/interrupt.h"
#include "client/cli/text.h"
#include "client/cpp/appender.h"
#include "client/cpp/subscription.h"
#include "keyledger/ledger/v1/ledger_service.pb.h"

namespace keyledger::cli {
namespace {

// Reads one AppendRequest from proto3 JSON; returns what is wrong, or "".
std::string ParseRequest(const std::string& json, v1::AppendRequest& request) {
  const auto status = google::protobuf::util::JsonStringToMessage(json, &request);
  return status.ok() ? std::string()
                     : "this is no AppendRequest in proto3 JSON: " +
                           std::string(status.message().data(), status.message().size());
}

// One line per record: time, place, account, what happened.
std::string RecordLine(const ev::EventRecord& record) {
  return Printable(fmt::format("{:<24} {:>13} {}  {}", FormatTime(record.occurred_time()),
                               fmt::format("{}/{}", record.shard(), record.position()), record.account_id(),
                               DescribeEvent(record.event())));
}

// Prints serialized records; false if one cannot be read.
template <typename Records>
bool PrintRecords(Session& session, const Records& records) {
  for (const std::string& bytes : records) {
    ev::EventRecord record;
    if (!record.ParseFromString(bytes)) {
      session.err() << "error: a record cannot be read\n";
      return false;
    }
    if (session.json()) {
      session.PrintJson(record, /*line=*/true);
    } else {
      session.out() << RecordLine(record) << "\n";
    }
  }
  session.out() << std::flush;
  return true;
}

void AddAppend(CLI::App* noun, Action& selected) {
  auto file = std::make_shared<std::string>("-");
  CLI::App* verb =
      AddVerb(noun, "append", "Appends one AppendRequest given as proto3 JSON", selected, [file](Session& session) {
        const std::optional<std::string> text = ReadInput(session, *file);
        if (!text) {
          return kExitUsage;
        }
        v1::AppendRequest request;
        if (const std::string wrong = ParseRequest(*text, request); !wrong.empty()) {
          return session.Usage(wrong);
        }
        return Show(session, session.client().Append(std::move(request)),
                    [&](const v1::AppendResponse& response) { PrintAppended(session, response); });
      });
  verb->add_option("FILE", *file, "JSON file, or - for stdin")->capture_default_str();
}

// Collects the answers of a stream and prints each as a line.
class StreamPrinter {
 public:
  explicit StreamPrinter(Session& session) : session_(session) {}

  void Print(uint64_t line, const client::Result<v1::AppendResponse>& result) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (result.ok()) {
      applied_ += result->replayed() ? 0 : 1;
      replayed_ += result->replayed() ? 1 : 0;
      if (session_.json()) {
        session_.PrintJson(*result, /*line=*/true);
      } else {
        session_.out() << fmt::format("line {}: {} at {}/{}\n", line,
                                      result->replayed() ? "applied before" : "appended", result->shard(),
                                      result->events().empty() ? 0 : result->events(0).position());
      }
      return;
    }
    ++refused_;
    const client::ClientError& error = result.error();
    if (session_.json()) {
      nlohmann::json fields = nlohmann::json::array();
      for (const client::FieldViolation& violation : error.fields) {
        fields.push_back({{"field", violation.field}, {"description", violation.description}});
      }
      const nlohmann::json answer = {{"error",
                                      {{"code", std::string(client::CodeName(error.code))},
                                       {"reason", error.reason},
                                       {"message", error.message},
                                       {"fields", fields}}}};
      session_.out() << answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
    } else {
      session_.out() << fmt::format("line {}: refused, {} {}\n", line, Printable(error.reason),
                                    Printable(error.message));
    }
    last_error_ = ExitCodeOf(error);
  }

  int Finish() {
    const std::lock_guard<std::mutex> lock(mutex_);
    session_.out() << std::flush;
    session_.err() << fmt::format("{} appended, {} applied before, {} refused\n", applied_, replayed_, refused_);
    if (refused_ == 0) {
      return kExitOk;
    }
    return applied_ + replayed_ > 0 ? kExitPartly : last_error_;
  }

 private:
  Session& session_;
  std::mutex mutex_;
  uint64_t applied_ = 0;
  uint64_t replayed_ = 0;
  uint64_t refused_ = 0;
  int last_error_ = kExitOk;
};

int StreamLines(Session& session, std::istream& lines) {
  StreamPrinter printer(session);
  std::string wrong;
  {
    client::AppenderOptions options;
    options.give_up_after = session.timeout();
    client::PipelinedAppender appender(session.client().channel(), options);
    std::string line;
    for (uint64_t number = 1; std::getline(lines, line); ++number) {
      if (Trim(line).empty()) {
        continue;
      }
      v1::AppendRequest request;
      wrong = ParseRequest(line, request);
      if (!wrong.empty()) {
        wrong = fmt::format("line {}: {}; the lines before it were sent", number, wrong);
        break;
      }
      appender.Append(std::move(request), [&printer, number](const auto& result) { printer.Print(number, result); });
    }
    appender.Flush();
  }
  const int code = printer.Finish();
  return wrong.empty() ? code : session.Usage(wrong);
}

void AddStream(CLI::App* noun, Action& selected) {
  auto file = std::make_shared<std::string>("-");
  CLI::App* verb = AddVerb(noun, "stream", "Appends one AppendRequest per line of JSON, pipelined over one stream",
                           selected, [file](Session& session) {
                             if (*file == "-") {
                               return StreamLines(session, session.in());
                             }
                             std::ifstream lines(*file);
                             if (!lines.is_open()) {
                               return session.Usage("cannot read " + *file);
                             }
                             return StreamLines(session, lines);
                           });
  verb->add_option("FILE", *file, "File of JSON lines, or - for stdin")->capture_default_str();
}

// Where a read or a subscription starts and what it lets through.
struct LogFlags {
  std::string from = "beginning";
  std::vector<std::string> kinds;
  std::vector<std::string> prefixes;
  uint64_t limit = 0;
  uint32_t shard = 0;
  CLI::Option* shard_option = nullptr;

  void AddTo(CLI::App* verb) {
    verb->add_option("--from", from, "beginning, end, or a cursor")->capture_default_str();
    verb->add_option("--kind", kinds, "Only this kind of event, for example purchase_recorded; may be repeated");
    verb->add_option("--account-prefix", prefixes, "Only accounts whose id starts so; may be repeated");
    verb->add_option("--limit", limit, "Stop after so many records (default: no limit)");
    shard_option = verb->add_option("--shard", shard, "Only this shard");
  }

  // Returns what is wrong, or "".
  template <typename Request>
  std::string Fill(Request& request) const {
    if (from == "beginning") {
      request.mutable_start()->mutable_beginning();
    } else if (from == "end") {
      request.mutable_start()->mutable_end();
    } else {
      request.mutable_start()->set_cursor(from);
    }
    for (const std::string& kind : kinds) {
      const auto* field = ev::Event::descriptor()->FindFieldByName(kind);
      if (field == nullptr) {
        return fmt::format("--kind: '{}' is no kind of event", kind);
      }
      request.mutable_filter()->add_kinds(static_cast<ev::EventKind>(field->number()));
    }
    for (const std::string& prefix : prefixes) {
      request.mutable_filter()->add_account_prefixes(prefix);
    }
    if (shard_option->count() > 0) {
      request.set_shard(shard);
    }
    return "";
  }
};

void AddRead(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<LogFlags>();
  CLI::App* verb =
      AddVerb(noun, "read", "Prints the log up to its head, one line per record", selected, [flags](Session& session) {
        v1::ReadLogRequest request;
        if (const std::string wrong = flags->Fill(request); !wrong.empty()) {
          return session.Usage(wrong);
        }
        request.set_limit(flags->limit);
        bool good = true;
        std::string cursor;
        const auto error = session.client().ReadLog(request, [&](const v1::ReadLogResponse& frame) {
          good = PrintRecords(session, frame.records());
          cursor = frame.cursor();
          return good;
        });
        if (!cursor.empty() && !session.json()) {
          session.err() << "cursor " << Printable(cursor) << "\n";
        }
        return error ? session.Fail(*error) : good ? kExitOk : kExitInternal;
      });
  flags->AddTo(verb);
}

int Tail(Session& session, const LogFlags& flags) {
  v1::SubscribeRequest request;
  if (const std::string wrong = flags.Fill(request); !wrong.empty()) {
    return session.Usage(wrong);
  }
  Interrupt interrupt;
  std::atomic<bool> bad{false};
  std::optional<client::ClientError> error;
  {
    uint64_t printed = 0;
    // An end that comes by itself (an error, the limit) wakes the same wait that Ctrl-C does.
    client::Subscription subscription(session.client().channel(), request, [&](const v1::SubscribeResponse& frame) {
      if (!frame.has_records()) {
        return true;
      }
      v1::RecordBatch batch = frame.records();
      if (flags.limit > 0 && printed + static_cast<uint64_t>(batch.records_size()) > flags.limit) {
        const int keep = static_cast<int>(flags.limit - printed);
        batch.mutable_records()->DeleteSubrange(keep, batch.records_size() - keep);
      }
      printed += static_cast<uint64_t>(batch.records_size());
      if (!PrintRecords(session, batch.records())) {
        bad = true;
        return false;
      }
      return flags.limit == 0 || printed < flags.limit;
    });
    std::thread waiter([&] {
      error = subscription.Wait();
      interrupt.Notify();
    });
    interrupt.Wait();
    subscription.Cancel();
    waiter.join();
    if (!session.json() && !subscription.cursor().empty()) {
      session.err() << "cursor " << Printable(subscription.cursor()) << "\n";
    }
  }
  return error ? session.Fail(*error) : bad ? kExitInternal : kExitOk;
}

void AddTail(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<LogFlags>();
  flags->from = "end";
  CLI::App* verb = AddVerb(noun, "tail", "Follows the log, one line per record, until Ctrl-C", selected,
                           [flags](Session& session) { return Tail(session, *flags); });
  flags->AddTo(verb);
}

void AddGet(CLI::App* noun, Action& selected) {
  struct Flags {
    std::string account;
    uint64_t revision = 0;
    uint32_t shard = 0;
    uint64_t position = 0;
    CLI::Option* by_position = nullptr;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb =
      AddVerb(noun, "get", "Shows one record, by --account and --revision or by --shard and --position", selected,
              [flags](Session& session) {
                v1::GetRecordRequest request;
                if (!flags->account.empty()) {
                  request.mutable_stream()->set_account_id(flags->account);
                  request.mutable_stream()->set_revision(flags->revision);
                } else if (flags->by_position->count() > 0) {
                  request.mutable_log()->set_shard(flags->shard);
                  request.mutable_log()->set_position(flags->position);
                } else {
                  return session.Usage("give --account and --revision, or --shard and --position");
                }
                return Show(session, session.client().GetRecord(request), [&](const v1::GetRecordResponse& response) {
                  const ev::EventRecord& record = response.record();
                  Table table = Table::Fields();
                  table.Add({"place", fmt::format("{}/{}", record.shard(), record.position())});
                  table.Add({"account", record.account_id()});
                  table.Add({"revision", std::to_string(record.revision())});
                  table.Add({"event id", record.event_id()});
                  table.Add({"request id", record.request_id()});
                  table.Add({"occurred", FormatTime(record.occurred_time())});
                  table.Add({"recorded", FormatTime(record.record_time())});
                  table.Add({"actor", record.actor()});
                  table.Add({"what", DescribeEvent(record.event())});
                  table.Add({"bytes", FormatCount(static_cast<int64_t>(response.record_bytes().size()))});
                  session.Print(table);
                });
              });
  CLI::Option* account = verb->add_option("--account", flags->account, "Account id");
  verb->add_option("--revision", flags->revision, "Place in the account's stream, from 0")->needs(account);
  verb->add_option("--shard", flags->shard, "Shard (default 0)");
  flags->by_position =
      verb->add_option("--position", flags->position, "Place in the shard's log, from 0")->excludes(account);
}

void AddAccount(CLI::App* noun, Action& selected) {
  struct Flags {
    v1::ReadAccountRequest request;
    std::string account;
    uint64_t from = 0;
    uint64_t limit = 0;
    bool backwards = false;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = AddVerb(noun, "account", "Prints the records of one account", selected, [flags](Session& session) {
    v1::ReadAccountRequest& request = flags->request;
    request.set_account_id(flags->account);
    request.set_from_revision(flags->from);
    request.set_limit(flags->limit);
    request.set_backwards(flags->backwards);
    bool good = true;
    const auto error = session.client().ReadAccount(request, [&](const v1::ReadAccountResponse& frame) {
      good = PrintRecords(session, frame.records());
      return good;
    });
    return error ? session.Fail(*error) : good ? kExitOk : kExitInternal;
  });
  verb->add_option("ACCOUNT", flags->account, "Account id")->required();
  verb->add_option("--from-revision", flags->from, "First revision; with --backwards the last, 0 meaning the head");
  verb->add_option("--limit", flags->limit, "At most so many records (default: all)");
  verb->add_flag("--backwards", flags->backwards, "Latest first");
}

}  // namespace

void AddLogCommands(CLI::App& root, Action& selected) {
  CLI::App* noun = root.add_subcommand("log", "The log: append, read, follow");
  AddAppend(noun, selected);
  AddStream(noun, selected);
  AddRead(noun, selected);
  AddTail(noun, selected);
  AddGet(noun, selected);
  AddAccount(noun, selected);
}

}  // namespace keyledger::cli
