// The frame sources behind ReadAccount, ReadLog and Subscribe.
#pragma once

#include <memory>

#include <absl/status/statusor.h>

#include "keyledger/ledger/v1/ledger_service.pb.h"
#include "server/service/frame_stream.h"
#include "server/service/service_context.h"

namespace keyledger::service {

absl::StatusOr<std::unique_ptr<FrameSource<ledger::v1::ReadAccountResponse>>> MakeReadAccountSource(
    const ServiceContext& context, const ledger::v1::ReadAccountRequest& request);

absl::StatusOr<std::unique_ptr<FrameSource<ledger::v1::ReadLogResponse>>> MakeReadLogSource(
    const ServiceContext& context, const ledger::v1::ReadLogRequest& request);

absl::StatusOr<std::unique_ptr<FrameSource<ledger::v1::SubscribeResponse>>> MakeSubscribeSource(
    const ServiceContext& context, const ledger::v1::SubscribeRequest& request);

}  // namespace keyledger::service
