// CompiledProgram and ProgramSet: see program_set.h.
#include "server/domain/program_set.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/account_state.h"
#include "server/domain/program_check.h"
#include "server/domain/proto_time.h"

namespace keyledger::domain {
namespace {

std::vector<std::string> Sorted(const google::protobuf::RepeatedPtrField<std::string>& entries) {
  std::vector<std::string> sorted(entries.begin(), entries.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

using TimeWindows = google::protobuf::RepeatedPtrField<programs::v1::TimeWindow>;

std::vector<CompiledWindow> CompileWindows(const TimeWindows& windows) {
  return std::vector<CompiledWindow>(windows.begin(), windows.end());
}

CompiledMatch CompileMatch(const programs::v1::LineMatch& match) {
  CompiledMatch compiled{
      Sorted(match.categories()),          Sorted(match.skus()), Sorted(match.merchants()), Sorted(match.regions()), {},
      CompileWindows(match.time_windows())};
  for (const int mode : match.sale_modes()) compiled.sale_modes.push_back(static_cast<events::v1::SaleMode>(mode));
  return compiled;
}

CompiledLimits CompileLimits(const programs::v1::Program& program) {
  CompiledLimits compiled;
  for (int i = 0; i < program.limits_size(); ++i) {
    switch (program.limits(i).kind_case()) {
      case programs::v1::Limit::kDiscounts:
        compiled.discounts.push_back(i);
        break;
      case programs::v1::Limit::kGifts:
        compiled.gifts.push_back(i);
        break;
      case programs::v1::Limit::kCommissions:
        compiled.commissions.push_back(i);
        break;
      case programs::v1::Limit::kServices:
        compiled.services.push_back(i);
        break;
      case programs::v1::Limit::kInteractions:
        compiled.interactions.push_back(i);
        break;
      case programs::v1::Limit::kMarketPrice:
        compiled.market_prices.push_back(i);
        break;
      case programs::v1::Limit::KIND_NOT_SET:
        break;
    }
  }
  return compiled;
}

bool IsBetter(const CompiledProgram* a, const CompiledProgram* b) {
  const programs::v1::Program& left = a->program();
  const programs::v1::Program& right = b->program();
  if (left.region().size() != right.region().size()) return left.region().size() > right.region().size();
  if (left.priority() != right.priority()) return left.priority() > right.priority();
  return left.program_id() < right.program_id();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const CompiledProgram>> CompiledProgram::Compile(programs::v1::Program program) {
  const std::vector<ProgramMistake> mistakes = CheckProgram(program);
  if (!mistakes.empty()) {
    const auto& [path, message] = mistakes.front();
    absl::Status status =
        MakeError(Reason::kInvalidProgram,
                  fmt::format("the program has {} mistake{}; the first: {} {}", mistakes.size(),
                              mistakes.size() == 1 ? "" : "s", path.empty() ? "program" : path, message));
    for (const auto& [field, description] : mistakes) AddField(status, field, description);
    return status;
  }
  std::shared_ptr<CompiledProgram> compiled(new CompiledProgram());
  compiled->zone_ = *Zone::Load(program.time_zone());
  compiled->effective_from_ = MicrosOf(program.effective_from());
  compiled->effective_to_ = program.has_effective_to() ? MicrosOf(program.effective_to()) : kNever;
  for (const auto& rule : program.accrual_rules()) compiled->matches_.push_back(CompileMatch(rule.match()));
  compiled->redemption_windows_ = CompileWindows(program.redemption_policy().windows());
  compiled->rules_ = CompileRules(program);
  compiled->limits_ = CompileLimits(program);
  compiled->program_ = std::move(program);
  return compiled;
}

ProgramSet::ProgramSet(std::vector<std::shared_ptr<const CompiledProgram>> programs) : programs_(std::move(programs)) {
  std::sort(programs_.begin(), programs_.end(), [](const auto& a, const auto& b) {
    const auto& left = a->program();
    const auto& right = b->program();
    return std::pair(std::string_view(left.program_id()), left.version()) <
           std::pair(std::string_view(right.program_id()), right.version());
  });
  for (const auto& program : programs_) {
    changes_.push_back(program->effective_from());
    if (program->effective_to() != kNever) changes_.push_back(program->effective_to());
  }
  std::sort(changes_.begin(), changes_.end());
  changes_.erase(std::unique(changes_.begin(), changes_.end()), changes_.end());
  for (const Micros change : changes_) {
    // Versions ascend within an id, so the last one that has begun is the latest. Once it ends the program has ended:
    // those it superseded do not come back.
    std::map<std::string_view, const CompiledProgram*> latest;
    for (const auto& program : programs_) {
      if (program->effective_from() <= change) latest[program->program().program_id()] = program.get();
    }
    std::vector<const CompiledProgram*>& candidates = candidates_.emplace_back();
    for (const auto& [id, program] : latest) {
      if (change < program->effective_to()) candidates.push_back(program);
    }
    std::sort(candidates.begin(), candidates.end(), IsBetter);
  }
}

const CompiledProgram* ProgramSet::Select(Micros occurred, std::string_view region) const {
  const auto after = std::upper_bound(changes_.begin(), changes_.end(), occurred);
  if (after == changes_.begin()) return nullptr;
  for (const CompiledProgram* candidate : candidates_[after - changes_.begin() - 1]) {
    if (RegionContains(candidate->program().region(), region)) return candidate;
  }
  return nullptr;
}

Micros ProgramSet::NextChange(Micros time) const {
  const auto after = std::upper_bound(changes_.begin(), changes_.end(), time);
  return after == changes_.end() ? kNever : *after;
}

std::shared_ptr<const ProgramSet> ProgramSet::With(std::shared_ptr<const CompiledProgram> program) const {
  std::vector<std::shared_ptr<const CompiledProgram>> programs = programs_;
  programs.push_back(std::move(program));
  return std::make_shared<const ProgramSet>(std::move(programs));
}

const CompiledProgram* ProgramSet::Find(std::string_view program_id, uint32_t version) const {
  for (const auto& program : programs_) {
    if (program->program().program_id() == program_id && program->program().version() == version) return program.get();
  }
  return nullptr;
}

const CompiledProgram* ProgramSet::Latest(std::string_view program_id) const {
  const CompiledProgram* latest = nullptr;
  for (const auto& program : programs_) {
    if (program->program().program_id() == program_id) latest = program.get();
  }
  return latest;
}

}  // namespace keyledger::domain
