// Describe: events and enum values in a few words, for lines and tables.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "keyledger/events/v1/event.pb.h"

namespace keyledger::cli {

// "purchase_recorded", from the field that is set; "unknown" if none is.
std::string KindName(const ::keyledger::events::v1::Event& event);

// The kind and what matters in it, for example "purchase_recorded 12.50 USD, 2 lines, invoice A-17".
std::string DescribeEvent(const ::keyledger::events::v1::Event& event);

// A value as its metric counts: money in units of the currency, named unless `currency` is empty ("1,200.00 USD");
// growth and wallet share in thousandths; anything else as a plain number.
std::string MetricValueText(::keyledger::events::v1::Metric metric, bool growth, int64_t value,
                            std::string_view currency);

// What a condition measures: "growth of net_spend", "fact score".
std::string DescribeMetric(const ::keyledger::events::v1::ConditionEvidence& condition);

// A condition as it was measured: "net_spend 1,200.00, at least 1,000.00".
std::string DescribeCondition(const ::keyledger::events::v1::ConditionEvidence& condition);
// All of them, joined by "; ".
std::string DescribeConditions(
    const google::protobuf::RepeatedPtrField<::keyledger::events::v1::ConditionEvidence>& conditions);

// "SHARD_STATE_READ_ONLY" with prefix "SHARD_STATE_" gives "read_only".
std::string ShortEnum(std::string_view name, std::string_view prefix);

}  // namespace keyledger::cli
