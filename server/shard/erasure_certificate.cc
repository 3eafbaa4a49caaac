#include "server/shard/erasure_certificate.h"

#include <fmt/format.h>

#include "server/base/calendar.h"

namespace keyledger::shard {
namespace {

// A signed text holds no control characters; '%' is escaped so that there is one way back.
std::string Escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || c == '%') {
      out += fmt::format("%{:02X}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

std::string Hex(const merkle::Hash& hash) {
  std::string out;
  for (const uint8_t byte : hash) out += fmt::format("{:02x}", byte);
  return out;
}

}  // namespace

std::string ErasureCertificateText(std::string_view ledger_id, std::string_view subject_id, std::string_view reason,
                                   Micros erase_time, const std::vector<ErasureRecord>& records) {
  std::string text = fmt::format("keyledger-erasure/1\nledger {}\nsubject {}\ntime {}\nreason {}\n", ledger_id,
                                 subject_id, FormatMicros(erase_time), Escape(reason));
  for (const ErasureRecord& record : records) {
    text += fmt::format("record {} {} {}\n", record.shard, record.position, Hex(record.leaf));
  }
  return text;
}

}  // namespace keyledger::shard
