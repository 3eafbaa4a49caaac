// YAML text to YamlNode; see yaml_tree.h.
#include "server/domain/yaml_tree.h"

#include <sstream>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "server/base/ids.h"

namespace keyledger::domain {
namespace {

// Builds the tree. After the first refusal it ignores the rest, which the parser still walks through.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(YamlNode& root, std::vector<ProgramFinding>& findings) : root_(root), findings_(findings) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { Add(mark, anchor, YamlNode::Kind::kNull, ""); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Refuse(mark, "aliases are not accepted; write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, const std::string& value) override {
    Add(mark, anchor, YamlNode::Kind::kScalar, value);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, anchor, YamlNode::Kind::kSequence);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, anchor, YamlNode::Kind::kMap);
  }
  void OnMapEnd() override { Close(); }

  bool refused() const { return refused_; }

 private:
  // A collection being read. It is moved to its parent when complete, so that nothing points into a growing vector.
  struct Level {
    YamlNode node;
    // kMap: a key that waits for its value.
    bool has_key = false;
    YamlNode key;
  };

  void Refuse(const YAML::Mark& mark, const std::string& message) {
    if (refused_) return;
    refused_ = true;
    findings_.push_back({mark.line + 1, mark.column + 1, "", message});
  }

  YamlNode Make(const YAML::Mark& mark, YAML::anchor_t anchor, YamlNode::Kind kind) {
    if (anchor != 0) Refuse(mark, "anchors are not accepted; write the value out");
    if (++nodes_ > kYamlNodesMax) Refuse(mark, fmt::format("more than {} values", kYamlNodesMax));
    YamlNode node;
    node.kind = kind;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    return node;
  }

  void Add(const YAML::Mark& mark, YAML::anchor_t anchor, YamlNode::Kind kind, const std::string& text) {
    if (refused_) return;
    YamlNode node = Make(mark, anchor, kind);
    node.text = text;
    Attach(std::move(node));
  }

  void Open(const YAML::Mark& mark, YAML::anchor_t anchor, YamlNode::Kind kind) {
    if (refused_) return;
    Level level;
    level.node = Make(mark, anchor, kind);
    levels_.push_back(std::move(level));
    if (levels_.size() > static_cast<size_t>(kYamlDepthMax))
      Refuse(mark, fmt::format("nested deeper than {} levels", kYamlDepthMax));
  }

  void Close() {
    if (refused_) return;
    YamlNode node = std::move(levels_.back().node);
    levels_.pop_back();
    Attach(std::move(node));
  }

  void Attach(YamlNode node) {
    if (levels_.empty()) {
      root_ = std::move(node);
      return;
    }
    Level& level = levels_.back();
    if (level.node.kind == YamlNode::Kind::kSequence) {
      level.node.items.push_back(std::move(node));
    } else if (!level.has_key) {
      level.key = std::move(node);
      level.has_key = true;
    } else {
      level.node.entries.emplace_back(std::move(level.key), std::move(node));
      level.has_key = false;
    }
  }

  YamlNode& root_;
  std::vector<ProgramFinding>& findings_;
  std::vector<Level> levels_;
  size_t nodes_ = 0;
  bool refused_ = false;
};

}  // namespace

bool ParseYamlTree(std::string_view text, YamlNode& root, std::vector<ProgramFinding>& findings) {
  if (text.size() > kYamlBytesMax) {
    findings.push_back(
        {0, 0, "", fmt::format("{} bytes of text, at most {} are accepted", text.size(), kYamlBytesMax)});
    return false;
  }
  if (!IsUtf8(text) || text.find('\0') != std::string_view::npos) {
    findings.push_back({0, 0, "", "the text is not UTF-8"});
    return false;
  }
  std::istringstream in{std::string(text)};
  TreeBuilder builder(root, findings);
  // yaml-cpp reports what it cannot read by throwing; it goes no further than this.
  try {
    YAML::Parser parser(in);
    if (!parser.HandleNextDocument(builder)) {
      findings.push_back({1, 1, "", "the text is empty"});
      return false;
    }
    if (builder.refused()) return false;
    YamlNode second;
    TreeBuilder more(second, findings);
    if (parser.HandleNextDocument(more)) {
      findings.push_back({second.line, second.column, "", "a second document; a program is one document"});
      return false;
    }
  } catch (const YAML::Exception& error) {
    // What follows a refusal is no news.
    if (!builder.refused()) findings.push_back({error.mark.line + 1, error.mark.column + 1, "", error.msg});
    return false;
  }
  return true;
}

}  // namespace keyledger::domain
