// The demo's story: five programs, and forty accounts under them from first contact to loyal account or loss.
//
// The accounts are not drawn but written (demo_story/PROGRAM.txt, README.md there says how), so that what is asked of a
// relationship has something to show: what is due, what is pursued, quotes that wait, contracts, complaints, tiers that
// rise and fall. Each program governs a region of its own in which nothing else of the demo happens, and all of them
// count in the currency of the other accounts, so that questions about everybody need not name one.
#pragma once

#include <vector>

#include "keyledger/ledger/v1/ledger_service.pb.h"
#include "keyledger/ledger/v1/program_service.pb.h"
#include "keyledger/ledger/v1/tier_service.pb.h"

namespace keyledger::cli {

// Returns the programs to be published before anything is told. A request_id follows from the text: a second time
// nothing is published, and a program that has changed becomes its next version.
std::vector<::keyledger::ledger::v1::PublishProgramRequest> DemoPrograms();

// Returns what happens with the accounts, by occurred_time; what happens in one second, in the order of the text.
// Nothing is later than 2025-12-31.
std::vector<::keyledger::ledger::v1::AppendRequest> DemoStory();

// Returns the reviews of the programs that rank their accounts, in order of time, to be started one after the other
// when all has been told: a program published for the past has its earlier moments reviewed by whoever wants that.
std::vector<::keyledger::ledger::v1::StartReviewRequest> DemoReviews();

}  // namespace keyledger::cli
