// keyledger program diff, explain, schema.
#include <variant>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "client/cli/commands.h"
#include "client/cli/program_name.h"
#include "client/cli/program_words.h"
#include "keyledger/ledger/v1/program_service.pb.h"

namespace keyledger::cli {
namespace {

using ::keyledger::programs::v1::Program;

// Reads a file by the server's rules. The exit code if that fails; the message has been printed.
std::variant<Program, int> LoadFile(Session& session, const std::string& path) {
  const std::optional<std::string> text = ReadInput(session, path);
  if (!text) {
    return kExitUsage;
  }
  v1::ValidateProgramRequest request;
  request.set_source_yaml(*text);
  const auto result = session.client().ValidateProgram(request);
  if (!result.ok()) {
    return session.Fail(result.error());
  }
  if (result->has_program()) {
    return result->program();
  }
  for (const v1::ProgramFinding& finding : result->findings()) {
    session.err() << fmt::format("{}:{}: {} {}\n", path, finding.line(), finding.path(), finding.message());
  }
  return kExitInvalidArgument;
}

std::variant<Program, int> LoadPublished(Session& session, const std::string& argument) {
  const std::optional<ProgramName> name = ParseProgramName(session, argument);
  if (!name) {
    return kExitUsage;
  }
  v1::GetProgramRequest request;
  request.set_program_id(name->id);
  request.set_version(name->version);
  const auto result = session.client().GetProgram(request);
  if (!result.ok()) {
    return session.Fail(result.error());
  }
  return result->program().program();
}

std::variant<Program, int> Load(Session& session, const std::string& argument) {
  return IsFileName(argument) ? LoadFile(session, argument) : LoadPublished(session, argument);
}

void AddDiff(CLI::App* noun, Action& selected) {
  struct Flags {
    std::string before;
    std::string after;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = AddVerb(
      noun, "diff", "Says in words what one program changes against another", selected, [flags](Session& session) {
        const auto before = Load(session, flags->before);
        if (const int* code = std::get_if<int>(&before)) {
          return *code;
        }
        const auto after = Load(session, flags->after);
        if (const int* code = std::get_if<int>(&after)) {
          return *code;
        }
        const std::vector<std::string> lines = DiffPrograms(std::get<Program>(before), std::get<Program>(after));
        if (session.json()) {
          const nlohmann::json answer = {{"differences", lines}};
          session.out() << answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
          return kExitOk;
        }
        for (const std::string& line : lines) {
          session.out() << line << "\n";
        }
        if (lines.empty()) {
          session.out() << "no difference\n";
        }
        return kExitOk;
      });
  verb->add_option("BEFORE", flags->before, kProgramHelp)->required();
  verb->add_option("AFTER", flags->after, kProgramHelp)->required();
}

void AddExplain(CLI::App* noun, Action& selected) {
  auto argument = std::make_shared<std::string>();
  CLI::App* verb = AddVerb(noun, "explain", "Shows a program in words", selected, [argument](Session& session) {
    const auto program = Load(session, *argument);
    if (const int* code = std::get_if<int>(&program)) {
      return *code;
    }
    if (session.json()) {
      session.PrintJson(std::get<Program>(program));
      return kExitOk;
    }
    for (const std::string& line : DescribeProgram(std::get<Program>(program))) {
      session.out() << line << "\n";
    }
    return kExitOk;
  });
  verb->add_option("PROGRAM", *argument, kProgramHelp)->required();
}

}  // namespace

void AddProgramWords(CLI::App* noun, Action& selected) {
  AddDiff(noun, selected);
  AddExplain(noun, selected);
  AddVerb(noun, "schema", "Prints the JSON Schema of a program's YAML, for editors; asks no server", selected,
          [](Session& session) {
            session.out() << ProgramSchema();
            return kExitOk;
          });
}

}  // namespace keyledger::cli
