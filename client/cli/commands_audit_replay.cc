// keyledger audit replay.
#include <fmt/format.h>

#include "client/cli/commands.h"
#include "client/cli/describe.h"
#include "client/cli/progress.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/audit_service.pb.h"

namespace keyledger::cli {
namespace {

// As keyledgerd --replay and keyledger-verify answer: something is wrong with the ledger.
constexpr int kExitFound = kExitInternal;

struct ReplayFlags {
  std::string account;
  uint32_t rate = 0;
  uint32_t findings_max = 0;
};

std::string KindName(audit::v1::FindingKind kind) {
  const std::string prefix = "FINDING_KIND_";
  const std::string name = audit::v1::FindingKind_Name(kind);
  return name.rfind(prefix, 0) == 0 ? name.substr(prefix.size()) : std::to_string(static_cast<int>(kind));
}

void PrintFinding(Session& session, const audit::v1::Finding& finding) {
  std::string where = finding.has_position() ? fmt::format("{}/{}", finding.shard(), finding.position())
                                             : fmt::format("shard {}", finding.shard());
  if (!finding.account_id().empty()) where += ", account " + Printable(finding.account_id());
  if (finding.has_revision()) where += fmt::format(", revision {}", finding.revision());
  if (!finding.rule().empty()) where += ", rule " + Printable(finding.rule());
  if (!finding.program().empty()) where += ", program " + Printable(finding.program());
  session.out() << fmt::format("{} at {}\n  {}\n", KindName(finding.kind()), where, Printable(finding.message()));
  if (!finding.expected().empty()) session.out() << fmt::format("  expected: {}\n", Printable(finding.expected()));
  if (!finding.found().empty()) session.out() << fmt::format("  found:    {}\n", Printable(finding.found()));
}

void PrintPoints(Session& session, const audit::v1::PointsConservation& points) {
  Table table({{"points in"}, {"", Align::kRight}, {"what became of them"}, {"", Align::kRight}});
  table.Add({"accrued", FormatCount(points.accrued()), "available", FormatCount(points.available())});
  table.Add({"adjusted", FormatCount(points.adjusted()), "pending", FormatCount(points.pending())});
  table.Add({"transferred in", FormatCount(points.transferred_in()), "reserved", FormatCount(points.reserved())});
  table.Add(
      {"transferred out", FormatCount(-points.transferred_out()), "in transit", FormatCount(points.in_transit())});
  table.Add({"", "", "spent", FormatCount(points.spent())});
  table.Add({"", "", "expired", FormatCount(points.expired())});
  table.Add({"", "", "reversed", FormatCount(points.reversed())});
  table.Add({"", "", "debt", FormatCount(-points.debt())});
  session.Print(table);
}

void PrintReport(Session& session, const audit::v1::ReplayReport& report) {
  session.out() << fmt::format(
      "{} records of {} accounts replayed, {} decisions derived again under {} program versions\n\n",
      FormatCount(report.records()), FormatCount(report.accounts()), FormatCount(report.decisions()),
      FormatCount(report.programs()));
  Table shards({{"shard", Align::kRight},
                {"records", Align::kRight},
                {"checkpoints verified", Align::kRight},
                {"covering", Align::kRight}});
  for (const audit::v1::ReplayedShard& shard : report.shards()) {
    shards.Add({std::to_string(shard.shard()), FormatCount(shard.records()), FormatCount(shard.checkpoints()),
                FormatCount(shard.checkpoint_size())});
  }
  session.Print(shards);
  session.out() << "\n";
  PrintPoints(session, report.points());
  if (!report.not_checked().empty()) session.out() << "\nnot checked\n";
  for (const std::string& sentence : report.not_checked()) {
    session.out() << fmt::format("  - {}\n", Printable(sentence));
  }
  if (report.findings() == 0) {
    session.out() << "\nnothing was found\n";
    return;
  }
  session.out() << fmt::format("\n{} findings\n", FormatCount(report.findings()));
  Table kinds({{"finding"}, {"", Align::kRight}});
  for (const audit::v1::FindingCount& count : report.by_kind()) {
    kinds.Add({KindName(count.kind()), FormatCount(count.count())});
  }
  session.Print(kinds);
}

int RunReplay(Session& session, const v1::ReplayRequest& request) {
  std::optional<Progress> progress;
  uint64_t total = 0;
  bool found = false;
  const auto failure = session.client().Replay(request, [&](const v1::ReplayResponse& frame) {
    if (frame.has_progress()) {
      // Every record is read twice: in the log, then in its account.
      if (!progress) {
        total = 2 * frame.progress().records_total();
        progress.emplace(session.err(), session.err_is_terminal(), "records read", total);
      }
      progress->Update(std::min(total, frame.progress().records_checked() + frame.progress().records_replayed()));
      return true;
    }
    if (frame.has_report()) {
      if (progress) progress->Finish(total);
      found = frame.report().findings() > 0;
    }
    if (session.json()) {
      session.PrintJson(frame, /*line=*/true);
    } else if (frame.has_finding()) {
      PrintFinding(session, frame.finding());
    } else {
      PrintReport(session, frame.report());
    }
    return true;
  });
  if (failure) return session.Fail(*failure);
  return found ? kExitFound : kExitOk;
}

}  // namespace

void AddAuditReplay(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<ReplayFlags>();
  CLI::App* verb =
      AddVerb(noun, "replay",
              "Checks the whole ledger: every record's place and hash, the signed checkpoints, every decision derived "
              "again, the points added up. Exit code 0: nothing found; 8: something is wrong. With --output json a "
              "line for each finding, last the report",
              selected, [flags](Session& session) {
                v1::ReplayRequest request;
                request.set_account_id(flags->account);
                request.set_records_per_second_max(flags->rate);
                request.set_findings_max(flags->findings_max);
                return RunReplay(session, request);
              });
  verb->add_option("--account", flags->account, "Only this account, and what its decisions rest on");
  verb->add_option("--rate", flags->rate, "Records read in a second, at most (default 50,000)");
  verb->add_option("--findings-max", flags->findings_max,
                   "Findings listed, 1 to 100,000 (default 1,000); all are counted");
}

}  // namespace keyledger::cli
