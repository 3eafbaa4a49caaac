// keyledger account management: how many accounts are managed, and not merely sold to.
#include "client/cli/commands.h"

#include <memory>

#include <fmt/format.h>

#include "client/cli/figures.h"
#include "client/cli/pipeline_flags.h"
#include "client/cli/scope_flags.h"

namespace keyledger::cli {
namespace {

struct ManagementFlags {
  PipelineFlags scope;
  std::string start;
  std::string by;
};

std::vector<std::string> CountCells(const std::string& name, const v1::ManagementCount& count) {
  std::vector<std::string> cells = {name};
  for (const int64_t number : {count.accounts(), count.owned(), count.planned(), count.reviewed(), count.asked(),
                               count.kept(), count.met(), count.managed()}) {
    cells.push_back(FormatCount(number));
  }
  cells.push_back(PercentOf(count.has_managed_share(), count.managed_share()));
  return cells;
}

void PrintManagement(Session& session, const std::string& by, const v1::GetManagementResponse& response) {
  std::vector<Column> columns = {{by}};
  for (const char* header : {"accounts", "owned", "planned", "reviewed", "asked", "kept", "met", "managed", "share"}) {
    columns.push_back({header, Align::kRight});
  }
  Table table(std::move(columns));
  for (const v1::ManagementCount& group : response.groups()) {
    table.Add(CountCells(group.value(), group));
  }
  table.Add(CountCells("all", response.total()));
  session.Print(table);
  if (response.without() > 0) {
    session.out() << fmt::format("{} accounts without a {}\n", FormatCount(response.without()), by);
  }
  if (response.truncated()) {
    session.out() << "there are more groups than the server lists\n";
  }
}

int ShowManagement(Session& session, const ManagementFlags& flags) {
  v1::GetManagementRequest request;
  flags.scope.Fill(request);
  if (!flags.start.empty()) {
    *request.mutable_start_time() = TimeOf(flags.start);
  }
  if (!flags.by.empty()) {
    request.set_dimension(DimensionOf(flags.by));
  }
  return Show(session, session.client().GetManagement(request), [&](const v1::GetManagementResponse& response) {
    PrintManagement(session, flags.by, response);
  });
}

}  // namespace

void AddManagement(CLI::App* account, Action& selected) {
  auto flags = std::make_shared<ManagementFlags>();
  CLI::App* verb =
      AddVerb(account, "management", "Shows how many accounts have an owner, a plan, its review and their cadence",
              selected, [flags](Session& session) { return ShowManagement(session, *flags); });
  verb->footer("Example: keyledger account management --by segment --start 2026-01-01");
  verb->add_option("--by", flags->by, "region, segment, owner, tier or club")
      ->check(CLI::IsMember({"region", "segment", "owner", "tier", "club"}));
  verb->add_option("--start", flags->start, "Only what came due or happened from this time on (default: a year)")
      ->check(TimeText());
  flags->scope.AddTo(verb, /*pages_too=*/false);
}

}  // namespace keyledger::cli
