// ParseProgramYaml: YAML onto programs.v1.Program by its descriptor, so that a new field of the schema needs no code
// here. See program_set.h.
#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include <absl/time/civil_time.h>
#include <absl/time/time.h>
#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/timestamp.pb.h>

#include "server/base/check.h"
#include "server/base/error.h"
#include "server/domain/program_check.h"
#include "server/domain/program_fields.h"
#include "server/domain/program_set.h"
#include "server/domain/program_warnings.h"
#include "server/domain/proto_time.h"
#include "server/domain/yaml_tree.h"

namespace keyledger::domain {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

absl::string_view AbslView(std::string_view text) { return {text.data(), text.size()}; }

// Edits (insert, delete, replace) that turn one word into the other.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

// "; did you mean ...?" or nothing.
std::string Suggestion(std::string_view word, const std::vector<std::string>& known) {
  if (word.size() > 64) return "";
  const std::string* best = nullptr;
  size_t best_distance = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const size_t distance = Distance(word, candidate);
    if (distance < best_distance) {
      best = &candidate;
      best_distance = distance;
    }
  }
  return best == nullptr ? "" : fmt::format("; did you mean '{}'?", *best);
}

// Digits with an optional sign; "_" may part them for readability (1_000_000).
template <typename Integer>
std::optional<Integer> ParseInteger(std::string text) {
  if (text.empty() || text.front() == '_' || text.back() == '_') return std::nullopt;
  std::erase(text, '_');
  Integer value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

class Mapper {
 public:
  explicit Mapper(std::vector<ProgramFinding>& findings) : findings_(findings) {}

  void MapProgram(const YamlNode& root, programs::v1::Program& program) {
    // Dates are read in the program's zone, wherever in the text it is given.
    for (const auto& [key, value] : root.entries) {
      if (key.text == "time_zone") zone_name_ = value.text;
    }
    places_[""] = {root.line, root.column};
    MapMessage(root, "", program);
  }

  // A finding about a path that the text may not hold: it is placed at the nearest thing around it that the text holds.
  ProgramFinding Place(const std::string& path, const std::string& message) const {
    std::string around = path;
    while (!places_.contains(around)) around = ParentOf(around);
    const auto& [line, column] = places_.at(around);
    return {line, column, path, message};
  }

  // Adds a mistake. Paths already reported, or inside of something already reported, are left out: what is wrong there
  // follows from that.
  void AddMistake(const std::string& path, const std::string& message) {
    std::string around = path;
    while (true) {
      if (reported_.contains(around)) return;
      if (around.empty()) break;
      around = ParentOf(around);
    }
    findings_.push_back(Place(path, message));
  }

 private:
  static std::string ParentOf(const std::string& path) {
    const size_t cut = path.find_last_of(".[");
    return cut == std::string::npos ? "" : path.substr(0, cut);
  }

  void Add(const YamlNode& node, const std::string& path, std::string message) {
    reported_.insert(path);
    findings_.push_back({node.line, node.column, path, std::move(message)});
  }

  static std::vector<std::string> KeysOf(const Descriptor& type) {
    std::vector<std::string> keys;
    for (int i = 0; i < type.field_count(); ++i) {
      if (!IsAssigned(*type.field(i))) keys.push_back(type.field(i)->name());
    }
    return keys;
  }

  void MapMessage(const YamlNode& node, const std::string& path, Message& message) {
    const Descriptor& type = *message.GetDescriptor();
    if (node.kind != YamlNode::Kind::kMap) {
      return Add(node, path, fmt::format("must be a mapping of keys to values: {}", fmt::join(KeysOf(type), ", ")));
    }
    std::set<std::string> seen;
    // First member given, per oneof.
    std::map<const google::protobuf::OneofDescriptor*, std::string> chosen;
    for (const auto& [key, value] : node.entries) {
      const std::string at = path.empty() ? key.text : path + "." + key.text;
      if (key.kind != YamlNode::Kind::kScalar) {
        findings_.push_back({key.line, key.column, path, "a key must be a word"});
        continue;
      }
      const FieldDescriptor* field = type.FindFieldByName(key.text);
      if (field == nullptr) {
        Add(key, at, fmt::format("unknown key '{}'{}", key.text, Suggestion(key.text, KeysOf(type))));
        continue;
      }
      if (IsAssigned(*field)) {
        Add(key, at, "is assigned when the program is published and must not be given");
        continue;
      }
      if (!seen.insert(key.text).second) {
        Add(key, at, "is given twice");
        continue;
      }
      if (const auto* oneof = field->real_containing_oneof(); oneof != nullptr) {
        const auto [first, is_first] = chosen.try_emplace(oneof, key.text);
        if (!is_first) {
          Add(key, at, fmt::format("cannot be given together with '{}'", first->second));
          continue;
        }
      }
      places_[at] = {key.line, key.column};
      MapField(value, at, message, *field);
    }
  }

  void MapField(const YamlNode& node, const std::string& path, Message& message, const FieldDescriptor& field) {
    if (node.kind == YamlNode::Kind::kNull) {
      // An absent value is nowhere in the text: its key is what to look at.
      YamlNode at;
      std::tie(at.line, at.column) = places_.at(path);
      return Add(at, path, "has no value; leave the key out or give one");
    }
    if (!field.is_repeated()) return MapValue(node, path, message, field);
    if (node.kind != YamlNode::Kind::kSequence) return Add(node, path, "must be a list");
    for (size_t i = 0; i < node.items.size(); ++i) {
      const std::string at = fmt::format("{}[{}]", path, i);
      places_[at] = {node.items[i].line, node.items[i].column};
      MapValue(node.items[i], at, message, field);
    }
  }

  // Sets the field, or adds to it if it is repeated. A wrong item of a list is added all the same, empty, so that the
  // indices of those after it stay right.
  void MapValue(const YamlNode& node, const std::string& path, Message& message, const FieldDescriptor& field) {
    const auto& reflection = *message.GetReflection();
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      Message& below =
          field.is_repeated() ? *reflection.AddMessage(&message, &field) : *reflection.MutableMessage(&message, &field);
      if (auto* time = google::protobuf::DynamicCastToGenerated<google::protobuf::Timestamp>(&below)) {
        return MapTime(node, path, *time);
      }
      return MapMessage(node, path, below);
    }
    if (node.kind != YamlNode::Kind::kScalar) {
      if (field.is_repeated() && field.cpp_type() == FieldDescriptor::CPPTYPE_STRING)
        reflection.AddString(&message, &field, "");
      if (field.is_repeated() && field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM)
        reflection.AddEnumValue(&message, &field, 0);
      return Add(node, path, "must be a single value");
    }
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        if (field.is_repeated()) {
          reflection.AddString(&message, &field, node.text);
        } else {
          reflection.SetString(&message, &field, node.text);
        }
        return;
      case FieldDescriptor::CPPTYPE_ENUM:
        return MapEnum(node, path, message, field);
      case FieldDescriptor::CPPTYPE_BOOL:
        return MapBool(node, path, message, field);
      case FieldDescriptor::CPPTYPE_INT32:
        return MapInteger<int32_t>(node, path, [&](int32_t value) { Put(message, field, value, &PutInt32); });
      case FieldDescriptor::CPPTYPE_UINT32:
        return MapInteger<uint32_t>(node, path, [&](uint32_t value) { Put(message, field, value, &PutUInt32); });
      case FieldDescriptor::CPPTYPE_INT64:
        return MapInteger<int64_t>(node, path, [&](int64_t value) { Put(message, field, value, &PutInt64); });
      case FieldDescriptor::CPPTYPE_UINT64:
        return MapInteger<uint64_t>(node, path, [&](uint64_t value) { Put(message, field, value, &PutUInt64); });
      default:
        // The schema has no floating point: nothing of it is decided on.
        return Add(node, path, "is of a type that cannot be written here");
    }
  }

  using Reflection = google::protobuf::Reflection;
  static void PutInt32(const Reflection& r, Message& m, const FieldDescriptor& f, int32_t v) {
    f.is_repeated() ? r.AddInt32(&m, &f, v) : r.SetInt32(&m, &f, v);
  }
  static void PutUInt32(const Reflection& r, Message& m, const FieldDescriptor& f, uint32_t v) {
    f.is_repeated() ? r.AddUInt32(&m, &f, v) : r.SetUInt32(&m, &f, v);
  }
  static void PutInt64(const Reflection& r, Message& m, const FieldDescriptor& f, int64_t v) {
    f.is_repeated() ? r.AddInt64(&m, &f, v) : r.SetInt64(&m, &f, v);
  }
  static void PutUInt64(const Reflection& r, Message& m, const FieldDescriptor& f, uint64_t v) {
    f.is_repeated() ? r.AddUInt64(&m, &f, v) : r.SetUInt64(&m, &f, v);
  }
  template <typename Integer>
  static void Put(Message& message, const FieldDescriptor& field, Integer value,
                  void (*put)(const Reflection&, Message&, const FieldDescriptor&, Integer)) {
    put(*message.GetReflection(), message, field, value);
  }

  template <typename Integer, typename Set>
  void MapInteger(const YamlNode& node, const std::string& path, const Set& set) {
    const auto value = ParseInteger<Integer>(node.text);
    if (!value.has_value()) {
      return Add(node, path,
                 fmt::format("must be a whole number from {} to {}, is '{}'", std::numeric_limits<Integer>::min(),
                             std::numeric_limits<Integer>::max(), Shown(node.text)));
    }
    set(*value);
  }

  void MapBool(const YamlNode& node, const std::string& path, Message& message, const FieldDescriptor& field) {
    const std::string word = Lower(node.text);
    if (word != "true" && word != "false") {
      return Add(node, path, fmt::format("must be true or false, is '{}'", Shown(node.text)));
    }
    const auto& reflection = *message.GetReflection();
    field.is_repeated() ? reflection.AddBool(&message, &field, word == "true")
                        : reflection.SetBool(&message, &field, word == "true");
  }

  void MapEnum(const YamlNode& node, const std::string& path, Message& message, const FieldDescriptor& field) {
    const EnumDescriptor& type = *field.enum_type();
    std::vector<std::string> words;
    for (int i = 0; i < type.value_count(); ++i) {
      const std::string word = EnumWord(*type.value(i));
      // The zero value stands for "not given", which is written by leaving the key out.
      if (type.value(i)->number() == 0) continue;
      if (word == Lower(node.text)) {
        const auto& reflection = *message.GetReflection();
        field.is_repeated() ? reflection.AddEnum(&message, &field, type.value(i))
                            : reflection.SetEnum(&message, &field, type.value(i));
        return;
      }
      words.push_back(word);
    }
    if (field.is_repeated()) message.GetReflection()->AddEnumValue(&message, &field, 0);
    Add(node, path,
        fmt::format("must be one of {}; is '{}'{}", fmt::join(words, ", "), Shown(node.text),
                    Suggestion(Lower(node.text), words)));
  }

  void MapTime(const YamlNode& node, const std::string& path, google::protobuf::Timestamp& out) {
    constexpr const char* kForm = "must be a date (2024-01-31) or a time with offset (2024-01-31T08:00:00Z)";
    if (node.kind != YamlNode::Kind::kScalar) return Add(node, path, kForm);
    absl::Time time;
    absl::CivilDay day;
    std::string error;
    // A date has this one form; ParseCivilTime would also take single digits.
    if (node.text.size() == 10 && absl::ParseCivilTime(AbslView(node.text), &day)) {
      absl::TimeZone zone;
      // An unknown zone is reported where it is given.
      if (!absl::LoadTimeZone(AbslView(zone_name_), &zone)) zone = absl::UTCTimeZone();
      time = zone.At(absl::CivilSecond(day)).pre;
    } else if (node.text.find("infinite") != std::string::npos ||
               !absl::ParseTime(absl::RFC3339_full, AbslView(node.text), &time, &error)) {
      return Add(node, path, fmt::format("{}; is '{}'", kForm, Shown(node.text)));
    }
    const Micros micros = absl::ToUnixMicros(time);
    if (!IsTimestampRange(micros) || absl::FromUnixMicros(micros) != time) {
      return Add(node, path, "must be from 0001 to 9999, in whole microseconds");
    }
    SetTimestamp(&out, micros);
  }

  // What was read, short enough for a message.
  static std::string Shown(const std::string& text) { return text.size() <= 40 ? text : text.substr(0, 37) + "..."; }

  std::vector<ProgramFinding>& findings_;
  std::string zone_name_ = "UTC";
  // Line and column of each path in the text.
  std::map<std::string, std::pair<int, int>> places_;
  std::set<std::string> reported_;
};

}  // namespace

