// See kind_flag.h.
#include "client/cli/kind_flag.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "client/cli/fact_verb.h"

namespace keyledger::cli {

void KindFlag::AddTo(CLI::App* verb, const google::protobuf::EnumDescriptor& type, std::vector<std::string> allowed) {
  if (allowed.empty()) {
    allowed = EnumNames(type);
  }
  verb->add_option("--kind", names, "Only of this kind; may be repeated")
      ->allow_extra_args(false)
      ->check(CLI::Validator(
          [&type, allowed = std::move(allowed)](const std::string& text) -> std::string {
            const auto* value = FindEnum(type, text);
            const bool known = value != nullptr && std::any_of(allowed.begin(), allowed.end(), [&](const auto& name) {
                                 return FindEnum(type, name) == value;
                               });
            return known ? "" : fmt::format("'{}' is none of {}", text, fmt::join(allowed, ", "));
          },
          "KIND"));
}

std::vector<int> KindFlag::Numbers(const google::protobuf::EnumDescriptor& type) const {
  std::vector<int> numbers;
  for (const std::string& name : names) {
    numbers.push_back(FindEnum(type, name)->number());
  }
  return numbers;
}

}  // namespace keyledger::cli
