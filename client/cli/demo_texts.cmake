# Writes the texts that the demo ledger needs into a source file, so that they have one home each: the programs where programs live, the story beside this file.
#
# cmake -D PROGRAMS_DIR=DIR -D STORY_DIR=DIR -D PROGRAMS=a,b,... -D OUT=FILE -P demo_texts.cmake
string(REPLACE "," ";" programs "${PROGRAMS}")

set(text "// Written by client/cli/demo_texts.cmake from projections/programs and client/cli/demo_story.\n")
string(APPEND text "#include \"client/cli/demo_texts.h\"\n\nnamespace keyledger::cli {\n\n")
string(APPEND text "std::span<const DemoText> DemoTexts() {\n  static constexpr DemoText kTexts[] = {\n")
foreach(program IN LISTS programs)
  file(READ "${PROGRAMS_DIR}/${program}/program.yaml" yaml)
  file(READ "${STORY_DIR}/${program}.txt" story)
  string(APPEND text "      {\"${program}\", R\"kl_text(${yaml})kl_text\", R\"kl_text(${story})kl_text\"},\n")
endforeach()
string(APPEND text "  };\n  return kTexts;\n}\n\n}  // namespace keyledger::cli\n")
file(WRITE "${OUT}" "${text}")
