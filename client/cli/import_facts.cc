// keyledger import facts. See import_facts.h.
#include "client/cli/import_facts.h"

#include <fstream>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "client/cli/fact_row.h"
#include "client/cli/import.h"
#include "client/cli/import_outcome.h"
#include "client/cli/progress.h"
#include "client/cli/text.h"
#include "client/cpp/appender.h"
#include "keyledger/ledger/v1/ledger_service.pb.h"

namespace keyledger::cli {
namespace {

struct FactsFlags {
  std::string kind;
  ImportFileFlags file;
  ImportOptions options;
};

uint64_t CountRows(std::istream& file, const ImportOptions& options) {
  RowReader reader(file, options.separator);
  Row row;
  uint64_t rows = 0;
  while (reader.Next(row)) {
    ++rows;
  }
  return rows - (options.header && rows > 0 ? 1 : 0);
}

v1::AppendRequest MakeRequest(FactRow row, const ImportOptions& options, std::string request_id) {
  v1::AppendRequest request;
  request.set_account_id(std::move(row.account_id));
  request.set_request_id(std::move(request_id));
  request.mutable_expected_revision()->mutable_any();
  request.set_actor(options.actor);
  request.set_view(v1::APPEND_VIEW_BASIC);
  v1::SubmittedEvent& submitted = *request.add_events();
  *submitted.mutable_occurred_time() = TimestampFromMicros(row.occurred_micros);
  *submitted.mutable_event() = std::move(row.event);
  return request;
}

// Sends the rows; returns how many were read.
uint64_t SendRows(Session& session, std::istream& file, const FactRowParser& parser, const FactsFlags& flags,
                  ImportOutcome& outcome, Progress& progress) {
  client::AppenderOptions appender_options;
  appender_options.give_up_after = std::max(session.timeout(), std::chrono::milliseconds(1000));
  client::PipelinedAppender appender(session.client().channel(), appender_options);
  RowReader reader(file, flags.options.separator);
  RowIds ids;
  Row row;
  bool header = flags.options.header;
  uint64_t read = 0;
  while (!outcome.fatal() && reader.Next(row)) {
    if (std::exchange(header, false)) {
      continue;
    }
    progress.Update(++read);
    auto parsed = parser.Parse(row);
    if (const std::string* reason = std::get_if<std::string>(&parsed)) {
      outcome.Reject(row.line, *reason, row.text);
      continue;
    }
    // Of the kind and the row, so that the same text in files of two kinds is two facts.
    std::string id = ids.Next(ImportRow(), fmt::format("{}\n{}", flags.kind, row.text));
    appender.Append(MakeRequest(std::move(std::get<FactRow>(parsed)), flags.options, std::move(id)),
                    [&outcome, line = row.line, text = row.text](const auto& result) {
                      outcome.OnRow(line, text, /*invoice_number=*/"", result);
                    });
  }
  appender.Flush();
  return read;
}

void Print(Session& session, const ImportOutcome& outcome, uint64_t read) {
  const std::string rejects = outcome.rejected() > 0 ? outcome.rejects_path() : "";
  if (session.json()) {
    const nlohmann::json summary = {{"rows_read", read},
                                    {"imported", outcome.imported()},
                                    {"already_there", outcome.replayed()},
                                    {"rejected", outcome.rejected()},
                                    {"rejects_file", rejects}};
    session.out() << summary.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n" << std::flush;
    return;
  }
  Table table({{"import"}, {"", Align::kRight}});
  table.Add({"rows read", FormatCount(read)});
  table.Add({"imported", FormatCount(outcome.imported())});
  table.Add({"already there", FormatCount(outcome.replayed())});
  table.Add({"rejected", FormatCount(outcome.rejected())});
  session.Print(table);
  if (!rejects.empty()) {
    session.err() << "rejected rows, with reasons: " << rejects << "\n";
  }
}

int ImportFacts(Session& session, const FactsFlags& flags) {
  std::string wrong;
  const std::optional<FactRowParser> parser =
      FactRowParser::Make(*FindFactKind(flags.kind), flags.file.columns, flags.options, wrong);
  if (!parser) {
    return session.Usage(fmt::format("{}; a {} has {}", wrong, flags.kind, FactColumns(*FindFactKind(flags.kind))));
  }
  std::ifstream file(flags.file.file, std::ios::binary);
  if (!file.is_open() || file.peek() == std::char_traits<char>::eof()) {
    return session.Usage((file.is_open() ? "" : "cannot read ") + flags.file.file +
                         (file.is_open() ? " is empty" : ""));
  }
  const uint64_t rows = CountRows(file, flags.options);
  file.clear();
  file.seekg(0);
  ImportOutcome outcome(flags.file.Rejects());
  Progress progress(session.err(), session.err_is_terminal(), "importing", rows);
  const uint64_t read = SendRows(session, file, *parser, flags, outcome, progress);
  progress.Finish(read);
  if (const auto fatal = outcome.fatal()) {
    session.Fail(*fatal);
    session.err() << "the import stopped; run it again to go on: what is in the ledger already stays as it is\n";
    Print(session, outcome, read);
    return ExitCodeOf(*fatal);
  }
  WaitForProjections(session);
  Print(session, outcome, read);
  if (!outcome.rejects_written()) {
    session.err() << "error: cannot write " << outcome.rejects_path() << "\n";
    return kExitInternal;
  }
  return outcome.rejected() > 0 ? kExitPartly : kExitOk;
}

// A verb that imports facts: of the kind that the command line names, or of that given.
void AddFactsVerb(CLI::App* import, Action& selected, const std::string& name, const std::string& description,
                  const std::string& kind) {
  auto flags = std::make_shared<FactsFlags>();
  flags->kind = kind;
  CLI::App* verb = AddVerb(import, name, description, selected, [flags](Session& session) {
    flags->file.Fill(flags->options);
    return ImportFacts(session, *flags);
  });
  std::vector<std::string> kinds;
  std::string columns = "Columns by kind.";
  for (const FactKind& one : kFactKinds) {
    if (!kind.empty() && one.name != kind) {
      continue;
    }
    kinds.emplace_back(one.name);
    columns += fmt::format("\n{}: {}.", one.name, FactColumns(one));
  }
  if (kind.empty()) {
    verb->add_option("KIND", flags->kind, fmt::format("{}", fmt::join(kinds, ", ")))
        ->required()
        ->check(CLI::IsMember(kinds));
  }
  flags->file.AddTo(
      verb, flags->options,
      "Columns by number from 1: account_id=1,occurred=2,score=3; values are written as the options of "
      "keyledger survey answer, interaction make and so on; several people or contacts are separated by ;");
  verb->footer(columns);
}

}  // namespace

void AddImportFacts(CLI::App* import, Action& selected) {
  AddFactsVerb(import, selected, "facts",
               "Imports surveys, budgets, costs, referrals, club members, competitors' moves, contracts, interactions, "
               "needs, scores, issues or owners, one kind a file; running it twice changes nothing",
               "");
  AddFactsVerb(import, selected, "interactions",
               "Imports interactions, as facts of that kind; running it twice changes nothing", "interaction");
}

}  // namespace keyledger::cli
