#include "projections/retention/retention_projection.h"

#include <string>

#include "projections/engine/row_key.h"
#include "projections/retention/retention_rows.h"
#include "server/base/checked.h"
#include "server/base/error.h"
#include "server/base/ids.h"

namespace keyledger::projections {
namespace {

// Adds the lines up into `trade`; returns false if a sum does not fit or the lines have no or several currencies.
template <typename Lines>
bool SumLines(const Lines& lines, Trade& trade) {
  if (lines.empty()) return false;
  trade.currency_code = lines.begin()->amount().currency_code();
  for (const auto& line : lines) {
    const auto micros = CheckedAdd(trade.micros, line.amount().micros());
    const auto units = CheckedAdd(trade.units, line.quantity());
    if (!micros.has_value() || !units.has_value() || line.amount().micros() < 0 || line.quantity() < 0 ||
        line.amount().currency_code() != trade.currency_code) {
      return false;
    }
    trade.micros = *micros;
    trade.units = *units;
  }
  return true;
}

}  // namespace

absl::Status RetentionProjection::Apply(const RecordView& record, Rows& rows) const {
  const events::v1::EventRecord& stored = record.record;
  if (IsOwnStream(stored.account_id())) return absl::OkStatus();
  const events::v1::Event& event = stored.event();
  Trade trade;
  bool good = false;
  if (event.has_purchase_recorded()) {
    trade.kind = TradeKind::kPurchase;
    good = SumLines(event.purchase_recorded().lines(), trade);
  } else if (event.has_purchase_returned()) {
    trade.kind = TradeKind::kReturn;
    good = SumLines(event.purchase_returned().lines(), trade);
  } else {
    return absl::OkStatus();
  }
  if (!good) return MakeError(Reason::kStoreDamaged, "the lines of a purchase or return cannot be added up");
  trade.occurred = record.occurred;
  trade.recorded = record.recorded;
  trade.position = stored.position();
  std::string key;
  std::string value;
  EncodeTrade(stored.account_id(), trade, key, value);
  rows.Put(key, value);
  return absl::OkStatus();
}

std::shared_ptr<const Projection> MakeRetentionProjection() { return std::make_shared<RetentionProjection>(); }

}  // namespace keyledger::projections
