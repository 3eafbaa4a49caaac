// Append requests as a client sends them, made of the facts of append_commands.h.
#pragma once

#include <string>
#include <vector>

#include "keyledger/ledger/v1/ledger_service.pb.h"
#include "server/domain/proto_time.h"
#include "tests/support/append_commands.h"

namespace keyledger::testing {

inline ledger::v1::AppendRequest Request(const std::string& account_id, const std::string& request_id,
                                         const std::vector<shard::SubmittedEvent>& events,
                                         shard::ExpectedRevision expected = kAnyRevision) {
  ledger::v1::AppendRequest request;
  request.set_account_id(account_id);
  request.set_request_id(request_id);
  request.set_actor("tester");
  switch (expected.kind) {
    case shard::ExpectedRevision::Kind::kAny:
      request.mutable_expected_revision()->mutable_any();
      break;
    case shard::ExpectedRevision::Kind::kNewAccount:
      request.mutable_expected_revision()->mutable_new_account();
      break;
    case shard::ExpectedRevision::Kind::kExact:
      request.mutable_expected_revision()->set_exact(expected.exact);
  }
  for (const shard::SubmittedEvent& event : events) {
    ledger::v1::SubmittedEvent& out = *request.add_events();
    *out.mutable_event() = event.event;
    domain::SetTimestamp(out.mutable_occurred_time(), event.occurred);
    out.set_event_id(event.event_id);
  }
  return request;
}

}  // namespace keyledger::testing
