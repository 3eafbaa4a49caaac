// Groups of accounts by a value: the levels of a region, and names of which only the first so many are kept.
#pragma once

#include <cstddef>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace keyledger::projections {

// Groups that an answer names at most.
inline constexpr size_t kGroupsMax = 10'000;

// Adds the path and every level above it: "CN", "CN/31", "CN/31/Shanghai"; nothing for an empty one.
inline void AddRegionLevels(std::string_view path, std::vector<std::string_view>& out) {
  if (path.empty()) return;
  for (size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
    out.push_back(path.substr(0, slash));
  }
  out.push_back(path);
}

// A map of names that keeps the first so many of them, with what was counted for each: a name that is given up for one
// before it can never be among the first again, so that what is kept is complete. Threads: confined to one thread.
template <class Value>
class FirstNames {
 public:
  explicit FirstNames(size_t names_max) : names_max_(names_max) {}

  // The value of a name, new or known; null if it is not among the first.
  Value* Find(std::string_view name) {
    const auto known = values_.find(name);
    if (known != values_.end()) return &known->second;
    if (values_.size() == names_max_) {
      dropped_ = true;
      const auto last = std::prev(values_.end());
      if (name > last->first) return nullptr;
      values_.erase(last);
    }
    return &values_.emplace(std::string(name), Value{}).first->second;
  }
  const std::map<std::string, Value, std::less<>>& values() const { return values_; }
  // Whether there were more names.
  bool dropped() const { return dropped_; }

 private:
  const size_t names_max_;
  bool dropped_ = false;
  std::map<std::string, Value, std::less<>> values_;
};

}  // namespace keyledger::projections