ParsedProgram ParseProgramYaml(std::string_view text,
                               const std::vector<std::shared_ptr<const CompiledProgram>>& published) {
  ParsedProgram parsed;
  YamlNode root;
  if (!ParseYamlTree(text, root, parsed.findings)) return parsed;
  programs::v1::Program program;
  Mapper mapper(parsed.findings);
  mapper.MapProgram(root, program);
  for (const auto& [path, message] : CheckProgram(program)) mapper.AddMistake(path, message);
  if (parsed.findings.empty()) {
    for (const auto& [path, message] : FindWarnings(program, published)) {
      parsed.warnings.push_back(mapper.Place(path, message));
    }
    parsed.program = std::move(program);
  }
  for (auto* findings : {&parsed.findings, &parsed.warnings}) {
    std::stable_sort(findings->begin(), findings->end(), [](const ProgramFinding& a, const ProgramFinding& b) {
      return std::pair(a.line, a.column) < std::pair(b.line, b.column);
    });
  }
  return parsed;
}

absl::Status FindingsError(const std::vector<ProgramFinding>& findings) {
  absl::Status status = MakeError(Reason::kInvalidProgram, fmt::format("the program has {} mistake{}", findings.size(),
                                                                       findings.size() == 1 ? "" : "s"));
  for (const ProgramFinding& finding : findings) {
    AddField(status, finding.path, fmt::format("line {}: {}", finding.line, finding.message));
  }
  return status;
}

}  // namespace keyledger::domain
