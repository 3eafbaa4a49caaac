// What deciding a purchase takes of the sequencer's time, under each of the programs that come with the ledger and
// under none. Pure computation, in this process: Decide, and NextDue as the sequencer asks it to arm the account's
// timer.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "server/domain/decide.h"
#include "server/domain/program_set.h"
#include "server/domain/proto_time.h"
#include "tests/bench/bench.h"

namespace keyledger::bench {
namespace {

using domain::ProgramSet;

// A purchase of two lines every other day, from 2023-01-05 on.
constexpr int64_t kFirstSeconds = 1'672'912'800;
constexpr int64_t kEverySeconds = 2 * 86'400 + 977;
constexpr int kPurchasesBefore = 300;
constexpr int kPurchasesMeasured = 300;

events::v1::Event PurchaseOf(int number, const std::string& currency) {
  events::v1::Event event;
  events::v1::PurchaseRecorded& purchase = *event.mutable_purchase_recorded();
  purchase.set_merchant_id("shop_12");
  purchase.set_invoice_number(std::to_string(number));
  purchase.set_sale_mode(events::v1::SALE_MODE_SHOP_DELIVERED);
  for (int i = 0; i < 2; ++i) {
    events::v1::PurchaseLine& line = *purchase.add_lines();
    line.set_sku(fmt::format("sku-{}", (number + i) % 40));
    line.set_category("general");
    line.set_quantity(1 + number % 3);
    line.mutable_amount()->set_currency_code(currency);
    line.mutable_amount()->set_micros((200 + number % 97) * 1'000'000);
    line.mutable_cost()->set_currency_code(currency);
    line.mutable_cost()->set_micros(150'000'000);
  }
  return event;
}

// Median microseconds of deciding one purchase of an account that has bought before.
double MedianDecision(const ProgramSet& programs, const std::string& region, const std::string& currency) {
  domain::AccountState state;
  const auto decide = [&](events::v1::Event event, Micros occurred) {
    domain::DecideInput input;
    input.account_id = "acme";
    input.facts.push_back({std::move(event), occurred});
    const auto begin = std::chrono::steady_clock::now();
    auto outcome = domain::Decide(state, input, programs);
    if (!outcome.ok()) Fail("a purchase was refused: " + std::string(outcome.status().message()));
    const Micros due = domain::NextDue(outcome->state, programs);
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
    if (due < occurred) Fail("an account is due in its past");
    state = std::move(outcome->state);
    return took.count();
  };
  events::v1::Event opened;
  opened.mutable_account_opened()->set_region(region);
  decide(std::move(opened), kFirstSeconds * kMicrosPerSecond);
  std::vector<double> took;
  for (int i = 1; i <= kPurchasesBefore + kPurchasesMeasured; ++i) {
    const double one = decide(PurchaseOf(i, currency), (kFirstSeconds + i * kEverySeconds) * kMicrosPerSecond);
    if (i > kPurchasesBefore) took.push_back(one);
  }
  return Percentile(std::move(took), 50);
}

std::shared_ptr<const domain::CompiledProgram> ReadProgram(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  domain::ParsedProgram parsed = domain::ParseProgramYaml(text.str());
  if (!in || !parsed.program.has_value()) Fail(fmt::format("{} cannot be read as a program", path.string()));
  parsed.program->set_version(1);
  auto compiled = domain::CompiledProgram::Compile(*std::move(parsed.program));
  if (!compiled.ok()) Fail(std::string(compiled.status().message()));
  return *std::move(compiled);
}

}  // namespace

void BenchDecide(const Scale& scale, Report& report) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(KL_PROGRAMS_DIR)) {
    if (entry.is_directory()) paths.push_back(entry.path() / "program.yaml");
  }
  std::sort(paths.begin(), paths.end());
  for (const std::filesystem::path& path : paths) {
    const auto compiled = ReadProgram(path);
    const programs::v1::Program& program = compiled->program();
    const std::string region = program.region().empty() ? "EU/DE" : program.region();
    const ProgramSet none;
    const ProgramSet one({compiled});
    std::vector<double> with;
    std::vector<double> added;
    for (int i = 0; i < scale.repetitions; ++i) {
      with.push_back(MedianDecision(one, region, program.currency_code()));
      const double without = MedianDecision(none, region, program.currency_code());
      // Less than a clock's tick is not told from nothing.
      added.push_back(std::max(with.back() - without, 0.001));
    }
    report.Figure(fmt::format("a purchase decided, {}, median", program.program_id()), "us", with);
    report.Figure("  of that by the program; at most 20 wanted", "us", added);
  }
}

}  // namespace keyledger::bench
