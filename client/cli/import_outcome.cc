// What has become of the rows of an import. See import_outcome.h.
#include "client/cli/import_outcome.h"

#include <fmt/format.h>

#include "client/cli/exit_code.h"
#include "keyledger/ledger/v1/ledger_service.pb.h"

namespace keyledger::cli {
namespace {

bool IsFatal(const client::ClientError& error) {
  const int code = ExitCodeOf(error);
  // Too many events or bytes is this row's own trouble.
  return code == kExitInternal ||
         (code == kExitUnavailable && error.reason != "PAYLOAD_TOO_LARGE" && error.reason != "TOO_MANY_EVENTS");
}

std::string ReasonOf(const std::string& invoice_number, const client::ClientError& error) {
  std::string reason = error.reason.empty() ? std::string(client::CodeName(error.code)) : error.reason;
  if (error.reason == "REQUEST_ID_REUSED" && !invoice_number.empty()) {
    reason = "INVOICE_EXISTS: invoice " + invoice_number + " was imported before with other content";
  } else {
    reason += ": " + error.message;
  }
  for (const client::FieldViolation& violation : error.fields) {
    // A message about one field says all of it.
    if (error.message.find(violation.description) == std::string::npos ||
        error.message.find(violation.field) == std::string::npos) {
      reason += fmt::format("; {}: {}", violation.field, violation.description);
    }
  }
  return reason;
}

}  // namespace

void ImportOutcome::OnOpened(const client::Result<ledger::v1::AppendResponse>& result) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (result.ok()) {
    opened_ += result->replayed() ? 0 : 1;
  } else if (IsFatal(result.error())) {
    SetFatal(result.error());
  }
  // Any other refusal shows again on the account's rows; ALREADY_EXISTS is what a second file of the same accounts
  // gets.
}

bool ImportOutcome::OnRow(uint64_t line, const std::string& text, const std::string& invoice_number,
                          const client::Result<ledger::v1::AppendResponse>& result) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (result.ok()) {
    (result->replayed() ? replayed_ : imported_) += 1;
    return true;
  }
  if (IsFatal(result.error())) {
    SetFatal(result.error());
  } else {
    RejectLocked(line, ReasonOf(invoice_number, result.error()), text);
  }
  return false;
}

void ImportOutcome::Reject(uint64_t line, const std::string& reason, const std::string& text) {
  const std::lock_guard<std::mutex> lock(mutex_);
  RejectLocked(line, reason, text);
}

std::optional<client::ClientError> ImportOutcome::fatal() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return fatal_;
}

uint64_t ImportOutcome::opened() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return opened_;
}

uint64_t ImportOutcome::imported() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return imported_;
}

uint64_t ImportOutcome::replayed() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return replayed_;
}

uint64_t ImportOutcome::rejected() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return rejected_;
}

bool ImportOutcome::rejects_written() {
  const std::lock_guard<std::mutex> lock(mutex_);
  rejects_.flush();
  return rejected_ == 0 || rejects_.good();
}

void ImportOutcome::SetFatal(const client::ClientError& error) {
  if (!fatal_) {
    fatal_ = error;
  }
}

void ImportOutcome::RejectLocked(uint64_t line, const std::string& reason, const std::string& text) {
  if (rejected_++ == 0) {
    rejects_.open(rejects_path_, std::ios::binary | std::ios::trunc);
    rejects_ << "line\treason\trow\n";
  }
  std::string one_line = reason;
  for (char& c : one_line) {
    c = c == '\t' || c == '\n' || c == '\r' ? ' ' : c;
  }
  rejects_ << line << '\t' << one_line << '\t' << text << '\n';
}

}  // namespace keyledger::cli
