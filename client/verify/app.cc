// The command line of keyledger-verify. See app.h.
#include "client/verify/app.h"

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "client/verify/bundle_check.h"
#include "client/verify/keys.h"
#include "client/verify/note_check.h"
#include "client/verify/probe.h"
#include "client/verify/report.h"
#include "server/base/error.h"

namespace keyledger::verify {
namespace {

constexpr const char* kFooter =
    "Exit codes: 0 all holds; 1 something does not hold; 2 usage; 3 a file cannot be read.\n"
    "Keys are those of the checkpoints, <name>+<hash>+<key>, one for each shard, got from somebody who is trusted\n"
    "(keyledger audit key show lists them). Keys that replaced them are found in the log.";

using Action = std::function<int(Environment&)>;

struct Options {
  std::string output = "text";
  std::vector<std::string> keys;
  std::string file;
  std::string newer;
  std::string proof;
  BundleOptions bundle;

  bool json() const { return output == "json"; }
};

int CheckBundleFile(Options& options, Environment& environment) {
  const auto fail = [&](const absl::Status& status, int code) {
    environment.err << "error: " << Printable(MessageOf(status)) << "\n";
    return code;
  };
  auto keys = ReadKeys(options.keys);
  if (!keys.ok()) return fail(keys.status(), absl::IsUnavailable(keys.status()) ? kExitCannotRead : kExitUsage);
  options.bundle.keys = *std::move(keys);
  options.bundle.path = options.file;
  if (options.bundle.temp_dir.empty()) {
    std::error_code error;
    options.bundle.temp_dir = std::filesystem::temp_directory_path(error).string();
    if (error) options.bundle.temp_dir = ".";
  }
  bool drawn = false;
  if (environment.err_is_terminal) {
    options.bundle.on_progress = [&](const audit::v1::ReplayProgress& progress) {
      if (progress.records_checked() % 65'536 != 0 && progress.records_replayed() % 65'536 != 0) return;
      drawn = true;
      environment.err << fmt::format("\rchecked {} of {}, replayed {}, findings {} ", progress.records_checked(),
                                     progress.records_total(), progress.records_replayed(), progress.findings())
                      << std::flush;
    };
  }
  const auto verdict = CheckBundle(options.bundle);
  if (drawn) environment.err << "\n";
  if (!verdict.ok()) return fail(verdict.status(), kExitCannotRead);
  if (options.json()) {
    PrintJsonReport(*verdict, environment.out);
  } else {
    PrintReport(*verdict, environment.out);
  }
  return verdict->holds() ? kExitHolds : kExitDoesNotHold;
}

// The verb with what verbs have in common.
CLI::App* AddVerb(CLI::App& app, const std::string& name, const std::string& description, Action& selected,
                  Action action) {
  CLI::App* verb = app.add_subcommand(name, description);
  verb->callback([&selected, action = std::move(action)] { selected = action; });
  return verb;
}

void AddKeys(CLI::App* verb, Options& options) {
  verb->add_option("--key", options.keys, "Verifier key, or a file of them, one a line; may be repeated")->required();
}

void AddVerbs(CLI::App& app, Options& options, Action& selected) {
  CLI::App* bundle = AddVerb(app, "bundle", "Checks an offline bundle: records, checkpoints, proofs, decisions",
                             selected, [&](Environment& environment) { return CheckBundleFile(options, environment); });
  bundle->add_option("FILE", options.file, "The bundle")->required();
  AddKeys(bundle, options);
  bundle->add_option("--temp-dir", options.bundle.temp_dir,
                     "Directory for temporary files, about as large as the bundle's content (default: the system's)");
  bundle->add_option("--temp-bytes-max", options.bundle.temp_bytes_max, "Bytes of temporary files, at most")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  bundle->add_flag("!--no-replay", options.bundle.replay, "Proofs and trees only: decisions are not derived again");
  bundle->add_option("--findings-max", options.bundle.findings_max, "List at most so many findings; all are counted")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();

  CLI::App* probe =
      AddVerb(app, "probe", "Checks proofs given as JSON lines, with what each line expects", selected,
              [&](Environment& environment) { return CheckProbes(options.file, options.json(), environment); });
  probe->add_option("FILE", options.file, "The proofs, one a line")->required();

  CLI::App* note = AddVerb(
      app, "note", "Checks a signed note: a checkpoint, a standing, a certificate of erasure", selected,
      [&](Environment& environment) { return CheckNote(options.file, options.keys, options.json(), environment); });
  note->add_option("FILE", options.file, "The note")->required();
  AddKeys(note, options);

  CLI::App* consistency =
      AddVerb(app, "consistency", "Checks that the log of one checkpoint begins with that of an older one", selected,
              [&](Environment& environment) {
                return CheckConsistency(options.file, options.newer, options.proof, options.keys, environment);
              });
  consistency->add_option("OLD", options.file, "The older checkpoint")->required();
  consistency->add_option("NEW", options.newer, "The newer checkpoint")->required();
  consistency->add_option("PROOF", options.proof, "The proof as JSON")->required();
  AddKeys(consistency, options);
}

}  // namespace

int Run(const std::vector<std::string>& arguments, Environment environment) {
  CLI::App app("keyledger-verify: checks what a ledger has given out, with public keys alone", "keyledger-verify");
  Options options;
  Action selected;
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(kFooter);
  app.set_version_flag("--version", "keyledger-verify " KL_VERSION);
  app.add_option("--output", options.output, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  AddVerbs(app, options, selected);
  // CLI11 reports by exceptions; none leaves this function.
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error, environment.out, environment.err);
    return code == 0 ? kExitHolds : kExitUsage;
  }
  return selected(environment);
}

}  // namespace keyledger::verify
