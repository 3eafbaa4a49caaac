// keyledger import purchases. See import.h.
#include "client/cli/import.h"

#include <fstream>
#include <unordered_map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "client/cli/commands.h"
#include "client/cli/import_facts.h"
#include "client/cli/import_outcome.h"
#include "client/cli/progress.h"
#include "client/cli/text.h"
#include "client/cpp/appender.h"
#include "client/cpp/backoff.h"
#include "keyledger/ledger/v1/admin_service.pb.h"
#include "keyledger/ledger/v1/ledger_service.pb.h"

namespace keyledger::cli {
namespace {

constexpr std::chrono::milliseconds kProjectionPoll{100};

// The sums of purchases or of returns that are in the ledger.
struct Sums {
  uint64_t rows = 0;
  __int128 units = 0;
  __int128 micros = 0;
};

// Added to by the appender's callbacks, which run one at a time; read after its Flush.
struct Trade {
  Sums purchases;
  Sums returns;

  void Add(const ImportRow& row) {
    Sums& sums = row.is_return ? returns : purchases;
    ++sums.rows;
    sums.units += row.quantity;
    sums.micros += row.amount_micros;
  }
};

void Print(Session& session, const ImportOutcome& outcome, const Trade& trade, uint64_t read, uint64_t skipped,
           const std::string& currency, double seconds) {
  const std::string rejects = outcome.rejected() > 0 ? outcome.rejects_path() : "";
  if (session.json()) {
    const auto sums = [&](const Sums& of) {
      return nlohmann::json{{"rows", of.rows},
                            {"units", std::to_string(static_cast<int64_t>(of.units))},
                            {"amount_micros", std::to_string(static_cast<int64_t>(of.micros))}};
    };
    const nlohmann::json summary = {{"rows_read", read},
                                    {"imported", outcome.imported()},
                                    {"already_there", outcome.replayed()},
                                    {"rejected", outcome.rejected()},
                                    {"skipped", skipped},
                                    {"accounts_opened", outcome.opened()},
                                    {"currency_code", currency},
                                    {"purchases", sums(trade.purchases)},
                                    {"returns", sums(trade.returns)},
                                    {"rejects_file", rejects}};
    session.out() << summary.dump() << "\n" << std::flush;
    return;
  }
  Table table({{"import"}, {"", Align::kRight}});
  table.Add({"rows read", FormatCount(read)});
  table.Add({"imported", FormatCount(outcome.imported())});
  table.Add({"already there", FormatCount(outcome.replayed())});
  table.Add({"rejected", FormatCount(outcome.rejected())});
  if (skipped > 0) {
    table.Add({"skipped, amount zero", FormatCount(skipped)});
  }
  table.Add({"accounts opened", FormatCount(outcome.opened())});
  table.Add({"purchases", FormatCount(trade.purchases.rows)});
  table.Add({"  units", FormatCount(trade.purchases.units)});
  table.Add({"  amount", FormatMicros(trade.purchases.micros) + " " + currency});
  table.Add({"returns", FormatCount(trade.returns.rows)});
  table.Add({"  units", FormatCount(trade.returns.units)});
  table.Add({"  amount", FormatMicros(trade.returns.micros) + " " + currency});
  session.Print(table);
  if (!rejects.empty()) {
    session.err() << "rejected rows, with reasons: " << rejects << "\n";
  }
  session.err() << fmt::format("{} rows in {:.1f} s, {} rows/s\n", FormatCount(read), seconds,
                               FormatCount(static_cast<int64_t>(static_cast<double>(read) / std::max(seconds, 1e-3))));
}

// The earliest time of each account over the whole file, and the number of rows.
struct FirstPass {
  std::unordered_map<std::string, int64_t> open_micros;
  uint64_t rows = 0;
};

FirstPass ReadFirst(std::istream& file, const ImportRowParser& parser, const ImportOptions& options) {
  FirstPass pass;
  RowReader reader(file, options.separator);
  Row row;
  bool header = options.header;
  while (reader.Next(row)) {
    if (std::exchange(header, false)) {
      continue;
    }
    ++pass.rows;
    const auto parsed = parser.Parse(row);
    const ImportRow* good = std::get_if<ImportRow>(&parsed);
    if (good == nullptr || (options.skip_zero_amount && good->amount_micros == 0)) {
      continue;
    }
    const auto [at, fresh] = pass.open_micros.emplace(good->account_id, good->occurred_micros);
    if (!fresh) {
      at->second = std::min(at->second, good->occurred_micros);
    }
  }
  return pass;
}

// Sends the rows; returns how many were read and how many skipped for their amount.
std::pair<uint64_t, uint64_t> SendRows(Session& session, std::istream& file, const ImportRowParser& parser,
                                       const ImportOptions& options, FirstPass& first, ImportOutcome& outcome,
                                       Trade& trade, Progress& progress) {
  client::AppenderOptions appender_options;
  appender_options.give_up_after = std::max(session.timeout(), std::chrono::milliseconds(1000));
  client::PipelinedAppender appender(session.client().channel(), appender_options);
  RowReader reader(file, options.separator);
  RowIds ids;
  Row row;
  bool header = options.header;
  uint64_t read = 0;
  uint64_t skipped = 0;
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
    auto good = std::make_shared<ImportRow>(std::move(std::get<ImportRow>(parsed)));
    if (options.skip_zero_amount && good->amount_micros == 0) {
      ++skipped;
      continue;
    }
    // An entry that is still there has not been opened by this run; the stream keeps the order, so its rows find it
    // open.
    if (const auto open = first.open_micros.find(good->account_id); open != first.open_micros.end()) {
      appender.Append(MakeOpenRequest(good->account_id, open->second, options),
                      [&outcome](const auto& result) { outcome.OnOpened(result); });
      first.open_micros.erase(open);
    }
    v1::AppendRequest request = MakeRowRequest(*good, options, ids.Next(*good, row.text));
    appender.Append(std::move(request), [&outcome, &trade, good, line = row.line, text = row.text](const auto& result) {
      if (outcome.OnRow(line, text, good->invoice_number, result)) {
        trade.Add(*good);
      }
    });
  }
  appender.Flush();
  return {read, skipped};
}

}  // namespace

