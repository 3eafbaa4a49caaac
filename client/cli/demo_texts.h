// What the demo ledger tells besides its generated accounts, as text: the five programs and, for each, what happens
// with the accounts under it. The definition is written at build time by demo_texts.cmake. Read next: demo_story.h.
#pragma once

#include <span>
#include <string_view>

namespace keyledger::cli {

struct DemoText {
  // Also the folder of the program in projections/programs.
  std::string_view program_id;
  // projections/programs/PROGRAM/program.yaml.
  std::string_view program_yaml;
  // client/cli/demo_story/PROGRAM.txt.
  std::string_view story;
};

// By program_id.
std::span<const DemoText> DemoTexts();

}  // namespace keyledger::cli
