// Rows to purchases and returns, and the ids that make an import safe to repeat.
#include "client/cli/import_row.h"

#include <gtest/gtest.h>

namespace keyledger::cli {
namespace {

ImportOptions Wholesale() {
  ImportOptions options;
  EXPECT_EQ(ParseColumns("invoice=1,occurred=2,account_id=3,region=4,units=5,amount=6", options.columns), "");
  options.date_format = "%Y-%m-%d %H:%M:%S";
  options.currency = "GBP";
  options.returns_prefix = "C";
  options.amount_unit_micros = 1'000;
  return options;
}

std::variant<ImportRow, std::string> Parse(const ImportOptions& options, std::vector<std::string> fields) {
  std::string error;
  const auto parser = ImportRowParser::Make(options, error);
  EXPECT_TRUE(parser.has_value()) << error;
  Row row;
  row.fields = std::move(fields);
  return parser->Parse(row);
}

TEST(ImportRow, ReadsAPurchase) {
  const auto parsed = Parse(Wholesale(), {"536365", "2010-12-01 08:26:00", "17850", "United Kingdom", "40", "139120"});
  const ImportRow& row = std::get<ImportRow>(parsed);
  EXPECT_EQ(row.account_id, "17850");
  EXPECT_EQ(row.occurred_micros, 1'291'191'960'000'000);
  EXPECT_EQ(row.merchant_id, "import");
  EXPECT_EQ(row.invoice_number, "536365");
  EXPECT_EQ(row.quantity, 40);
  EXPECT_EQ(row.amount_micros, 139'120'000);
  EXPECT_FALSE(row.is_return);
  const auto request = MakeRowRequest(row, Wholesale(), "id");
  const auto& purchase = request.events(0).event().purchase_recorded();
  EXPECT_EQ(purchase.invoice_number(), "536365");
  EXPECT_EQ(purchase.region(), "United Kingdom");
  EXPECT_EQ(purchase.lines(0).amount().currency_code(), "GBP");
  EXPECT_EQ(purchase.lines(0).amount().micros(), 139'120'000);
  EXPECT_FALSE(purchase.lines(0).has_cost());
}

TEST(ImportRow, TurnsAPrefixedInvoiceIntoAnUnlinkedReturnOfAbsoluteValues) {
  const auto parsed = Parse(Wholesale(), {"C536379", "2010-12-01 09:41:00", "14527", "United Kingdom", "-1", "-27500"});
  const ImportRow& row = std::get<ImportRow>(parsed);
  EXPECT_TRUE(row.is_return);
  const auto request = MakeRowRequest(row, Wholesale(), "id");
  const auto& returned = request.events(0).event().purchase_returned();
  EXPECT_EQ(returned.return_number(), "C536379");
  EXPECT_EQ(returned.purchase_invoice_number(), "");
  EXPECT_EQ(returned.merchant_id(), "import");
  EXPECT_EQ(returned.lines(0).quantity(), 1);
  EXPECT_EQ(returned.lines(0).amount().micros(), 27'500'000);
}

TEST(ImportRow, TakesNegativeAmountsForReturnsAndMissingUnitsForOne) {
  EXPECT_TRUE(std::get<ImportRow>(Parse(Wholesale(), {"1", "2010-12-01 09:41:00", "a", "", "2", "-5"})).is_return);
  EXPECT_TRUE(std::get<ImportRow>(Parse(Wholesale(), {"1", "2010-12-01 09:41:00", "a", "", "-2", "5"})).is_return);
  EXPECT_EQ(std::get<ImportRow>(Parse(Wholesale(), {"1", "2010-12-01 09:41:00", "a", "", "", "5"})).quantity, 1);
  EXPECT_EQ(std::get<ImportRow>(Parse(Wholesale(), {"1", "2010-12-01 09:41:00", "a", "", "0", "0"})).quantity, 1);
}

TEST(ImportRow, NamesTheFieldOfABadRow) {
  const auto reason = [](std::vector<std::string> fields) {
    return std::get<std::string>(Parse(Wholesale(), std::move(fields)));
  };
  EXPECT_EQ(reason({"1", "2010-12-01 09:41:00", "", "", "1", "5"}), "account_id is empty");
  EXPECT_NE(reason({"1", "2010-12-01 09:41:00", "no good", "", "1", "5"}).find("account_id 'no good'"),
            std::string::npos);
  EXPECT_NE(reason({"1", "tomorrow", "a", "", "1", "5"}).find("occurred 'tomorrow'"), std::string::npos);
  EXPECT_NE(reason({"1", "2010-12-01 09:41:00", "a", "", "1.5", "5"}).find("units '1.5'"), std::string::npos);
  EXPECT_NE(reason({"1", "2010-12-01 09:41:00", "a", "", "1", "5,00"}).find("amount '5,00'"), std::string::npos);
  EXPECT_NE(reason({"1", "2010-12-01 09:41:00"}).find("the row has 2"), std::string::npos);
}

TEST(ParseColumns, RefusesUnknownRepeatedAndMissingNames) {
  std::map<std::string, size_t> columns;
  EXPECT_EQ(ParseColumns("account_id=2,occurred=3,units=4,amount=5", columns), "");
  EXPECT_EQ(columns.at("amount"), 5u);
  for (const char* text :
       {"", "account_id=1,occurred=2", "account_id=1,occurred=2,amount=0", "account_id=1,occurred=2,amount=x",
        "account_id=1,account_id=2,occurred=2,amount=3", "account_id=1,occurred=2,amount=3,price=4"}) {
    EXPECT_NE(ParseColumns(text, columns), "") << text;
  }
}

TEST(RowIds, AreTheSameInEveryRunAndDistinctWithinOne) {
  ImportRow plain;
  ImportRow invoiced;
  invoiced.merchant_id = "import";
  invoiced.invoice_number = "536365";
  RowIds first;
  const std::string a1 = first.Next(plain, "a 1");
  const std::string b = first.Next(plain, "b 1");
  const std::string a2 = first.Next(plain, "a 1");
  const std::string invoice = first.Next(invoiced, "row");
  EXPECT_NE(a1, a2);
  EXPECT_NE(a1, b);
  EXPECT_EQ(a1.substr(a1.size() - 2), "-1");
  EXPECT_EQ(a2.substr(a2.size() - 2), "-2");
  RowIds second;
  EXPECT_EQ(second.Next(plain, "a 1"), a1);
  EXPECT_EQ(second.Next(plain, "a 1"), a2);
  EXPECT_EQ(second.Next(invoiced, "another text of the same invoice"), invoice);
  // Part of what a second run depends on: it may never change.
  EXPECT_EQ(RowIds().Next(plain, "00004 0001 19970101  2   29.33"), "import-45f9ff2604403540eec2b8baaeadaa7f-1");
}

}  // namespace
}  // namespace keyledger::cli
