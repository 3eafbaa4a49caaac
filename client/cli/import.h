// The import: a file of rows through a PipelinedAppender, safe to repeat.
#pragma once

#include <string>

#include "client/cli/command.h"
#include "client/cli/import_row.h"

namespace keyledger::cli {

// Waits until every projection has applied what the log holds, at most the session's timeout, so that the next query
// shows what was just written. A server that cannot tell is not waited for. Blocks: until then.
void WaitForProjections(Session& session);

// Imports the file and prints a summary. The file is read twice: first for the earliest time of each account, at which
// it is opened, then row by row; memory grows with the accounts, not the rows. Rejected rows go to `rejects_path` (made
// only if there are any). Returns the exit code: kExitPartly if a row was rejected.
int ImportPurchases(Session& session, const std::string& path, const ImportOptions& options,
                    const std::string& rejects_path);

}  // namespace keyledger::cli
