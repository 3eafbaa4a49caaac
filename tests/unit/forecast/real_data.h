// The real purchase histories of ../shared/data, read straight from the files.
#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "projections/forecast/bg_nbd.h"
#include "projections/forecast/gamma_gamma.h"
#include "projections/forecast/survival.h"

namespace keyledger::forecast::testing {

inline std::string DataFile(const std::string& name) { return std::string(KL_DATA_DIR) + "/" + name; }

inline bool HaveData() { return std::ifstream(DataFile("truth/bgnbd_cdnow.json")).good(); }

#define KL_NEED_DATA()                                                                              \
  if (!HaveData()) {                                                                                \
    GTEST_SKIP() << "THE REAL DATA IS NOT THERE: " KL_DATA_DIR " is missing, nothing was compared"; \
  }

inline nlohmann::json Truth(const std::string& name) {
  return nlohmann::json::parse(std::ifstream(DataFile("truth/" + name)));
}

// Days since 1970.
inline int64_t Day(int year, unsigned month, unsigned day) {
  return std::chrono::sys_days(std::chrono::year(year) / month / day).time_since_epoch().count();
}

// By customer, the distinct days of purchase, and what was spent on each in cents.
using Histories = std::map<std::string, std::map<int64_t, int64_t>>;

// Reads rows of `columns` fields: the customer first, then among the last three a date of eight digits, a number of
// units and an amount with two decimals. A header, whose date is no number, is passed over.
inline Histories ReadCdnow(const std::string& name, size_t columns) {
  Histories histories;
  std::ifstream file(DataFile(name));
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::vector<std::string> row;
    for (std::string field; fields >> field;) row.push_back(field);
    if (row.size() != columns || row[columns - 3].find_first_not_of("0123456789") != std::string::npos) continue;
    const int date = std::stoi(row[columns - 3]);
    const int64_t day = Day(date / 10000, static_cast<unsigned>(date / 100 % 100), static_cast<unsigned>(date % 100));
    histories[row[0]][day] += std::llround(std::stod(row[columns - 1]) * 100);
  }
  return histories;
}

inline Histories CdnowSample() { return ReadCdnow("cdnow/CDNOW_sample.txt", 5); }
inline Histories CdnowMaster() { return ReadCdnow("cdnow/CDNOW_master.txt", 4); }

// Days of sales, of anything at a price, to known customers of the wholesaler.
inline Histories Wholesaler() {
  Histories histories;
  std::ifstream file(DataFile("online_retail/invoices_2010_2011.csv"));
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::vector<std::string> row;
    for (std::string field; std::getline(fields, field, ',');) row.push_back(field);
    const size_t n = row.size();
    if (n < 8 || row[2].empty() || row[n - 4] != "sale") continue;
    if (std::stoll(row[n - 2]) <= 0 || std::stoll(row[n - 1]) <= 0) continue;
    const std::string& time = row[1];
    const int64_t day = Day(std::stoi(time.substr(0, 4)), static_cast<unsigned>(std::stoi(time.substr(5, 2))),
                            static_cast<unsigned>(std::stoi(time.substr(8, 2))));
    histories[row[2]][day] += std::stoll(row[n - 1]);
  }
  return histories;
}

// What was known of a customer at the end of `end_day`.
struct Customer {
  Summary summary;
  Spend spend;
  int64_t first_day = 0;
  // Days of purchase afterwards.
  int64_t later = 0;
};

inline std::vector<Customer> CustomersAt(const Histories& histories, int64_t end_day) {
  std::vector<Customer> customers;
  for (const auto& [name, days] : histories) {
    Customer customer;
    customer.first_day = days.begin()->first;
    if (customer.first_day > end_day) continue;
    int64_t count = 0, last = customer.first_day, cents = 0;
    for (const auto& [day, spent] : days) {
      if (day > end_day) {
        ++customer.later;
        continue;
      }
      ++count;
      last = day;
      if (day != customer.first_day) cents += spent;
    }
    customer.summary = SummaryOfDays(count, customer.first_day, last, end_day);
    customer.spend.x = count - 1;
    if (count > 1) customer.spend.mean = static_cast<double>(cents) / 100 / static_cast<double>(count - 1);
    customers.push_back(customer);
  }
  return customers;
}

// The 2,357 customers of the sample at the end of the 39 weeks of calibration.
inline std::vector<Customer> CalibrationOfCdnow() { return CustomersAt(CdnowSample(), Day(1997, 9, 30)); }

inline std::vector<Summary> SummariesOf(const std::vector<Customer>& customers) {
  std::vector<Summary> summaries;
  for (const Customer& customer : customers) summaries.push_back(customer.summary);
  return summaries;
}

inline std::vector<Spend> SpendsOf(const std::vector<Customer>& customers) {
  std::vector<Spend> spends;
  for (const Customer& customer : customers) {
    if (customer.spend.x > 0) spends.push_back(customer.spend);
  }
  return spends;
}

}  // namespace keyledger::forecast::testing
