// Two real shops: the CDNOW sample and a wholesaler's invoices, as logs of the ledger, and the figures that were
// computed from them independently.
//
// The data lies beside the source tree and is not part of it; without it a test is skipped (KL_NEED_DATA).
#pragma once

#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "projections/retention/retention_projection.h"
#include "server/store/table.h"
#include "tests/support/record_log.h"

namespace keyledger::testing {

// A row of a shop's file: less than zero micros is a cancellation.
struct ShopRow {
  std::string customer;
  Micros occurred = 0;
  int64_t micros = 0;
};

inline std::string DataFile(const std::string& name) { return std::string(KL_DATA_DIR) + "/" + name; }

inline bool HaveData() { return std::ifstream(DataFile("truth/cdnow_sample.json")).good(); }

#define KL_NEED_DATA()                                                                              \
  if (!::keyledger::testing::HaveData()) {                                                          \
    GTEST_SKIP() << "THE REAL DATA IS NOT THERE: " KL_DATA_DIR " is missing, nothing was compared"; \
  }

inline nlohmann::json Truth(const std::string& name) {
  return nlohmann::json::parse(std::ifstream(DataFile("truth/" + name)));
}

// "29.33" in micros, exactly.
inline int64_t MicrosOfDecimal(const std::string& text) {
  const size_t point = text.find('.');
  std::string fraction = text.substr(point + 1);
  fraction.resize(6, '0');
  return std::stoll(text.substr(0, point)) * 1'000'000 + std::stoll(fraction);
}

// One row a purchase, under the number that the customer has in the sample.
inline std::vector<ShopRow> CdnowSample() {
  std::vector<ShopRow> rows;
  std::ifstream file(DataFile("cdnow/CDNOW_sample.txt"));
  std::string master, sample, date, units, amount;
  while (file >> master >> sample >> date >> units >> amount) {
    const int day = std::stoi(date);
    rows.push_back({sample, Utc(day / 10000, day / 100 % 100, day % 100), MicrosOfDecimal(amount)});
  }
  return rows;
}

// Sales, and cancellations with less than zero micros, of known customers.
inline std::vector<ShopRow> Invoices() {
  std::vector<ShopRow> rows;
  std::ifstream file(DataFile("online_retail/invoices_2010_2011.csv"));
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::vector<std::string> fields;
    std::stringstream stream(line);
    for (std::string field; std::getline(stream, field, ',');) fields.push_back(field);
    // A country may hold a comma inside quotes: the fields that count are at the two ends.
    const std::string& time = fields[1];
    const std::string& kind = fields[fields.size() - 4];
    const int64_t milli = std::stoll(fields.back());
    if (fields[2].empty() || kind == "adjustment" || (kind == "sale" && milli <= 0)) continue;
    rows.push_back({fields[2],
                    Utc(std::stoi(time.substr(0, 4)), std::stoi(time.substr(5, 2)), std::stoi(time.substr(8, 2)),
                        std::stoi(time.substr(11, 2)), std::stoi(time.substr(14, 2)), std::stoi(time.substr(17, 2))),
                    milli * 1000});
  }
  return rows;
}

// Folds the rows, in the order given, into `shards` tables.
inline std::vector<std::unique_ptr<store::TableReader>> Fold(const std::vector<ShopRow>& rows,
                                                             const std::string& currency, size_t shards) {
  std::vector<RecordLog> logs(shards);
  std::map<std::string, bool> opened;
  for (const ShopRow& row : rows) {
    RecordLog& log = logs[std::hash<std::string>()(row.customer) % shards];
    if (!std::exchange(opened[row.customer], true)) log.Open(row.customer, row.occurred);
    if (row.micros < 0) {
      log.Return(row.customer, row.occurred, -row.micros, currency);
    } else {
      log.Purchase(row.customer, row.occurred, row.micros, currency);
    }
  }
  std::vector<std::unique_ptr<store::TableReader>> readers;
  for (const RecordLog& log : logs) readers.push_back(FoldRows(projections::RetentionProjection(), log));
  return readers;
}

inline std::vector<const store::TableReader*> Pointers(
    const std::vector<std::unique_ptr<store::TableReader>>& readers) {
  std::vector<const store::TableReader*> pointers;
  for (const auto& reader : readers) pointers.push_back(reader.get());
  return pointers;
}

}  // namespace keyledger::testing
