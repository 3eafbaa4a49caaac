// keyledger program: validate, format, publish, get, list; simulate, diff, explain, schema (commands_simulate.cc,
// commands_program_words.cc).
#include "client/cli/commands.h"

#include <fmt/format.h>

#include "client/cli/program_name.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/program_service.pb.h"

namespace keyledger::cli {
namespace {

std::string Validity(const ::keyledger::programs::v1::Program& program) {
  return FormatTime(program.effective_from()) + " to " +
         (program.has_effective_to() ? FormatTime(program.effective_to()) : std::string("open"));
}

void PrintProgram(Session& session, const v1::PublishedProgram& published) {
  const auto& program = published.program();
  Table table = Table::Fields();
  table.Add({"program", program.program_id()});
  table.Add({"version", std::to_string(program.version())});
  table.Add({"name", program.display_name()});
  table.Add({"valid", Validity(program)});
  table.Add({"region", program.region().empty() ? "everywhere" : program.region()});
  table.Add({"time zone", program.time_zone()});
  table.Add({"currency", program.currency_code()});
  table.Add({"accrual rules", std::to_string(program.accrual_rules_size())});
  table.Add({"tiers", std::to_string(program.tier_ladder().tiers_size())});
  table.Add({"published", FormatTime(published.publish_time())});
  session.Print(table);
}

void PrintFindings(Session& session, const google::protobuf::RepeatedPtrField<v1::ProgramFinding>& findings,
                   const char* kind) {
  Table table({{"line", Align::kRight}, {"column", Align::kRight}, {"path"}, {kind}});
  for (const v1::ProgramFinding& finding : findings) {
    table.Add({finding.line() > 0 ? std::to_string(finding.line()) : "",
               finding.column() > 0 ? std::to_string(finding.column()) : "", finding.path(), finding.message()});
  }
  session.Print(table);
}

void AddValidate(CLI::App* noun, Action& selected) {
  auto file = std::make_shared<std::string>();
  CLI::App* verb = AddVerb(noun, "validate", "Checks a program, lists every mistake or every warning; writes nothing",
                           selected, [file](Session& session) {
                             const std::optional<std::string> text = ReadInput(session, *file);
                             if (!text) {
                               return kExitUsage;
                             }
                             v1::ValidateProgramRequest request;
                             request.set_source_yaml(*text);
                             const auto result = session.client().ValidateProgram(request);
                             const int code = Show(session, result, [&](const v1::ValidateProgramResponse& response) {
                               if (!response.findings().empty()) {
                                 return PrintFindings(session, response.findings(), "mistake");
                               }
                               session.out() << fmt::format("{}: no mistakes\n", *file);
                               if (!response.warnings().empty()) {
                                 PrintFindings(session, response.warnings(), "warning");
                               }
                             });
                             return result.ok() && !result->findings().empty() ? kExitInvalidArgument : code;
                           });
  verb->add_option("FILE", *file, "YAML file, or - for stdin")->required();
}

void AddFormat(CLI::App* noun, Action& selected) {
  auto file = std::make_shared<std::string>();
  CLI::App* verb = AddVerb(noun, "format",
                           "Prints a program in normal form: fields in the schema's order, no comments; writes nothing",
                           selected, [file](Session& session) {
                             const std::optional<std::string> text = ReadInput(session, *file);
                             if (!text) return kExitUsage;
                             v1::ValidateProgramRequest request;
                             request.set_source_yaml(*text);
                             const auto result = session.client().ValidateProgram(request);
                             const int code = Show(session, result, [&](const v1::ValidateProgramResponse& response) {
                               if (!response.findings().empty())
                                 return PrintFindings(session, response.findings(), "mistake");
                               session.out() << response.normal_yaml();
                             });
                             return result.ok() && !result->findings().empty() ? kExitInvalidArgument : code;
                           });
  verb->add_option("FILE", *file, "YAML file, or - for stdin")->required();
}

void AddPublish(CLI::App* noun, Action& selected) {
  struct Flags {
    std::string file;
    std::string request_id;
    std::string actor;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = AddVerb(
      noun, "publish", "Publishes a program as the next version of its id", selected, [flags](Session& session) {
        const std::optional<std::string> text = ReadInput(session, flags->file);
        if (!text) {
          return kExitUsage;
        }
        v1::PublishProgramRequest request;
        request.set_source_yaml(*text);
        request.set_request_id(flags->request_id);
        request.set_actor(flags->actor);
        return Show(session, session.client().PublishProgram(request),
                    [&](const v1::PublishProgramResponse& response) { PrintProgram(session, response.program()); });
      });
  verb->add_option("FILE", flags->file, "YAML file, or - for stdin")->required();
  verb->add_option("--request-id", flags->request_id, "Makes the request safe to repeat (default: a new random id)");
  verb->add_option("--actor", flags->actor, "Who publishes");
}

void AddGet(CLI::App* noun, Action& selected) {
  struct Flags {
    std::string program;
    bool yaml = false;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = AddVerb(noun, "get", "Shows one version, or the latest", selected, [flags](Session& session) {
    const std::optional<ProgramName> name = ParseProgramName(session, flags->program);
    if (!name) {
      return kExitUsage;
    }
    v1::GetProgramRequest request;
    request.set_program_id(name->id);
    request.set_version(name->version);
    return Show(session, session.client().GetProgram(request), [&](const v1::GetProgramResponse& response) {
      if (flags->yaml) {
        session.out() << response.program().source_yaml();
      } else {
        PrintProgram(session, response.program());
      }
    });
  });
  verb->add_option("PROGRAM", flags->program, "ID for the latest version, or ID@VERSION")->required();
  verb->add_flag("--yaml", flags->yaml, "Print the text it was published from");
}

void AddList(CLI::App* noun, Action& selected) {
  struct Flags {
    std::string program;
    PageFlags page;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = AddVerb(noun, "list", "Lists versions", selected, [flags](Session& session) {
    v1::ListProgramsRequest request;
    request.set_program_id(flags->program);
    Table table(
        {{"program"}, {"version", Align::kRight}, {"name"}, {"valid"}, {"region"}, {"currency"}, {"published"}});
    return ShowPages(session, request, flags->page, &client::Client::ListPrograms, table,
                     [](Table& rows, const v1::ListProgramsResponse& response) {
                       for (const v1::PublishedProgram& published : response.programs()) {
                         const auto& program = published.program();
                         rows.Add({program.program_id(), std::to_string(program.version()), program.display_name(),
                                   Validity(program), program.region(), program.currency_code(),
                                   FormatTime(published.publish_time())});
                       }
                     });
  });
  verb->add_option("PROGRAM", flags->program, "Only this program");
  flags->page.AddTo(verb);
}

}  // namespace

void AddProgramCommands(CLI::App& root, Action& selected) {
  CLI::App* noun = root.add_subcommand("program", "Programs: the rules");
  AddValidate(noun, selected);
  AddFormat(noun, selected);
  AddPublish(noun, selected);
  AddGet(noun, selected);
  AddList(noun, selected);
  AddSimulate(noun, selected);
  AddProgramWords(noun, selected);
}

}  // namespace keyledger::cli
