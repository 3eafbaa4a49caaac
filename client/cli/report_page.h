// The retention report: answers of RetentionService and PortfolioService as one page of HTML that carries all it shows.
//
// No script, no font and no picture from elsewhere; charts are inline SVG (svg_chart.h), colours follow the reader's
// light or dark scheme, and paper. Whatever the size of the population the page stays of a size: tables and charts say
// what they leave out.
#pragma once

#include <string>
#include <string_view>

#include "client/cpp/client.h"
#include "keyledger/ledger/v1/portfolio_service.pb.h"
#include "keyledger/ledger/v1/retention_service.pb.h"

namespace keyledger::cli {

// What the page shows. An answer that a rule refused (no forecast possible) is a sentence on the page.
struct ReportAnswers {
  // Of the page.
  std::string title;
  // When it was made: RFC 3339.
  std::string made;
  // What was measured, in words.
  std::string scope;
  // One period in words: "month", "3 weeks".
  std::string period = "month";
  // Days of silence after which an account counts as lost in the second survival curve.
  int inactive_days = 365;
  client::Result<client::v1::GetRetentionResponse> retention = client::v1::GetRetentionResponse();
  client::Result<client::v1::GetCohortsResponse> cohorts = client::v1::GetCohortsResponse();
  client::Result<client::v1::GetSurvivalResponse> second_purchase = client::v1::GetSurvivalResponse();
  client::Result<client::v1::GetSurvivalResponse> loss = client::v1::GetSurvivalResponse();
  client::Result<client::v1::GetRfmResponse> rfm = client::v1::GetRfmResponse();
  client::Result<client::v1::GetConcentrationResponse> concentration = client::v1::GetConcentrationResponse();
  client::Result<client::v1::GetMigrationResponse> migration = client::v1::GetMigrationResponse();
  client::Result<client::v1::GetForecastResponse> forecast = client::v1::GetForecastResponse();
  client::Result<client::v1::ListAtRiskResponse> at_risk = client::v1::ListAtRiskResponse();
  client::Result<client::v1::GetLossEffectResponse> loss_effect = client::v1::GetLossEffectResponse();
  client::Result<client::v1::ListProfitabilityResponse> most_profitable = client::v1::ListProfitabilityResponse();
  client::Result<client::v1::ListProfitabilityResponse> loss_making = client::v1::ListProfitabilityResponse();
};

// Rows of a table on the page, at most.
inline constexpr int kReportRowsMax = 40;

// The page: well-formed as XML too. All text in it is escaped.
std::string RetentionReport(const ReportAnswers& answers);

}  // namespace keyledger::cli