void WaitForProjections(Session& session) {
  client::Waiter waiter;
  const auto deadline =
      std::chrono::steady_clock::now() + std::max(session.timeout(), std::chrono::milliseconds(60'000));
  std::unique_ptr<Progress> progress;
  while (true) {
    const auto result = session.client().ListProjections(v1::ListProjectionsRequest());
    if (!result.ok()) {
      return;
    }
    uint64_t applied = 0;
    uint64_t total = 0;
    bool failed = false;
    for (const v1::ProjectionInfo& info : result->projections()) {
      failed = failed || info.state() == v1::PROJECTION_STATE_FAILED;
      applied += info.applied();
      total += info.applied() + info.lag();
    }
    if (applied == total || failed || std::chrono::steady_clock::now() >= deadline) {
      if (progress) {
        progress->Finish(applied);
      }
      return;
    }
    if (!progress) {
      progress = std::make_unique<Progress>(session.err(), session.err_is_terminal(), "projections", total);
    }
    progress->Update(applied);
    waiter.WaitFor(kProjectionPoll);
  }
}

void ImportFileFlags::AddTo(CLI::App* verb, ImportOptions& options, const std::string& about_columns) {
  verb->add_option("FILE", file, "File of rows")->required();
  verb->add_option("--columns", columns, about_columns)->required();
  verb->add_option("--separator", separator, "comma, semicolon, tab, or space for runs of blanks")
      ->check(CLI::IsMember({"comma", "semicolon", "tab", "space"}))
      ->capture_default_str();
  verb->add_flag("--header", options.header, "The first row holds names");
  verb->add_option("--date-format", options.date_format, "How times are written, as in strptime")
      ->capture_default_str();
  verb->add_option("--time-zone", options.time_zone, "IANA zone times are in")->capture_default_str();
  verb->add_option("--currency", options.currency, "ISO 4217 code")->capture_default_str();
  verb->add_option("--amount-unit", amount_unit, "What amounts and costs count: unit, cent, milli or micro")
      ->check(CLI::IsMember({"unit", "cent", "milli", "micro"}))
      ->capture_default_str();
  verb->add_option("--account-prefix", options.account_prefix, "Put before every account id");
  verb->add_option("--rejects", rejects, "File for rejected rows (default: FILE.rejected.tsv)");
  verb->add_option("--actor", options.actor, "Who submits");
}

void ImportFileFlags::Fill(ImportOptions& options) const {
  options.separator = separator == "space"       ? Separator::kSpace
                      : separator == "tab"       ? Separator::kTab
                      : separator == "semicolon" ? Separator::kSemicolon
                                                 : Separator::kComma;
  options.amount_unit_micros = amount_unit == "cent"    ? 10'000
                               : amount_unit == "milli" ? 1'000
                               : amount_unit == "micro" ? 1
                                                        : 1'000'000;
}

int ImportPurchases(Session& session, const std::string& path, const ImportOptions& options,
                    const std::string& rejects_path) {
  std::string wrong;
  const std::optional<ImportRowParser> parser = ImportRowParser::Make(options, wrong);
  if (!parser) {
    return session.Usage(wrong);
  }
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open() || file.peek() == std::char_traits<char>::eof()) {
    return session.Usage(file.is_open() ? path + " is empty" : "cannot read " + path);
  }
  FirstPass first = ReadFirst(file, *parser, options);
  file.clear();
  file.seekg(0);
  ImportOutcome outcome(rejects_path);
  Trade trade;
  Progress progress(session.err(), session.err_is_terminal(), "importing", first.rows);
  const auto [read, skipped] = SendRows(session, file, *parser, options, first, outcome, trade, progress);
  progress.Finish(read);
  if (const auto fatal = outcome.fatal()) {
    session.Fail(*fatal);
    session.err() << "the import stopped; run it again to go on: what is in the ledger already stays as it is\n";
    Print(session, outcome, trade, read, skipped, options.currency, progress.seconds());
    return ExitCodeOf(*fatal);
  }
  WaitForProjections(session);
  Print(session, outcome, trade, read, skipped, options.currency, progress.seconds());
  if (!outcome.rejects_written()) {
    session.err() << "error: cannot write " << rejects_path << "\n";
    return kExitInternal;
  }
  return outcome.rejected() > 0 ? kExitPartly : kExitOk;
}

void AddImportCommands(CLI::App& root, Action& selected) {
  struct Flags {
    ImportFileFlags file;
    ImportOptions options;
  };
  CLI::App* noun = root.add_subcommand("import", "Imports files");
  auto flags = std::make_shared<Flags>();
  CLI::App* verb =
      AddVerb(noun, "purchases", "Imports purchases and returns from a file of rows; running it twice changes nothing",
              selected, [flags](Session& session) {
                ImportOptions& options = flags->options;
                if (const std::string wrong = ParseColumns(flags->file.columns, options.columns); !wrong.empty()) {
                  return session.Usage(wrong);
                }
                flags->file.Fill(options);
                return ImportPurchases(session, flags->file.file, options, flags->file.Rejects());
              });
  ImportOptions& options = flags->options;
  flags->file.AddTo(verb, options,
                    "Columns by number from 1: account_id=2,occurred=3,amount=5 and as there are units, invoice, "
                    "merchant, region, category, sku, cost");
  verb->add_option("--returns-prefix", options.returns_prefix, "Invoice numbers that start so are returns");
  verb->add_flag("--skip-zero-amount", options.skip_zero_amount, "Leave out rows with amount zero");
  verb->add_option("--merchant", options.merchant,
                   "Merchant of rows without one (default: import, for rows with an invoice)");
  AddImportFacts(noun, selected);
}

}  // namespace keyledger::cli
