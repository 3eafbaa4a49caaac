// See program_words.h. The schema: program_schema.cc.
#include "client/cli/program_words.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <map>
#include <set>

#include <fmt/format.h>
#include <google/protobuf/timestamp.pb.h>

#include "client/cli/program_fields.h"
#include "client/cli/text.h"

namespace keyledger::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
namespace events = ::keyledger::events::v1;
namespace programs = ::keyledger::programs::v1;

bool EndsWith(const std::string& text, const std::string& end) {
  return text.size() > end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// "per_micros" -> "per": the value is written in units.
std::string FieldWords(const FieldDescriptor& field) {
  std::string words = field.name();
  for (const char* unit : {"_micros", "_milli"}) {
    if (EndsWith(words, unit)) {
      words.resize(words.size() - std::string(unit).size());
    }
  }
  // "to_stage_id" -> "to stage".
  if (words.starts_with("to_") && EndsWith(words, "_id")) {
    words.resize(words.size() - std::string("_id").size());
  }
  std::replace(words.begin(), words.end(), '_', ' ');
  return words;
}

// "accrual_rules" -> "accrual rule": of one of them.
std::string ItemWords(const FieldDescriptor& field) {
  std::string words = FieldWords(field);
  if (EndsWith(words, "ies")) {
    return words.substr(0, words.size() - 3) + "y";
  }
  return EndsWith(words, "s") ? words.substr(0, words.size() - 1) : words;
}

// Thousandths: "1.25".
std::string Thousandths(int64_t milli) {
  std::string text = fmt::format("{}{}.{:03}", milli < 0 ? "-" : "", std::abs(milli / 1000), std::abs(milli % 1000));
  text.erase(text.find_last_not_of('0') + 1);
  return text.back() == '.' ? text.substr(0, text.size() - 1) : text;
}

// Whether the number is money: by its name, or as the threshold of a metric that measures money. `ladder`: the metric
// of the ladder, which conditions and tiers mean that name none.
bool IsMoney(const Message& message, const FieldDescriptor& field, events::Metric ladder) {
  if (EndsWith(field.name(), "_micros")) {
    return true;
  }
  events::Metric metric = ladder;
  if (const auto* condition = dynamic_cast<const programs::Condition*>(&message)) {
    if ((field.name() != "at_least" && field.name() != "at_most") || condition->growth()) {
      return false;
    }
    metric = condition->metric() == events::METRIC_UNSPECIFIED ? ladder : condition->metric();
  } else if (dynamic_cast<const programs::Tier*>(&message) == nullptr ||
             (field.name() != "entrance" && field.name() != "maintenance")) {
    return false;
  }
  return metric == events::METRIC_NET_SPEND || metric == events::METRIC_GROSS_SPEND ||
         metric == events::METRIC_NET_PROFIT || metric == events::METRIC_GROSS_PROFIT;
}

std::string IntegerText(const FieldDescriptor& field, int64_t value, bool money) {
  if (money) {
    return FormatMicros(value);
  }
  if (EndsWith(field.name(), "percent_milli")) {
    return Thousandths(value) + " %";
  }
  return EndsWith(field.name(), "_milli") ? Thousandths(value) : FormatCount(value);
}

std::string Plural(int64_t number, const std::string& word) {
  return fmt::format("{} {}{}", FormatCount(number), word, number == 1 ? "" : "s");
}

// "2027-02-06"; a day of every year: "02-06".
std::string DayText(const programs::CalendarDay& day) {
  const std::string text = fmt::format("{:02}-{:02}", day.month(), day.day());
  return day.year() == 0 ? text : fmt::format("{:04}-{}", day.year(), text);
}

// A phrase for a message that has one; empty: none.
std::string Phrase(const Message& message) {
  if (const auto* time = dynamic_cast<const google::protobuf::Timestamp*>(&message)) {
    return FormatTime(*time);
  }
  if (const auto* rate = dynamic_cast<const programs::RatePerMoney*>(&message)) {
    return fmt::format("{} per {}", Plural(rate->points(), "point"), FormatMicros(rate->per_micros()));
  }
  if (const auto* rate = dynamic_cast<const programs::RatePerUnit*>(&message)) {
    return fmt::format("{} per {}", Plural(rate->points(), "point"), Plural(rate->per_units(), "unit"));
  }
  if (const auto* day = dynamic_cast<const programs::CalendarDay*>(&message)) {
    return DayText(*day);
  }
  if (const auto* holiday = dynamic_cast<const programs::Holiday*>(&message)) {
    return fmt::format("{} {}{}{}", DayText(holiday->date()), holiday->name(), holiday->greeting() ? ", greeting" : "",
                       holiday->open() ? ", open" : "");
  }
  return "";
}

std::string SingleText(const Message& message, const FieldDescriptor& field, int index,
                       events::Metric ladder = events::METRIC_UNSPECIFIED) {
  const auto& reflection = *message.GetReflection();
  const bool item = field.is_repeated();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return item ? reflection.GetRepeatedString(message, &field, index) : reflection.GetString(message, &field);
    case FieldDescriptor::CPPTYPE_BOOL:
      return (item ? reflection.GetRepeatedBool(message, &field, index) : reflection.GetBool(message, &field)) ? "yes"
                                                                                                               : "no";
    case FieldDescriptor::CPPTYPE_ENUM: {
      std::string word =
          EnumWord(*(item ? reflection.GetRepeatedEnum(message, &field, index) : reflection.GetEnum(message, &field)));
      std::replace(word.begin(), word.end(), '_', ' ');
      return word;
    }
    case FieldDescriptor::CPPTYPE_INT32:
      return IntegerText(
          field, item ? reflection.GetRepeatedInt32(message, &field, index) : reflection.GetInt32(message, &field),
          false);
    case FieldDescriptor::CPPTYPE_UINT32:
      return IntegerText(
          field, item ? reflection.GetRepeatedUInt32(message, &field, index) : reflection.GetUInt32(message, &field),
          false);
    case FieldDescriptor::CPPTYPE_INT64:
      return IntegerText(
          field, item ? reflection.GetRepeatedInt64(message, &field, index) : reflection.GetInt64(message, &field),
          IsMoney(message, field, ladder));
    default:
      return "";
  }
}

