// Verbs that record one fact: rows of tables instead of code.
//
// A row names the fact and, for each flag, the field it is for; how a flag is read follows from the field's type. The
// tables are in commands_record_*.cc. What the server checks is not checked here a second time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/cli/command.h"

namespace keyledger::cli {

enum class Need { kOptional, kRequired };

// One flag of a verb. By the type of its field: text, whole numbers, TIME, AMOUNT (with --currency, one for the verb),
// one of the names of an enum in lower case with dashes, or a flag without value for what is true or false. Fields in
// thousandths are given in percent. A field that holds many values can be given often; for those that hold messages the
// text of one value is as its help says (see ParsePart).
struct FactFlag {
  // "--contact"; without dashes: a positional argument after ACCOUNT.
  std::string_view name;
  // The field, "contact_ids"; within a message, "next_step.due_time".
  std::string_view path;
  std::string_view help;
  Need need = Need::kOptional;
};

// A field that the verb itself sets.
struct FactConstant {
  std::string_view path;
  // As it would be given to a flag; "true" for what is true.
  std::string_view value;
};

// Prints what became of the fact that the append recorded on the account, waiting so long for it; returns the exit
// code.
using FactOutcome = int (*)(Session& session, const std::string& account_id, const v1::AppendResponse& appended,
                            int wait_seconds);

struct FactVerb {
  std::string_view noun;
  std::string_view name;
  // The field of Event, "quote_proposed".
  std::string_view payload;
  std::string_view description;
  // The command line after "keyledger NOUN VERB".
  std::string_view example;
  std::vector<FactFlag> flags;
  std::vector<FactConstant> constants = {};
  // Whether --gift records what was given on the occasion, too.
  bool gifts = false;
  // For a fact whose outcome comes a moment later; the verb has --wait. Null: there is none.
  FactOutcome outcome = nullptr;
};

struct FactNoun {
  std::string_view name;
  std::string_view description;
};

// Adds the verbs to their nouns, which are added where they are not there yet.
// Requires: every payload, path and constant is one of the protos'.
void AddFactVerbs(CLI::App& root, Action& selected, const std::vector<FactNoun>& nouns,
                  const std::vector<FactVerb>& verbs);

// The field that the path names, "next_step.due_time"; none if there is no such.
const google::protobuf::FieldDescriptor* FactField(const google::protobuf::Descriptor& fact, std::string_view path);

// Reads the text of a flag into the field; what is wrong with it otherwise, empty if nothing.
// Requires: the path is one of `message`.
std::string SetField(google::protobuf::Message& message, std::string_view path, const std::string& text,
                     const std::string& currency);

// The names of an enum's values as flags take them, without the unspecified one: "not-renewed".
std::vector<std::string> EnumNames(const google::protobuf::EnumDescriptor& type);
// The value of that name, with hyphens or underscores; null if there is none.
const google::protobuf::EnumValueDescriptor* FindEnum(const google::protobuf::EnumDescriptor& type, std::string text);

// The tables.
std::vector<FactVerb> PeopleVerbs();
std::vector<FactVerb> InteractionVerbs();
std::vector<FactVerb> DealVerbs();
std::vector<FactVerb> AgreementVerbs();
std::vector<FactVerb> CareVerbs();

}  // namespace keyledger::cli
