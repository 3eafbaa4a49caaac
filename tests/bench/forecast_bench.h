// What fitting and forecasting take. Pure computation, in this process.
#pragma once

#include <string>

#include "tests/bench/report.h"

namespace keyledger::bench {

// Fits BG/NBD and Gamma-Gamma to the CDNOW master (23,570 customers, 39 weeks) in `data_dir`, and forecasts each
// customer and all together. Without the data, customers as many and alike are simulated, and the report says so.
void BenchForecast(const std::string& data_dir, int repetitions, Report& report);

}  // namespace keyledger::bench
