// The command line as a whole: global options, nouns, help. See app.h.
#include "client/cli/app.h"

#include <algorithm>

#include "client/cli/commands.h"
#include "client/cli/text.h"
#include "server/base/ids.h"

namespace keyledger::cli {
namespace {

constexpr const char* kFooter =
    "Exit codes: 0 ok; 2 usage; 3 invalid argument; 4 not found; 5 already exists or aborted (stale revision);\n"
    "6 refused by a rule; 7 exhausted, unavailable or deadline passed; 8 data loss or internal; 9 partly done\n"
    "(an import or a stream had refused rows, --by groups that no answer is possible for).\n"
    "Times are RFC 3339 (2026-01-31T08:15:00Z) or dates (2026-01-31, midnight UTC).";

// Every noun wants exactly one verb.
void RequireVerbs(CLI::App& app) {
  for (CLI::App* noun : app.get_subcommands([](CLI::App*) { return true; })) {
    if (!noun->get_subcommands([](CLI::App*) { return true; }).empty()) {
      noun->require_subcommand(1);
      RequireVerbs(*noun);
    }
  }
}

void AddGlobalOptions(CLI::App& app, GlobalOptions& options) {
  app.add_option("--server", options.server, "Address of the server, HOST:PORT")
      ->envname("KEYLEDGER_SERVER")
      ->capture_default_str();
  app.add_option("--output", options.output, "table, or json: the response as proto3 JSON")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  app.add_option("--timeout", options.timeout_seconds, "Seconds for a call with its retries")
      ->check(CLI::Range(0.001, 86400.0))
      ->capture_default_str();
  app.add_option("--color", options.color, "auto, always or never")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->capture_default_str();
  app.set_version_flag("--version", "keyledger " KL_VERSION);
}

}  // namespace

int Run(const std::vector<std::string>& arguments, Environment environment) {
  // Nothing else could be sent: texts of messages are UTF-8.
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (IsUtf8(arguments[i])) continue;
    environment.err << "error: argument " << i + 1 << " is not UTF-8: " << Printable(arguments[i])
                    << "\nSet the terminal to UTF-8, or convert what was pasted.\n";
    return kExitUsage;
  }
  CLI::App app("keyledger: the ledger of key accounts, from the command line", "keyledger");
  GlobalOptions options;
  Action selected;
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(kFooter);
  AddGlobalOptions(app, options);
  AddAccountCommands(app, selected);
  AddPurchaseCommands(app, selected);
  AddPointsCommands(app, selected);
  AddConductCommands(app, selected);
  AddContactCommands(app, selected);
  AddRelationCommands(app, selected);
  AddPeopleRecordCommands(app, selected);
  AddInteractionRecordCommands(app, selected);
  AddDealRecordCommands(app, selected);
  AddAgreementRecordCommands(app, selected);
  AddCareRecordCommands(app, selected);
  AddPipelineCommands(app, selected);
  AddPipelineAgreementCommands(app, selected);
  AddPipelineCareCommands(app, selected);
  AddPortfolioTransferCommands(app, selected);
  AddDutyCommands(app, selected);
  AddOwnerQueryCommands(app, selected);
  AddProfileCommands(app, selected);
  AddComplianceCommands(app, selected);
  AddTradeCommands(app, selected);
  AddFactCommands(app, selected);
  AddTierCommands(app, selected);
  AddRetentionCommands(app, selected);
  AddPortfolioCommands(app, selected);
  AddReportCommands(app, selected);
  AddProgramCommands(app, selected);
  AddLogCommands(app, selected);
  AddAdminCommands(app, selected);
  AddAuditCommands(app, selected);
  AddImportCommands(app, selected);
  AddDemoCommands(app, selected);
  AddCompletionCommands(app, selected);
  RequireVerbs(app);
  // CLI11 reports by exceptions; none leaves this function.
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::RequiredError& error) {
    // CLI11 names what is missing; a mistyped noun or verb is what is there instead.
    if (const std::vector<std::string> unknown = app.remaining(/*recurse=*/true); !unknown.empty()) {
      environment.err << "error: unknown command or argument: " << Printable(unknown.front())
                      << "\nRun with --help for more information.\n";
    } else {
      app.exit(error, environment.out, environment.err);
    }
    return kExitUsage;
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error, environment.out, environment.err);
    return code == 0 ? kExitOk : kExitUsage;
  }
  Session session(environment, options);
  return selected ? selected(session) : session.Usage("nothing to do");
}

}  // namespace keyledger::cli