const Message& ItemOf(const Message& message, const FieldDescriptor& field, int index) {
  const auto& reflection = *message.GetReflection();
  return field.is_repeated() ? reflection.GetRepeatedMessage(message, &field, index)
                             : reflection.GetMessage(message, &field);
}

std::vector<const FieldDescriptor*> SetFields(const Message& message) {
  std::vector<const FieldDescriptor*> fields;
  const auto& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const bool set = field.is_repeated() ? message.GetReflection()->FieldSize(message, &field) > 0
                                         : message.GetReflection()->HasField(message, &field);
    if (set && !IsAssigned(field)) {
      fields.push_back(&field);
    }
  }
  std::sort(fields.begin(), fields.end(), [](const auto* a, const auto* b) { return a->number() < b->number(); });
  return fields;
}

// Whether messages of the type have a phrase, and are told apart by nothing else.
bool IsPhrase(const google::protobuf::Descriptor& type) {
  return &type == programs::CalendarDay::descriptor() || &type == programs::Holiday::descriptor();
}

// The field that names a message among its siblings ("rule_id", "role", "post"); null: none. What it leads to
// ("to_stage_id") is no name: several may lead there.
const FieldDescriptor* IdField(const google::protobuf::Descriptor& type) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING && !field.is_repeated() &&
        ((EndsWith(field.name(), "_id") && !field.name().starts_with("to_")) || field.name() == "role" ||
         field.name() == "post" || (field.name() == "fact_key" && field.index() == 0))) {
      return &field;
    }
  }
  return nullptr;
}

std::string JoinedItems(const Message& message, const FieldDescriptor& field) {
  std::vector<std::string> items;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
    items.push_back(SingleText(message, field, i));
  }
  return fmt::format("{}", fmt::join(items, ", "));
}

bool IsMessage(const FieldDescriptor& field) { return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE; }

void Describe(const Message& message, int depth, events::Metric ladder, std::vector<std::string>& lines);

