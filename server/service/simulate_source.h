// The frame source behind ProgramService.Simulate.
#pragma once

#include <memory>

#include <absl/status/statusor.h>

#include "keyledger/ledger/v1/program_service.pb.h"
#include "server/service/frame_stream.h"
#include "server/service/service_context.h"

namespace keyledger::service {

// Reads the records up to the head as of now, an account at a time; memory for one account's states and the answer.
// Errors: those of the method.
absl::StatusOr<std::unique_ptr<FrameSource<ledger::v1::SimulateResponse>>> MakeSimulateSource(
    const ServiceContext& context, const ledger::v1::SimulateRequest& request);

}  // namespace keyledger::service
