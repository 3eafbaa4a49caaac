// An audit replay of a whole ledger: how fast.
#include <limits>

#include "tests/bench/bench.h"

namespace keyledger::bench {

void BenchReplay(Ledger& ledger, Report& report) {
  ledger::v1::ReplayRequest request;
  request.set_records_per_second_max(std::numeric_limits<uint32_t>::max());
  grpc::ClientContext context;
  const double begin = Now();
  const auto reader = ledger.audit().Replay(&context, request);
  ledger::v1::ReplayResponse frame;
  audit::v1::ReplayReport replayed;
  while (reader->Read(&frame)) {
    if (frame.has_report()) replayed = frame.report();
  }
  if (const grpc::Status status = reader->Finish(); !status.ok()) Fail("Replay: " + status.error_message());
  if (replayed.findings() > 0) Fail("Replay found something in what the ledger recorded");
  report.Figure("audit replay", "records/s", {static_cast<double>(replayed.records()) / (Now() - begin)});
}

}  // namespace keyledger::bench
