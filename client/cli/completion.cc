// keyledger completion: bash, zsh, fish. See completion.h.
#include "client/cli/completion.h"

#include <fmt/format.h>

#include "client/cli/commands.h"

namespace keyledger::cli {
namespace {

struct Word {
  std::string text;
  std::string description;
};

// One noun and verb ("" at the root) and what may follow.
struct Node {
  std::string path;
  std::vector<Word> words;
  std::vector<Word> options;
};

std::vector<Word> OptionsOf(const CLI::App& app) {
  std::vector<Word> words;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      words.push_back({"--" + name, option->get_description()});
    }
  }
  return words;
}

void Collect(const CLI::App& app, const std::string& path, std::vector<Node>& nodes) {
  Node node{path, {}, OptionsOf(app)};
  const auto children = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* child : children) {
    node.words.push_back({child->get_name(), child->get_description()});
  }
  nodes.push_back(std::move(node));
  for (const CLI::App* child : children) {
    Collect(*child, path.empty() ? child->get_name() : path + " " + child->get_name(), nodes);
  }
}

std::string Texts(const std::vector<Word>& words) {
  std::string text;
  for (const Word& word : words) {
    text += (text.empty() ? "" : " ") + word.text;
  }
  return text;
}

// For use inside single quotes.
std::string Quoted(const std::string& text) {
  std::string quoted;
  for (const char c : text) {
    quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return quoted;
}

// bash finds the noun and verb before the cursor and offers what follows them; files where nothing is known.
std::string Bash(const std::vector<Node>& nodes) {
  std::string text =
      "# bash completion for keyledger. Load it with: source <(keyledger completion bash)\n"
      "_keyledger() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} path= word i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    word=${COMP_WORDS[i]}\n"
      "    case \"${path:+$path }$word\" in\n";
  for (const Node& node : nodes) {
    if (!node.path.empty()) {
      text += fmt::format("      '{}') path='{}' ;;\n", node.path, node.path);
    }
  }
  text +=
      "    esac\n"
      "  done\n"
      "  local words=\n"
      "  case \"$path\" in\n";
  const std::string global = Texts(nodes.front().options);
  for (const Node& node : nodes) {
    text += fmt::format("    '{}') words='{}' ;;\n", node.path,
                        Texts(node.words) + (node.words.empty() ? "" : " ") + Texts(node.options) +
                            (node.path.empty() ? std::string() : " " + global));
  }
  text +=
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "}\n"
      "complete -o default -F _keyledger keyledger\n";
  return text;
}

std::string Zsh(const std::vector<Node>& nodes) {
  return "#compdef keyledger\n"
         "# zsh completion for keyledger. Load it with: source <(keyledger completion zsh)\n"
         "autoload -U +X bashcompinit && bashcompinit\n" +
         Bash(nodes);
}

std::string Fish(const std::vector<Node>& nodes) {
  std::string text =
      "# fish completion for keyledger. Load it with: keyledger completion fish | source\n"
      "function __keyledger_at\n"
      "  set -l path\n"
      "  for word in (commandline -opc)[2..-1]\n"
      "    string match -q -- '-*' $word; and continue\n"
      "    contains -- (string join ' ' $path $word) $__keyledger_paths; and set -a path $word\n"
      "  end\n"
      "  test (string join ' ' $path) = \"$argv[1]\"\n"
      "end\n"
      "set -g __keyledger_paths";
  for (const Node& node : nodes) {
    if (!node.path.empty()) {
      text += " '" + node.path + "'";
    }
  }
  text += "\n";
  for (const Node& node : nodes) {
    for (const Word& word : node.words) {
      text += fmt::format("complete -c keyledger -f -n '__keyledger_at \"{}\"' -a '{}' -d '{}'\n", node.path, word.text,
                          Quoted(word.description));
    }
    for (const Word& option : node.options) {
      text += fmt::format("complete -c keyledger -n '{}' -l '{}' -d '{}'\n",
                          node.path.empty() ? std::string("true") : fmt::format("__keyledger_at \"{}\"", node.path),
                          option.text.substr(2), Quoted(option.description));
    }
  }
  return text;
}

}  // namespace

std::string CompletionScript(const CLI::App& root, const std::string& shell) {
  std::vector<Node> nodes;
  Collect(root, "", nodes);
  if (shell == "bash") {
    return Bash(nodes);
  }
  if (shell == "zsh") {
    return Zsh(nodes);
  }
  return shell == "fish" ? Fish(nodes) : "";
}

void AddCompletionCommands(CLI::App& root, Action& selected) {
  CLI::App* noun = root.add_subcommand("completion", "Completion scripts for shells");
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    AddVerb(noun, shell, "Prints the script for " + shell, selected, [&root, shell](Session& session) {
      session.out() << CompletionScript(root, shell);
      return kExitOk;
    });
  }
}

}  // namespace keyledger::cli