// One field, or one item of a repeated one.
void DescribeField(const Message& message, const FieldDescriptor& field, int depth, events::Metric ladder,
                   std::vector<std::string>& lines) {
  const std::string indent(static_cast<size_t>(depth) * 2, ' ');
  if (!IsMessage(field)) {
    const std::string value = field.is_repeated() ? JoinedItems(message, field) : SingleText(message, field, 0, ladder);
    lines.push_back(fmt::format("{}{}: {}", indent, FieldWords(field), Printable(value)));
    return;
  }
  const int items = field.is_repeated() ? message.GetReflection()->FieldSize(message, &field) : 1;
  for (int i = 0; i < items; ++i) {
    const Message& below = ItemOf(message, field, i);
    const std::string words = field.is_repeated() ? ItemWords(field) : FieldWords(field);
    if (const std::string phrase = Phrase(below); !phrase.empty()) {
      lines.push_back(fmt::format("{}{}: {}", indent, words, Printable(phrase)));
      continue;
    }
    const FieldDescriptor* const id = IdField(*below.GetDescriptor());
    const std::string name = id == nullptr ? "" : SingleText(below, *id, 0);
    lines.push_back(name.empty() ? indent + words : fmt::format("{}{} {}", indent, words, Printable(name)));
    Describe(below, depth + 1, ladder, lines);
  }
}

void Describe(const Message& message, int depth, events::Metric ladder, std::vector<std::string>& lines) {
  const FieldDescriptor* const id = IdField(*message.GetDescriptor());
  for (const FieldDescriptor* field : SetFields(message)) {
    if (field != id) {
      DescribeField(message, *field, depth, ladder, lines);
    }
  }
}

// Walks two messages of one type side by side.
class Comparison {
 public:
  // The metrics of the ladders, which conditions and tiers mean that name none.
  Comparison(events::Metric was, events::Metric is) : was_(was), is_(is) {}

