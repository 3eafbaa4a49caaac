// Rows to facts of the relationship. See fact_row.h.
#include "client/cli/fact_row.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "client/cli/fact_verb.h"
#include "client/cli/text.h"

namespace keyledger::cli {
namespace {

namespace ev = ::keyledger::events::v1;

// "-12.500000" of -12,500,000 micros.
std::string FormatDecimal(int64_t micros) {
  const uint64_t size = micros < 0 ? 0 - static_cast<uint64_t>(micros) : static_cast<uint64_t>(micros);
  return fmt::format("{}{}.{:06}", micros < 0 ? "-" : "", size / 1'000'000, size % 1'000'000);
}

// The fields of one row by name, and what is wrong with the first that is.
class Fields {
 public:
  Fields(const ImportOptions& options, const DateFormat& dates) : options_(options), dates_(dates) {}

  void Set(std::string_view name, std::string text) { texts_[std::string(name)] = std::move(text); }
  const std::string& error() const { return error_; }

  // "" where there is none.
  std::string Text(const std::string& name) const {
    const auto at = texts_.find(name);
    return at == texts_.end() ? "" : at->second;
  }
  int64_t Time(const std::string& name) {
    const std::optional<int64_t> micros = dates_.Parse(Text(name));
    if (!micros) {
      Fail(fmt::format("{} '{}' does not match {}", name, Text(name), options_.date_format));
    }
    return micros.value_or(0);
  }
  int32_t Integer(const std::string& name) {
    const std::optional<int64_t> value = ParseInteger(Text(name));
    const bool good = value && *value >= 0 && *value <= std::numeric_limits<int32_t>::max();
    if (!good) {
      Fail(fmt::format("{} '{}' is no whole number", name, Text(name)));
    }
    return good ? static_cast<int32_t>(*value) : 0;
  }
  // Halves of a place: "1.5" is 3.
  int32_t Halves(const std::string& name) {
    const std::optional<int64_t> tenths = ParseMicros(Text(name), 10);
    const bool good = tenths && *tenths > 0 && *tenths % 5 == 0 && *tenths <= 10'000;
    if (!good) {
      Fail(fmt::format("{} '{}' is no place: 1, 1.5, 2 and so on", name, Text(name)));
    }
    return good ? static_cast<int32_t>(*tenths / 5) : 0;
  }
  void Money(const std::string& name, ev::Money* money) {
    const std::optional<int64_t> micros = ParseMicros(Text(name), options_.amount_unit_micros);
    if (!micros) {
      Fail(fmt::format("{} '{}' is no decimal number, finer than a millionth, or out of range", name, Text(name)));
    }
    money->set_currency_code(options_.currency);
    money->set_micros(micros.value_or(0));
  }
  // Reads the field into that of the fact; several values are separated by ";". One that is empty is left out.
  void Put(const std::string& name, google::protobuf::Message& fact, std::string_view path) {
    const std::string text = Text(name);
    const google::protobuf::FieldDescriptor& field = *FactField(*fact.GetDescriptor(), path);
    for (size_t start = 0; start < text.size();) {
      const size_t end = field.is_repeated() ? std::min(text.find(';', start), text.size()) : text.size();
      std::string value(Trim(std::string_view(text).substr(start, end - start)));
      start = end + 1;
      if (field.message_type() == google::protobuf::Timestamp::descriptor()) {
        value = FormatTime(TimestampFromMicros(Time(name)));
      } else if (field.message_type() == ev::Money::descriptor()) {
        ev::Money money;
        Money(name, &money);
        value = FormatDecimal(money.micros());
      }
      if (const std::string wrong = SetField(fact, path, value, options_.currency); !wrong.empty()) {
        Fail(name + " " + wrong);
      }
    }
  }
  template <typename Enum>
  Enum OneOf(const std::string& name, const std::vector<std::pair<std::string_view, Enum>>& values) {
    const std::string text = Text(name);
    const auto at = std::find_if(values.begin(), values.end(), [&](const auto& one) { return one.first == text; });
    if (at != values.end()) {
      return at->second;
    }
    std::string names;
    for (const auto& [one, value] : values) {
      names += (names.empty() ? "" : ", ") + std::string(one);
    }
    Fail(fmt::format("{} '{}' is none of {}", name, text, names));
    return Enum();
  }

 private:
  void Fail(std::string reason) {
    if (error_.empty()) {
      error_ = std::move(reason);
    }
  }

