// A small tree of YAML nodes with their places in the text. Internal to kl_program_yaml.
//
// Made from yaml-cpp's parser events rather than its node graph: anchors and aliases, which make a small text expand
// without end, are refused as they are met; depth and number of nodes are bounded.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/domain/program_set.h"

namespace keyledger::domain {

inline constexpr size_t kYamlBytesMax = 1 << 20;
inline constexpr int kYamlDepthMax = 32;
inline constexpr size_t kYamlNodesMax = 200'000;

struct YamlNode {
  enum class Kind { kNull, kScalar, kSequence, kMap };
  Kind kind = Kind::kNull;
  // 1-based.
  int line = 0;
  int column = 0;
  // kScalar.
  std::string text;
  // kSequence.
  std::vector<YamlNode> items;
  // kMap, in the order of the text.
  std::vector<std::pair<YamlNode, YamlNode>> entries;
};

// Reads one document. Returns false, with findings, if the text is not YAML or exceeds a limit.
bool ParseYamlTree(std::string_view text, YamlNode& root, std::vector<ProgramFinding>& findings);

}  // namespace keyledger::domain
