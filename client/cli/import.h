// The import: a file of rows through a PipelinedAppender, safe to repeat.
#pragma once

#include <string>

#include "client/cli/command.h"
#include "client/cli/import_row.h"

namespace keyledger::cli {

// Waits until every projection has applied what the log holds, at most the session's timeout, so that the next query
// shows what was just written. A server that cannot tell is not waited for. Blocks: until then.
void WaitForProjections(Session& session);

// The options that every import has.
struct ImportFileFlags {
  std::string file;
  std::string columns;
  std::string separator = "comma";
  std::string amount_unit = "unit";
  std::string rejects;

  // Lifetime: `options` outlives the command line.
  void AddTo(CLI::App* verb, ImportOptions& options, const std::string& about_columns);
  void Fill(ImportOptions& options) const;
  std::string Rejects() const { return rejects.empty() ? file + ".rejected.tsv" : rejects; }
};

// Imports the file and prints a summary. The file is read twice: first for the earliest time of each account, at which
// it is opened, then row by row; memory grows with the accounts, not the rows. Rejected rows go to `rejects_path` (made
// only if there are any). Returns the exit code: kExitPartly if a row was rejected.
int ImportPurchases(Session& session, const std::string& path, const ImportOptions& options,
                    const std::string& rejects_path);

}  // namespace keyledger::cli