  // `place`: what the messages are, for example "accrual rule base"; empty: the program.
  void Compare(const Message& before, const Message& after, const std::string& place) {
    const auto& type = *before.GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      if (IsAssigned(field)) {
        continue;
      }
      if (field.is_repeated()) {
        const bool by_words = !IsMessage(field) || IsPhrase(*field.message_type());
        by_words ? CompareWords(before, after, field, place) : CompareItems(before, after, field, place);
      } else {
        CompareField(before, after, field, place);
      }
    }
  }

  std::vector<std::string> Take() { return std::move(lines_); }

 private:
  static std::string In(const std::string& place, const std::string& what) {
    return place.empty() ? what : place + ": " + what;
  }

  void Say(const std::string& place, const std::string& what) { lines_.push_back(Printable(In(place, what))); }

  // A whole message that came or went, with its fields below.
  void SayWhole(const Message& message, events::Metric ladder, const std::string& place, const std::string& what) {
    if (const std::string phrase = Phrase(message); !phrase.empty()) {
      return Say(place, fmt::format("{}: {}", what, phrase));
    }
    Say(place, what);
    Describe(message, 1, ladder, lines_);
  }

  void CompareField(const Message& before, const Message& after, const FieldDescriptor& field,
                    const std::string& place) {
    const bool was = before.GetReflection()->HasField(before, &field);
    const bool is = after.GetReflection()->HasField(after, &field);
    const std::string words = FieldWords(field);
    if (!IsMessage(field)) {
      const std::string old_text = SingleText(before, field, 0, was_);
      const std::string new_text = SingleText(after, field, 0, is_);
      if (was && is) {
        if (old_text != new_text) {
          Say(place, fmt::format("{} was {}, is now {}", words, old_text, new_text));
        }
      } else if (is) {
        Say(place, fmt::format("{} is new: {}", words, new_text));
      } else if (was) {
        Say(place, fmt::format("{} is gone, was {}", words, old_text));
      }
      return;
    }
    const Message& old_message = ItemOf(before, field, 0);
    const Message& new_message = ItemOf(after, field, 0);
    if (was && is) {
      const std::string old_phrase = Phrase(old_message);
      const std::string new_phrase = Phrase(new_message);
      if (old_phrase.empty()) {
        Compare(old_message, new_message, In(place, words));
      } else if (old_phrase != new_phrase) {
        Say(place, fmt::format("{} was {}, is now {}", words, old_phrase, new_phrase));
      }
    } else if (is) {
      SayWhole(new_message, is_, place, words + " is new");
    } else if (was) {
      SayWhole(old_message, was_, place, words + " is gone");
    }
  }

  // Lists of words are sets.
  void CompareWords(const Message& before, const Message& after, const FieldDescriptor& field,
                    const std::string& place) {
    const auto words = [&field](const Message& message) {
      std::set<std::string> all;
      for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
        all.insert(IsMessage(field) ? Phrase(ItemOf(message, field, i)) : SingleText(message, field, i));
      }
      return all;
    };
    const std::set<std::string> was = words(before);
    const std::set<std::string> is = words(after);
    std::vector<std::string> added;
    std::vector<std::string> removed;
    std::set_difference(is.begin(), is.end(), was.begin(), was.end(), std::back_inserter(added));
    std::set_difference(was.begin(), was.end(), is.begin(), is.end(), std::back_inserter(removed));
    const std::string name = FieldWords(field);
    if (!removed.empty()) {
      Say(place,
          fmt::format("{} no longer: {}{}", name, fmt::join(removed, ", "), is.empty() ? "; now without any" : ""));
    }
    if (!added.empty()) {
      Say(place, fmt::format("{} also: {}{}", name, fmt::join(added, ", "), was.empty() ? "; was without any" : ""));
    }
  }

  // By id where there is one, else by place.
  static std::map<std::string, const Message*> ItemsOf(const Message& message, const FieldDescriptor& field) {
    std::map<std::string, const Message*> items;
    const FieldDescriptor* const id = IdField(*field.message_type());
    for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
      const Message& item = ItemOf(message, field, i);
      items.emplace(id == nullptr ? std::to_string(i + 1) : SingleText(item, *id, 0), &item);
    }
    return items;
  }

  void CompareItems(const Message& before, const Message& after, const FieldDescriptor& field,
                    const std::string& place) {
    const auto was = ItemsOf(before, field);
    const auto is = ItemsOf(after, field);
    const std::string words = ItemWords(field);
    for (const auto& [id, item] : was) {
      if (!is.contains(id)) {
        SayWhole(*item, was_, place, fmt::format("{} {} is gone", words, id));
      }
    }
    for (const auto& [id, item] : is) {
      const auto old = was.find(id);
      if (old == was.end()) {
        SayWhole(*item, is_, place, fmt::format("{} {} is new", words, id));
      } else {
        Compare(*old->second, *item, In(place, words + " " + id));
      }
    }
    if (IdField(*field.message_type()) != nullptr) {
      CompareOrder(before, after, field, place);
    }
  }

  // The order of what is in both: it decides between tiers.
  void CompareOrder(const Message& before, const Message& after, const FieldDescriptor& field,
                    const std::string& place) {
    const FieldDescriptor& id = *IdField(*field.message_type());
    const auto order = [&](const Message& message, const std::map<std::string, const Message*>& other) {
      std::vector<std::string> ids;
      for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
        std::string one = SingleText(ItemOf(message, field, i), id, 0);
        if (other.contains(one)) {
          ids.push_back(std::move(one));
        }
      }
      return ids;
    };
    const auto was = order(before, ItemsOf(after, field));
    const auto is = order(after, ItemsOf(before, field));
    if (was != is) {
      Say(place, fmt::format("order of the {} was {}; is now {}", FieldWords(field), fmt::join(was, ", "),
                             fmt::join(is, ", ")));
    }
  }

  const events::Metric was_;
  const events::Metric is_;
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> DescribeProgram(const programs::Program& program) {
  std::vector<std::string> lines = {"program " + Printable(program.program_id()) +
                                    (program.version() == 0 ? "" : fmt::format(" version {}", program.version()))};
  Describe(program, 1, program.tier_ladder().metric(), lines);
  return lines;
}

std::vector<std::string> DiffPrograms(const programs::Program& before, const programs::Program& after) {
  Comparison comparison(before.tier_ladder().metric(), after.tier_ladder().metric());
  comparison.Compare(before, after, "");
  return comparison.Take();
}

}  // namespace keyledger::cli
