// Channel: the connection to a server, with the settings every client of the ledger should use.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <grpcpp/grpcpp.h>

namespace keyledger::client {

// How to reach a server. The connection is not encrypted: the server listens on loopback.
struct ChannelOptions {
  // HOST:PORT, or any name gRPC resolves.
  std::string address = "127.0.0.1:7450";
  // Largest message accepted or sent. A frame of records may exceed the server's 4 MiB of input a little.
  int message_bytes_max = 16 * 1024 * 1024;
  // Largest metadata accepted: the details of a rich error travel there.
  int metadata_bytes_max = 64 * 1024;
  // A ping is sent after so long without traffic while a call is open.
  std::chrono::milliseconds keepalive{30'000};
  // Reconnect waits grow from the first to the second.
  std::chrono::milliseconds reconnect_initial{100};
  std::chrono::milliseconds reconnect_max{5'000};
  // True: a connection of its own, not shared with other channels to the same address.
  bool own_connection = false;
};

// Returns a channel; it connects when first used.
std::shared_ptr<grpc::Channel> MakeChannel(const ChannelOptions& options);

}  // namespace keyledger::client
