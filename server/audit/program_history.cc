// See program_history.h.
#include "server/audit/program_history.h"

#include <algorithm>

#include "server/base/check.h"

namespace keyledger::audit {
namespace {

// Pointers in the sets that are kept: 128 MiB.
constexpr uint64_t kPointersMax = 16u << 20;

}  // namespace

void ProgramHistory::Add(uint64_t position, std::shared_ptr<const domain::CompiledProgram> program) {
  KL_CHECK(versions_.size() < kProgramVersionsMax);
  KL_CHECK(versions_.empty() || versions_.back().position <= position);
  const programs::v1::Program& text = program->program();
  KL_CHECK(by_id_[text.program_id()].emplace(text.version(), program.get()).second);
  versions_.push_back({position, std::move(program)});
}

const domain::CompiledProgram* ProgramHistory::Latest(const std::string& program_id) const {
  const auto found = by_id_.find(program_id);
  return found == by_id_.end() ? nullptr : found->second.rbegin()->second;
}

bool ProgramHistory::Contains(const std::string& program_id, uint32_t version) const {
  const auto found = by_id_.find(program_id);
  return found != by_id_.end() && found->second.contains(version);
}

std::shared_ptr<const domain::ProgramSet> ProgramHistory::At(uint64_t position) const {
  const auto after = std::upper_bound(versions_.begin(), versions_.end(), position,
                                      [](uint64_t at, const Version& version) { return at < version.position; });
  return SetOf(static_cast<size_t>(after - versions_.begin()));
}

std::shared_ptr<const domain::ProgramSet> ProgramHistory::SetOf(size_t count) const {
  if (const auto found = sets_.find(count); found != sets_.end()) return found->second;
  std::vector<std::shared_ptr<const domain::CompiledProgram>> programs;
  programs.reserve(count);
  for (size_t i = 0; i < count; ++i) programs.push_back(versions_[i].program);
  auto made = std::make_shared<const domain::ProgramSet>(std::move(programs));
  // At most two moments of change for each version, and a candidate of each program at each.
  const uint64_t pointers = count * (2 * by_id_.size() + 2);
  while (!made_.empty() && pointers_ + pointers > kPointersMax) {
    pointers_ -= made_.front().second;
    sets_.erase(made_.front().first);
    made_.pop_front();
  }
  sets_.emplace(count, made);
  made_.emplace_back(count, pointers);
  pointers_ += pointers;
  return made;
}

}  // namespace keyledger::audit
