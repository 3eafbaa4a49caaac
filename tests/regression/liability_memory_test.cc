// The liability of a million accounts: in the memory of one. Apart from the other tests of points, since a sanitizer
// keeps what was freed and the peak would say nothing about the query.
#include <sys/resource.h>

#include <gtest/gtest.h>

#include "projections/points/points_liability.h"
#include "projections/points/points_rows.h"
#include "tests/support/record_log.h"

namespace keyledger::projections {
namespace {

using testing::Utc;

// Rows of a million accounts with one lot each, made as they are read.
class ManyAccounts final : public store::TableReader, public store::RowIterator {
 public:
  static constexpr int kAccounts = 1'000'000;

  uint64_t applied() const override { return kAccounts; }
  absl::StatusOr<std::optional<std::string>> Get(std::string_view) const override { return std::nullopt; }
  std::unique_ptr<RowIterator> NewIterator() const override { return std::make_unique<ManyAccounts>(); }
  std::unique_ptr<RowIterator> NewScan() const override { return NewIterator(); }

  void Seek(std::string_view) override { Make(); }
  bool Valid() const override { return at_ < kAccounts; }
  void Next() override {
    ++at_;
    Make();
  }
  std::string_view key() const override { return key_; }
  std::string_view value() const override { return value_; }
  absl::Status status() const override { return absl::OkStatus(); }

 private:
  void Make() {
    Movement movement;
    movement.kind = events::v1::EVENT_KIND_POINTS_ACCRUED;
    movement.occurred = Utc(2026, 1, 1) + at_ % 300 * kMicrosPerDay;
    movement.position = static_cast<uint64_t>(at_);
    movement.revision = 2;
    movement.points = 10;
    movement.adds_lot = true;
    EncodeMovement("account-" + std::to_string(10'000'000 + at_), movement, key_, value_);
  }

  int at_ = 0;
  std::string key_;
  std::string value_;
};

LiabilityScope At(Micros as_of) {
  LiabilityScope scope;
  scope.as_of = as_of;
  return scope;
}

TEST(GetPointsLiability, TakesNoMemoryForAMillionAccounts) {
  const auto peak_kib = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  const ManyAccounts rows;
  const long before = peak_kib();
  ASSERT_TRUE(GetPointsLiability({&rows}, At(Utc(2027, 1, 1))).ok());
  EXPECT_LT(peak_kib() - before, 32 * 1024);
}

TEST(GetPointsLiability, CountsAMillionAccounts) {
  const ManyAccounts rows;
  const auto liability = GetPointsLiability({&rows}, At(Utc(2027, 1, 1)));
  ASSERT_TRUE(liability.ok()) << liability.status();
  EXPECT_EQ(liability->totals.lots, 1'000'000);
  EXPECT_EQ(liability->totals.available, 10'000'000);
  EXPECT_EQ(liability->cohorts.size(), 10u);
}

}  // namespace
}  // namespace keyledger::projections
