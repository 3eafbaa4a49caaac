// The text of a signed standing, as BUNDLE.md describes it.
#include "server/audit/standing_statement.h"

#include <gtest/gtest.h>

#include "server/base/error.h"

namespace keyledger::audit {
namespace {

constexpr std::string_view kText =
    "keyledger-standing/1\n"
    "origin: keyledger/lab/0\n"
    "tree-size: 40212\n"
    "root: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    "account: acme\n"
    "records: 318\n"
    "ladder: standing\n"
    "tier: gold\n"
    "tier-since: 2026-01-01T00:00:00Z\n"
    "available: 5120\n"
    "pending: 300\n"
    "reserved: 0\n"
    "in-transit: 7\n"
    "debt: 0\n"
    "program: shop\n"
    "program-version: 3\n";

StandingStatement Gold() {
  StandingStatement statement;
  statement.checkpoint.origin = "keyledger/lab/0";
  statement.checkpoint.size = 40'212;
  for (uint8_t i = 0; i < 32; ++i) statement.checkpoint.root[i] = i;
  statement.account_id = "acme";
  statement.records = 318;
  statement.ladder_id = "standing";
  statement.tier_id = "gold";
  statement.tier_since = "2026-01-01T00:00:00Z";
  statement.available = 5'120;
  statement.pending = 300;
  statement.in_transit = 7;
  statement.program_id = "shop";
  statement.program_version = 3;
  return statement;
}

// The text with one part replaced.
std::string With(const std::string& what, const std::string& by) {
  std::string text(kText);
  const size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos);
  return text.replace(at, what.size(), by);
}

TEST(StandingStatement, HasTheTextThatIsDocumented) { EXPECT_EQ(FormatStanding(Gold()), kText); }

TEST(StandingStatement, ReadsItsTextBack) {
  const absl::StatusOr<StandingStatement> read = ParseStanding(kText);
  ASSERT_TRUE(read.ok()) << MessageOf(read.status());
  EXPECT_EQ(*read, Gold());
}

TEST(StandingStatement, SaysNoneWithADash) {
  StandingStatement bare = Gold();
  bare.ladder_id = bare.tier_id = bare.tier_since = bare.program_id = "";
  bare.program_version = 0;
  const std::string text = FormatStanding(bare);
  EXPECT_NE(text.find("ladder: -\ntier: -\ntier-since: -\n"), std::string::npos);
  EXPECT_NE(text.find("program: -\nprogram-version: 0\n"), std::string::npos);
  const absl::StatusOr<StandingStatement> read = ParseStanding(text);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, bare);
}

TEST(StandingStatement, RefusesATextOfAnyOtherForm) {
  const auto expect = [](const std::string& text, const std::string& what) {
    const absl::StatusOr<StandingStatement> read = ParseStanding(text);
    ASSERT_FALSE(read.ok()) << what;
    EXPECT_EQ(ReasonOf(read.status()), Reason::kInvalidField);
    EXPECT_NE(MessageOf(read.status()).find(what), std::string::npos) << MessageOf(read.status());
  };
  expect("", "must end in a newline");
  expect(std::string(kText.substr(0, kText.size() - 1)), "must end in a newline");
  expect(With("keyledger-standing/1", "keyledger-standing/2"), "the first line must be 'keyledger-standing/1'");
  expect(With("account: acme\n", ""), "the line 'account: ...' is expected");
  expect(With("account: acme", "account: ac me"), "the value of 'account' is empty or has blanks");
  expect(With("account: acme", "account: "), "the value of 'account' is empty or has blanks");
  expect(With("records: 318", "records: 0318"), "the value of 'records' is no number");
  expect(With("records: 318", "records: -1"), "the value of 'records' is no number");
  expect(With("debt: 0", "debt: 9223372036854775808"), "the value of 'debt' is no number");
  expect(With("AAEC", "AAE"), "the value of 'root' is not base64 of 32 bytes");
  expect(With("program-version: 3\n", ""), "the line 'program-version: ...' is expected");
  expect(std::string(kText) + "more: 1\n", "lines follow the last one");
}

TEST(StandingStatement, NamesTheLinesThatDiffer) {
  StandingStatement silver = Gold();
  silver.tier_id = "silver";
  silver.debt = 12;
  const std::vector<StandingDifference> differences = DifferencesOf(Gold(), silver);
  ASSERT_EQ(differences.size(), 2u);
  EXPECT_EQ(differences[0].line, "tier");
  EXPECT_EQ(differences[0].stated, "gold");
  EXPECT_EQ(differences[0].derived, "silver");
  EXPECT_EQ(differences[1].line, "debt");
  EXPECT_EQ(differences[1].stated, "0");
  EXPECT_EQ(differences[1].derived, "12");
  EXPECT_TRUE(DifferencesOf(Gold(), Gold()).empty());
}

TEST(StandingStatement, IsWhatTheAccountsFoldComesTo) {
  domain::AccountState state;
  state.next_revision = 318;
  state.tier = {"standing", "gold", 1'767'225'600'000'000, 0, domain::kNever};
  domain::Lot lot;
  lot.accrued = lot.remaining = 5'120;
  state.lots.push_back(lot);
  lot.revision = 4;
  lot.remaining = 300;
  lot.pending = true;
  state.lots.push_back(lot);
  StandingStatement expected = Gold();
  expected.in_transit = 0;
  // No program is published.
  expected.program_id = "";
  expected.program_version = 0;
  EXPECT_EQ(FormatStanding(StandingOf(Gold().checkpoint, "acme", state, domain::ProgramSet())),
            FormatStanding(expected));
}

}  // namespace
}  // namespace keyledger::audit