  const ImportOptions& options_;
  const DateFormat& dates_;
  std::map<std::string, std::string> texts_;
  std::string error_;
};

void FillSurvey(Fields& fields, ev::SurveyAnswered& answered) {
  answered.set_kind(fields.OneOf<ev::SurveyKind>(
      "kind", {{"recommendation", ev::SURVEY_KIND_RECOMMENDATION}, {"satisfaction", ev::SURVEY_KIND_SATISFACTION}}));
  answered.set_score(fields.Integer("score"));
  answered.set_survey_id(fields.Text("survey"));
  answered.set_contact_id(fields.Text("contact"));
}

void FillBudget(Fields& fields, ev::BudgetStated& stated) {
  *stated.mutable_start_time() = TimestampFromMicros(fields.Time("from"));
  *stated.mutable_end_time() = TimestampFromMicros(fields.Time("until"));
  fields.Money("amount", stated.mutable_amount());
  stated.set_basis(fields.OneOf<ev::BudgetBasis>(
      "basis", {{"declared", ev::BUDGET_BASIS_DECLARED}, {"estimated", ev::BUDGET_BASIS_ESTIMATED}}));
  stated.set_category(fields.Text("category"));
  stated.set_source(fields.Text("source"));
}

void FillCost(Fields& fields, ev::CostRecorded& cost) {
  cost.set_purpose(fields.OneOf<ev::CostPurpose>("purpose", {{"acquisition", ev::COST_PURPOSE_ACQUISITION},
                                                             {"retention", ev::COST_PURPOSE_RETENTION},
                                                             {"service", ev::COST_PURPOSE_SERVICE}}));
  fields.Money("amount", cost.mutable_cost());
  cost.set_kind(fields.Text("kind"));
  cost.set_description(fields.Text("description"));
}

void FillCompetitor(Fields& fields, ev::CompetitorMoveObserved& move) {
  move.set_competitor(fields.Text("competitor"));
  move.set_kind(fields.OneOf<ev::CompetitorMoveKind>("kind", {{"approach", ev::COMPETITOR_MOVE_KIND_APPROACH},
                                                              {"offer", ev::COMPETITOR_MOVE_KIND_OFFER},
                                                              {"won", ev::COMPETITOR_MOVE_KIND_WON},
                                                              {"lost", ev::COMPETITOR_MOVE_KIND_LOST}}));
  move.set_description(fields.Text("description"));
}

void FillSigned(Fields& fields, ev::ContractSigned& contract) {
  contract.set_contract_id(fields.Text("contract"));
  *contract.mutable_start_time() = TimestampFromMicros(fields.Time("from"));
  *contract.mutable_end_time() = TimestampFromMicros(fields.Time("until"));
  if (!fields.Text("value").empty()) {
    fields.Money("value", contract.mutable_value());
  }
  contract.set_kind(fields.Text("kind"));
}

void FillRenewed(Fields& fields, ev::ContractRenewed& renewed) {
  renewed.set_contract_id(fields.Text("contract"));
  *renewed.mutable_end_time() = TimestampFromMicros(fields.Time("until"));
  if (!fields.Text("value").empty()) {
    fields.Money("value", renewed.mutable_value());
  }
}

void FillEnded(Fields& fields, ev::ContractEnded& ended) {
  ended.set_contract_id(fields.Text("contract"));
  ended.set_ending(fields.OneOf<ev::ContractEnding>("ending", {{"not-renewed", ev::CONTRACT_ENDING_NOT_RENEWED},
                                                               {"cancelled", ev::CONTRACT_ENDING_CANCELLED},
                                                               {"breached", ev::CONTRACT_ENDING_BREACHED},
                                                               {"superseded", ev::CONTRACT_ENDING_SUPERSEDED}}));
  ended.set_reason(fields.Text("reason"));
}

// Kinds whose columns are fields of the fact, one by one: the fact and the field of each column, in the order of
// FactKind::columns.
struct FieldsOfKind {
  std::string_view kind;
  std::string_view payload;
  std::array<std::string_view, 15> paths;
};

constexpr std::array<FieldsOfKind, 7> kFieldsOfKinds = {
    {{"interaction",
      "interaction_made",
      {"kind", "people", "contact_ids", "purpose", "preparation", "result", "next_step.what", "next_step.due_time",
       "next_step.kind", "interest", "cost", "our_minutes", "activity_id", "opportunity_id", "interaction_id"}},
     {"interaction-plan",
      "interaction_planned",
      {"interaction_id", "kind", "start_time", "people", "contact_ids", "purpose", "preparation", "activity_id"}},
     {"interaction-miss", "interaction_missed", {"interaction_id", "cause", "reason", "new_start_time"}},
     {"need",
      "need_stated",
      {"need_id", "description", "category", "purpose", "quantity", "wanted_time", "contact_id"}},
     {"score", "score_stated", {"score_id", "value", "person", "basis"}},
     {"issue", "issue_opened", {"issue_id", "kind", "description", "due_time", "person", "contact_id", "severity"}},
     {"owner", "owner_assigned", {"role", "person", "rank", "reason"}}}};

void FillByColumns(const FieldsOfKind& row, Fields& fields, ev::Event& event) {
  const auto* payload = ev::Event::descriptor()->FindFieldByName(std::string(row.payload));
  google::protobuf::Message& fact = *event.GetReflection()->MutableMessage(&event, payload);
  const FactKind& kind = *FindFactKind(row.kind);
  for (size_t i = 0; i < row.paths.size() && !row.paths[i].empty(); ++i) {
    fields.Put(std::string(kind.columns[i]), fact, row.paths[i]);
  }
}

void FillEvent(std::string_view kind, Fields& fields, ev::Event& event) {
  const auto* row = std::find_if(kFieldsOfKinds.begin(), kFieldsOfKinds.end(),
                                 [&](const FieldsOfKind& one) { return one.kind == kind; });
  if (row != kFieldsOfKinds.end()) {
    FillByColumns(*row, fields, event);
  } else if (kind == "survey") {
    FillSurvey(fields, *event.mutable_survey_answered());
  } else if (kind == "budget") {
    FillBudget(fields, *event.mutable_budget_stated());
  } else if (kind == "supplier-rank") {
    event.mutable_supplier_rank_stated()->set_place_halves(fields.Halves("place"));
    event.mutable_supplier_rank_stated()->set_suppliers(fields.Integer("suppliers"));
    event.mutable_supplier_rank_stated()->set_source(fields.Text("source"));
  } else if (kind == "cost") {
    FillCost(fields, *event.mutable_cost_recorded());
  } else if (kind == "referral") {
    event.mutable_referral_recorded()->set_lead_source(fields.Text("source"));
    event.mutable_referral_recorded()->set_referrer_account_id(fields.Text("referrer"));
  } else if (kind == "club-join") {
    event.mutable_club_joined()->set_club_id(fields.Text("club"));
  } else if (kind == "club-leave") {
    event.mutable_club_left()->set_club_id(fields.Text("club"));
    event.mutable_club_left()->set_reason(fields.Text("reason"));
  } else if (kind == "competitor") {
    FillCompetitor(fields, *event.mutable_competitor_move_observed());
  } else if (kind == "contract-sign") {
    FillSigned(fields, *event.mutable_contract_signed());
  } else if (kind == "contract-renew") {
    FillRenewed(fields, *event.mutable_contract_renewed());
  } else {
    FillEnded(fields, *event.mutable_contract_ended());
  }
}

// Names of the columns in order, account_id and occurred before them.
std::vector<std::string_view> NamesOf(const FactKind& kind, bool required_only) {
  std::vector<std::string_view> names = {"account_id", "occurred"};
  for (size_t i = 0; i < kind.columns.size() && !kind.columns[i].empty() && (!required_only || i < kind.required);
       ++i) {
    names.push_back(kind.columns[i]);
  }
  return names;
}

}  // namespace

const FactKind* FindFactKind(std::string_view name) {
  const auto* at =
      std::find_if(kFactKinds.begin(), kFactKinds.end(), [&](const FactKind& one) { return one.name == name; });
  return at == kFactKinds.end() ? nullptr : at;
}

std::string FactColumns(const FactKind& kind) {
  const std::vector<std::string_view> required = NamesOf(kind, true);
  std::vector<std::string_view> optional = NamesOf(kind, false);
  optional.erase(optional.begin(), optional.begin() + static_cast<std::ptrdiff_t>(required.size()));
  std::string text = fmt::format("{}", fmt::join(required, ", "));
  return optional.empty() ? text : fmt::format("{} and as there are {}", text, fmt::join(optional, ", "));
}

std::optional<FactRowParser> FactRowParser::Make(const FactKind& kind, std::string_view columns, ImportOptions options,
                                                 std::string& error) {
  error = ParseColumns(columns, NamesOf(kind, false), NamesOf(kind, true), options.columns);
  if (!error.empty()) {
    return std::nullopt;
  }
  std::optional<DateFormat> dates = DateFormat::Make(options.date_format, options.time_zone, error);
  if (!dates) {
    return std::nullopt;
  }
  return FactRowParser(kind, std::move(options), std::move(*dates));
}

std::variant<FactRow, std::string> FactRowParser::Parse(const Row& row) const {
  if (!row.error.empty()) {
    return row.error;
  }
  Fields fields(options_, dates_);
  const std::vector<std::string_view> required = NamesOf(kind_, true);
  for (const auto& [name, column] : options_.columns) {
    if (column > row.fields.size()) {
      return fmt::format("column {} ({}) is missing: the row has {}", column, name, row.fields.size());
    }
    std::string text(Trim(row.fields[column - 1]));
    if (text.empty() && std::find(required.begin(), required.end(), name) != required.end()) {
      return name + " is empty";
    }
    fields.Set(name, std::move(text));
  }
  FactRow result;
  result.account_id = options_.account_prefix + fields.Text("account_id");
  if (!IsAccountId(result.account_id)) {
    return fmt::format("account_id '{}' is none: 1 to 128 of A-Z a-z 0-9 . _ ~ : @ / -, the first a letter or digit",
                       result.account_id);
  }
  result.occurred_micros = fields.Time("occurred");
  FillEvent(kind_.name, fields, result.event);
  if (!fields.error().empty()) {
    return fields.error();
  }
  return result;
}

}  // namespace keyledger::cli
