// ImportOutcome: what has become of the rows of an import.
#pragma once

#include <cstdint>
#include <fstream>
#include <mutex>
#include <optional>
#include <string>

#include "client/cpp/error.h"
#include "keyledger/ledger/v1/ledger_service.pb.h"

namespace keyledger::cli {

// Counts rows, and writes those that are refused to a file with their reasons; it is made with the first one.
// Threads: thread-safe.
class ImportOutcome {
 public:
  explicit ImportOutcome(std::string rejects_path) : rejects_path_(std::move(rejects_path)) {}

  void OnOpened(const client::Result<ledger::v1::AppendResponse>& result);
  // Counts a row or rejects it; true if it is in the ledger. `invoice_number`: empty if it has none.
  bool OnRow(uint64_t line, const std::string& text, const std::string& invoice_number,
             const client::Result<ledger::v1::AppendResponse>& result);
  void Reject(uint64_t line, const std::string& reason, const std::string& text);

  // The connection or the server failed: the rest of the file has to wait for another run.
  std::optional<client::ClientError> fatal() const;
  uint64_t opened() const;
  uint64_t imported() const;
  uint64_t replayed() const;
  uint64_t rejected() const;
  const std::string& rejects_path() const { return rejects_path_; }
  // False if rejected rows could not be written.
  bool rejects_written();

 private:
  void SetFatal(const client::ClientError& error);
  void RejectLocked(uint64_t line, const std::string& reason, const std::string& text);

  const std::string rejects_path_;
  mutable std::mutex mutex_;
  std::ofstream rejects_;
  std::optional<client::ClientError> fatal_;
  uint64_t opened_ = 0;
  uint64_t imported_ = 0;
  uint64_t replayed_ = 0;
  uint64_t rejected_ = 0;
};

}  // namespace keyledger::cli
