// kl_bench: prints in one run how fast the ledger is, beside what the machine can do without it. README.md says how
// each figure is measured.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "tests/bench/bench.h"
#include "tests/bench/echo_server.h"
#include "tests/bench/forecast_bench.h"

namespace keyledger::bench {
namespace {

// The names of --only.
const std::set<std::string> kNames = {"stream", "unary",  "lone",   "decide", "read",     "rebuild",   "start",
                                      "disk",   "review", "replay", "proofs", "forecast", "retention", "engagement"};

struct Flags {
  Scale scale;
  std::string dir;
  std::string only;
  std::string program = KL_SERVER_BINARY;
  std::string port_file;
  bool smoke = false;
  bool echo_server = false;
};

void RunAll(const Flags& flags, const std::string& dir, Report& report) {
  const Scale& scale = flags.scale;
  const auto wanted = [&](const char* name) { return flags.only.empty() || flags.only == name; };
  report.Note(fmt::format("{} processors; every figure: median (min - max)", std::thread::hardware_concurrency()));
  if (wanted("decide")) {
    report.Section("deciding, without storing");
    BenchDecide(scale, report);
    if (flags.only == "decide") return;
  }
  if (wanted("forecast")) {
    report.Section("forecasts");
    BenchForecast(KL_DATA_DIR, scale.repetitions, report);
    if (flags.only == "forecast") return;
  }
  if (wanted("retention")) {
    report.Section("retention");
    BenchRetention(dir, scale, report);
    if (flags.only == "retention") return;
  }
  if (wanted("engagement")) {
    report.Section("engagement");
    BenchEngagement(dir, scale, report);
    if (flags.only == "engagement") return;
  }
  if (wanted("proofs")) {
    report.Section("proofs");
    Ledger proved(dir + "/proofs", flags.program);
    proved.OpenAccounts(scale.accounts);
    BenchProofs(proved, dir, scale, report);
    if (flags.only == "proofs") return;
  }
  if (wanted("stream") || wanted("unary") || wanted("lone")) {
    Ledger plain(dir + "/plain", flags.program);
    plain.OpenAccounts(scale.accounts);
    report.Section("writing");
    if (wanted("stream")) BenchAppendStream(plain, "no program", dir, scale, report);
    if (wanted("unary")) BenchUnary(plain, "no program", dir, scale, report);
    if (wanted("lone")) BenchLone(plain, dir, scale, report);
  }
  Ledger ledger(dir + "/program", flags.program);
  ledger.PublishProgram();
  ledger.OpenAccounts(scale.accounts);
  if (wanted("stream")) BenchAppendStream(ledger, "program", dir, scale, report);
  if (wanted("unary")) BenchUnary(ledger, "program", dir, scale, report);
  if (wanted("review")) {
    report.Section(fmt::format("a review of {} accounts", scale.reviewed));
    Ledger ranked(dir + "/review", flags.program);
    BenchReview(ranked, scale, report);
  }
  if (!wanted("read") && !wanted("rebuild") && !wanted("start") && !wanted("disk") && !wanted("replay")) return;

  ledger.FillTo(scale.records);
  ledger.AwaitProjections();
  report.Section(fmt::format("a ledger of {} records", ledger.Status().record_count()));
  if (wanted("start")) {
    Ledger small(dir + "/small", flags.program);
    small.PublishProgram();
    small.OpenAccounts(std::max<uint64_t>(scale.few_records / 10, 1));
    small.FillTo(scale.few_records);
    small.AwaitProjections();
    BenchStart(ledger, small, scale, report);
  }
  // Everything in table files: what an iterator of another process sees, too.
  ledger.Restart();
  ledger.AwaitProjections();
  if (wanted("read")) BenchReadLog(ledger, scale, report);
  if (wanted("rebuild")) BenchRebuild(ledger, scale, report);
  if (wanted("replay")) BenchReplay(ledger, report);
  if (wanted("disk")) BenchDisk(ledger, report);
}

int Run(const Flags& flags) {
  std::filesystem::create_directories(flags.dir);
  std::string dir = flags.dir + "/kl_bench.XXXXXX";
  if (mkdtemp(dir.data()) == nullptr) Fail("cannot write to " + flags.dir);
  Report report;
  RunAll(flags, dir, report);
  std::filesystem::remove_all(dir);
  for (const std::string& name : report.senseless()) fmt::print(stderr, "kl_bench: {} makes no sense\n", name);
  fmt::print("\n{} figures\n", report.figures());
  // A whole run prints so many; fewer means that a measurement fell out.
  constexpr int kFiguresOfAWholeRun = 106;
  if (flags.only.empty() && report.figures() != kFiguresOfAWholeRun) {
    fmt::print(stderr, "kl_bench: {} figures are expected\n", kFiguresOfAWholeRun);
    return 1;
  }
  return report.senseless().empty() ? 0 : 1;
}

}  // namespace
}  // namespace keyledger::bench

int main(int argc, char** argv) {
  using keyledger::bench::kNames;
  keyledger::bench::Flags flags;
  flags.dir = std::filesystem::temp_directory_path().string();
  keyledger::bench::Scale& scale = flags.scale;
  CLI::App app("kl_bench: how fast the ledger is, beside what the machine can do without it.", "kl_bench");
  app.add_option("--records", scale.records, "Records in the ledger that is read, rebuilt and started")
      ->check(CLI::Range(10'000, 1'000'000'000))
      ->capture_default_str();
  app.add_option("--seconds", scale.seconds, "Length of one repetition of an append measurement, about")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  app.add_option("--repetitions", scale.repetitions, "Repetitions of each measurement")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--reviewed", scale.reviewed, "Accounts that a review ranks, and that retention is asked about")
      ->check(CLI::Range(100, 100'000'000))
      ->capture_default_str();
  app.add_option("--met", scale.met, "Accounts that meetings are made with, 100 to an owner")
      ->check(CLI::Range(100, 10'000'000))
      ->capture_default_str();
  app.add_option("--dir", flags.dir, "Directory on the disk to be measured")->capture_default_str();
  app.add_option("--only", flags.only, "Just this measurement")->check(CLI::IsMember(kNames));
  app.add_option("--keyledgerd", flags.program, "The server to measure")
      ->check(CLI::ExistingFile)
      ->capture_default_str();
  app.add_flag("--smoke", flags.smoke, "As little as gives every figure; the figures mean nothing");
  app.add_flag("--echo-server", flags.echo_server)->group("");
  app.add_option("--port-file", flags.port_file)->group("");
  CLI11_PARSE(app, argc, argv);
  if (flags.echo_server) return keyledger::bench::RunEchoServer(flags.port_file);
  if (flags.smoke) {
    scale.records = 10'000;
    scale.few_records = 1'000;
    scale.seconds = 0.1;
    scale.repetitions = 1;
    scale.accounts = 200;
    scale.lone = 25;
    scale.starts = 1;
    scale.reviewed = 1'000;
    scale.met = 300;
    scale.proved = 20'000;
    scale.proofs = 50;
  }
  return keyledger::bench::Run(flags);
}
