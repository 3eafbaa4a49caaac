// keyledger admin: status, projections, rebuild.
#include "client/cli/commands.h"

#include <map>

#include <fmt/format.h>

#include "client/cli/describe.h"
#include "client/cli/progress.h"
#include "client/cli/text.h"
#include "client/cpp/backoff.h"
#include "keyledger/ledger/v1/admin_service.pb.h"

namespace keyledger::cli {
namespace {

constexpr std::chrono::milliseconds kRebuildPoll{200};

void PrintStatus(Session& session, const v1::GetStatusResponse& response) {
  Table head = Table::Fields();
  head.Add({"server", response.version()});
  head.Add({"started", FormatTime(response.start_time())});
  head.Add({"ledger", response.ledger_id()});
  head.Add({"head", response.head_cursor()});
  session.Print(head);
  session.out() << "\n";
  Table table({{"shard", Align::kRight},
               {"state"},
               {"records", Align::kRight},
               {"queued", Align::kRight},
               {"groups", Align::kRight},
               {"disk bytes", Align::kRight},
               {"last record"},
               {"root hash"},
               {"detail"}});
  for (const v1::ShardInfo& shard : response.shards()) {
    table.Add({std::to_string(shard.shard()), ShortEnum(v1::ShardState_Name(shard.state()), "SHARD_STATE_"),
               FormatCount(shard.record_count()), FormatCount(shard.queued_requests()),
               FormatCount(shard.committed_groups()), FormatCount(shard.disk_bytes()),
               FormatTime(shard.last_record_time()), Hex(shard.root_hash()).substr(0, 16), shard.detail()});
  }
  session.Print(table);
}

template <typename Projections>
void PrintProjections(Session& session, const Projections& projections) {
  Table table({{"projection"},
               {"version", Align::kRight},
               {"shard", Align::kRight},
               {"state"},
               {"applied", Align::kRight},
               {"lag", Align::kRight},
               {"rebuild", Align::kRight},
               {"rebuilds", Align::kRight},
               {"digest"},
               {"detail"}});
  for (const v1::ProjectionInfo& info : projections) {
    const bool rebuilding = info.state() == v1::PROJECTION_STATE_REBUILDING;
    table.Add({info.name(), std::to_string(info.version()), std::to_string(info.shard()),
               ShortEnum(v1::ProjectionState_Name(info.state()), "PROJECTION_STATE_"), FormatCount(info.applied()),
               FormatCount(info.lag()), rebuilding ? FormatCount(info.rebuild_applied()) : "",
               FormatCount(info.rebuilds()), Hex(info.digest()), info.detail()});
  }
  session.Print(table);
}

// Follows a rebuild until every shard has finished one more than before.
int WaitForRebuild(Session& session, const std::string& name, const std::map<uint32_t, uint64_t>& before) {
  client::Waiter waiter;
  std::unique_ptr<Progress> progress;
  while (true) {
    const auto result = session.client().ListProjections(v1::ListProjectionsRequest());
    if (!result.ok()) {
      return session.Fail(result.error());
    }
    uint64_t done = 0;
    uint64_t total = 0;
    size_t finished = 0;
    for (const v1::ProjectionInfo& info : result->projections()) {
      const auto start = before.find(info.shard());
      if (info.name() != name || start == before.end()) {
        continue;
      }
      if (info.state() == v1::PROJECTION_STATE_FAILED) {
        session.err() << "error: the projection failed on shard " << info.shard() << ": " << Printable(info.detail())
                      << "\n";
        return kExitInternal;
      }
      const uint64_t head = info.applied() + info.lag();
      const bool over = info.state() != v1::PROJECTION_STATE_REBUILDING && info.rebuilds() > start->second;
      finished += over ? 1 : 0;
      total += head;
      done += over ? head : std::min(info.rebuild_applied(), head);
    }
    if (!progress) {
      progress = std::make_unique<Progress>(session.err(), session.err_is_terminal(), "rebuilding " + name, total);
    }
    if (finished == before.size()) {
      progress->Finish(done);
      if (session.json()) {
        session.PrintJson(*result);
      } else {
        session.out() << fmt::format("{}: rebuilt from {} records in {:.1f} s\n", name, FormatCount(total),
                                     progress->seconds());
      }
      return kExitOk;
    }
    progress->Update(done);
    waiter.WaitFor(kRebuildPoll);
  }
}

void AddRebuild(CLI::App* noun, Action& selected) {
  struct Flags {
    std::string name;
    bool wait = false;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = AddVerb(noun, "rebuild", "Rebuilds a projection from zero beside the one that serves, then switches",
                           selected, [flags](Session& session) {
                             v1::RebuildProjectionRequest request;
                             request.set_name(flags->name);
                             // Counted before the start: a small rebuild may be over before its answer is read.
                             std::map<uint32_t, uint64_t> before;
                             const auto listed = session.client().ListProjections(v1::ListProjectionsRequest());
                             if (!listed.ok()) {
                               return session.Fail(listed.error());
                             }
                             for (const v1::ProjectionInfo& info : listed->projections()) {
                               if (info.name() == flags->name) {
                                 before[info.shard()] = info.rebuilds();
                               }
                             }
                             const auto result = session.client().RebuildProjection(request);
                             if (!result.ok() || !flags->wait) {
                               return Show(session, result, [&](const v1::RebuildProjectionResponse& response) {
                                 PrintProjections(session, response.projections());
                               });
                             }
                             return WaitForRebuild(session, flags->name, before);
                           });
  verb->add_option("PROJECTION", flags->name, "accounts, points, tiers or retention")->required();
  verb->add_flag("--wait", flags->wait, "Show progress until it is done");
}

}  // namespace

void AddAdminCommands(CLI::App& root, Action& selected) {
  CLI::App* noun = root.add_subcommand("admin", "Operation: status, projections, rebuilds");
  AddVerb(noun, "status", "Shows the server and its shards", selected, [](Session& session) {
    return Show(session, session.client().GetStatus(v1::GetStatusRequest()),
                [&](const v1::GetStatusResponse& response) { PrintStatus(session, response); });
  });
  auto digest = std::make_shared<bool>(false);
  CLI::App* projections =
      AddVerb(noun, "projections", "Lists projections with their lag", selected, [digest](Session& session) {
        v1::ListProjectionsRequest request;
        request.set_with_digest(*digest);
        return Show(
            session, session.client().ListProjections(request),
            [&](const v1::ListProjectionsResponse& response) { PrintProjections(session, response.projections()); });
      });
  projections->add_flag("--digest", *digest, "Compute digests of the rows (reads all of them)");
  AddRebuild(noun, selected);
}

}  // namespace keyledger::cli
