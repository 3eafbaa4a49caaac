// Demand, referrals and sale modes on the command line: what is asked, and how the answer is shown.
#include <sstream>

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "client/cli/app.h"
#include "client/cli/command.h"
#include "keyledger/ledger/v1/pipeline_service.grpc.pb.h"

namespace keyledger::cli {
namespace {

using ::testing::HasSubstr;

// Answers with what it is given, and keeps what was asked.
class FakePipeline final : public v1::PipelineService::Service {
 public:
  FakePipeline() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakePipeline() override { server_->Shutdown(); }

  grpc::Status GetDemand(grpc::ServerContext*, const v1::GetDemandRequest* request,
                         v1::GetDemandResponse* response) override {
    asked_ = request->ShortDebugString();
    v1::DemandPeriod& period = *response->add_periods();
    period.set_period("2026-01");
    period.set_declared_micros(1'000'000'000);
    period.set_ordered_micros(800'000'000);
    period.set_accounts(2);
    period.set_ratio(0.8);
    period.mutable_units()->set_declared(4'000);
    period.mutable_units()->set_ordered(1'500);
    period.mutable_units()->set_accounts(1);
    period.mutable_units()->set_ratio(0.375);
    response->set_currency_code("USD");
    return grpc::Status::OK;
  }
  grpc::Status GetReferrals(grpc::ServerContext*, const v1::GetReferralsRequest* request,
                            v1::GetReferralsResponse* response) override {
    asked_ = request->ShortDebugString();
    response->set_asked(7);
    response->set_currency_code("USD");
    v1::ReferralSource& source = *response->add_sources();
    source.set_lead_source("broker");
    source.set_given(4);
    source.set_converted(1);
    source.set_conversion(0.25);
    for (const int64_t yield : {1'000'000, 2'000'000, 3'000'000}) source.add_yield_micros(yield);
    return grpc::Status::OK;
  }
  grpc::Status GetSaleModes(grpc::ServerContext*, const v1::GetSaleModesRequest* request,
                            v1::GetSaleModesResponse* response) override {
    asked_ = request->ShortDebugString();
    v1::SaleModeRow& row = *response->add_rows();
    row.set_period("2026-01");
    row.set_sale_mode(ev::SALE_MODE_SHOP_REGISTERED);
    row.set_purchases(3);
    row.set_share(0.75);
    row.set_median_delay_days(12);
    return grpc::Status::OK;
  }

  std::string Show(std::vector<std::string> line) {
    line.insert(line.begin(), {"--server", "127.0.0.1:" + std::to_string(port_), "--timeout", "10"});
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream err;
    EXPECT_EQ(Run(line, Environment{in, out, err}), 0) << err.str();
    return out.str();
  }
  const std::string& asked() const { return asked_; }

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::string asked_;
};

TEST(DemandShow, HoldsForecastsAgainstOrders) {
  FakePipeline pipeline;
  const std::string shown = pipeline.Show({"demand", "show", "--category", "vans", "--from", "2026-01-01"});
  EXPECT_THAT(pipeline.asked(), HasSubstr("start_time { seconds: 1767225600 } category: \"vans\""));
  EXPECT_THAT(shown, HasSubstr("1,000.00"));
  EXPECT_THAT(shown, HasSubstr("80.0 %"));
  EXPECT_THAT(shown, HasSubstr("money in USD"));
  EXPECT_THAT(shown,
              HasSubstr("2026-01      4,000          0    1,500       -         1           -               37.5 %"));
}

TEST(ReferralYields, AddUpTheYearsAfterTheFirst) {
  FakePipeline pipeline;
  const std::string shown = pipeline.Show({"referral", "yields"});
  EXPECT_THAT(shown, HasSubstr("broker"));
  EXPECT_THAT(shown, HasSubstr("25.0 %"));
  EXPECT_THAT(shown, HasSubstr("5.00"));
  EXPECT_THAT(shown, HasSubstr("asked for 7 times; revenue and cost in USD"));
}

TEST(PurchaseModes, SayHowLateSalesAreRecorded) {
  FakePipeline pipeline;
  const std::string shown = pipeline.Show({"purchase", "modes", "--period", "quarter"});
  EXPECT_THAT(pipeline.asked(), HasSubstr("period: PERIOD_QUARTER"));
  EXPECT_THAT(shown, HasSubstr("shop_registered"));
  EXPECT_THAT(shown, HasSubstr("75.0 %"));
  EXPECT_THAT(shown, HasSubstr("12"));
}

}  // namespace
}  // namespace keyledger::cli
