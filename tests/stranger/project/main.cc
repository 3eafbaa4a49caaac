// Appends a visit through the installed client library and prints the revision it got; or why it did not.
#include <iostream>

#include "client/cpp/appender.h"
#include "client/cpp/client.h"
#include "client/cpp/request_id.h"
#include "client/cpp/subscription.h"
#include "keyledger/ledger/v1/ledger_service.pb.h"

int main(int argc, char** argv) {
  keyledger::client::ChannelOptions channel;
  if (argc > 1) channel.address = argv[1];
  keyledger::client::CallOptions options;
  options.attempts_max = 1;
  keyledger::client::Client client(channel, options);
  keyledger::client::v1::AppendRequest request;
  request.set_account_id("acme");
  request.set_request_id(keyledger::client::NewRequestId());
  request.mutable_expected_revision()->mutable_new_account();
  auto& event = *request.add_events();
  event.mutable_event()->mutable_account_opened();
  event.mutable_occurred_time()->set_seconds(1'700'000'000);
  const auto answer = client.Append(request);
  if (!answer.ok()) {
    std::cerr << answer.error().message << "\n";
    return 1;
  }
  std::cout << answer.value().events(0).revision() << "\n";
}
