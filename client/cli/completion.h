// Completion scripts for shells, made from the command line's own tree.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

namespace keyledger::cli {

// Returns the script for "bash", "zsh" or "fish"; "" for another shell.
std::string CompletionScript(const CLI::App& root, const std::string& shell);

}  // namespace keyledger::cli
