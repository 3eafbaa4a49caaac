// keyledger audit export and standing: what an auditor takes home.
#include <filesystem>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "client/cli/commands.h"
#include "client/cli/part_file.h"
#include "client/cli/progress.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/audit_service.pb.h"

namespace keyledger::cli {
namespace {

struct ExportFlags {
  std::string file;
  std::string account;
  bool force = false;
};

int Export(Session& session, const ExportFlags& flags) {
  std::error_code ignored;
  if (!flags.force && std::filesystem::exists(flags.file, ignored)) {
    return session.Usage(fmt::format("{} exists; --force writes over it", flags.file));
  }
  PartFile file(flags.file);
  if (!file.error().empty()) return session.Usage(file.error());
  v1::ExportBundleRequest request;
  request.set_account_id(flags.account);
  std::optional<Progress> progress;
  uint64_t records = 0;
  const auto error = session.client().ExportBundle(request, [&](const v1::ExportBundleResponse& piece) {
    if (!progress.has_value() && piece.records_total() > 0) {
      progress.emplace(session.err(), session.err_is_terminal(), "records", piece.records_total());
    }
    records = piece.records_done();
    if (progress.has_value()) progress->Update(records);
    return file.Write(piece.data());
  });
  if (progress.has_value()) progress->Finish(records);
  if (error) return session.Fail(*error);
  if (!file.Finish()) {
    session.err() << "error: " << Printable(file.error()) << "\n";
    return kExitInternal;
  }
  if (session.json()) {
    const nlohmann::json answer = {{"file", flags.file}, {"bytes", file.bytes()}, {"records", records}};
    session.out() << answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  } else {
    session.out() << fmt::format("{}: {} records in {} bytes; check it with keyledger-verify bundle\n",
                                 Printable(flags.file), FormatCount(static_cast<int64_t>(records)),
                                 FormatCount(static_cast<int64_t>(file.bytes())));
  }
  return kExitOk;
}

}  // namespace

void AddAuditExport(CLI::App* noun, Action& selected) {
  auto flags = std::make_shared<ExportFlags>();
  CLI::App* verb = AddVerb(noun, "export", "Writes an offline bundle: the whole ledger, or one account with proofs",
                           selected, [flags](Session& session) { return Export(session, *flags); });
  verb->add_option("FILE", flags->file, "The file to write")->required();
  verb->add_option("--account", flags->account, "Only this account, with a signed standing");
  verb->add_flag("--force", flags->force, "Write over a file that exists");

  auto account = std::make_shared<std::string>();
  verb = AddVerb(noun, "standing", "Prints a signed statement of an account's tier and points", selected,
                 [account](Session& session) {
                   v1::GetSignedStandingRequest request;
                   request.set_account_id(*account);
                   return Show(
                       session, session.client().GetSignedStanding(request),
                       [&](const v1::GetSignedStandingResponse& response) { session.out() << response.statement(); });
                 });
  verb->add_option("ACCOUNT", *account, "Account id")->required();
}

}  // namespace keyledger::cli
