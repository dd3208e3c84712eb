// SPDX-License-Identifier: Apache-2.0
#include "trainer/commands/unknown_words.h"

#include <vector>

#include "steepest/base/text.h"
#include "steepest/io/file_io.h"
#include "trainer/text.h"

namespace steepest::trainer {
namespace {

// Returns the names of all commands.
std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  return names;
}

// Returns the long names of a command's options, "--set".
std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const auto* option : command.get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// Returns the message on a word that is none of the `known` ones: it begins with `where` and ends
// with the nearest of them, and has `kind` before their list ("before a command ").
std::string message(const std::string& where, const std::string& kind, const std::string& word,
                    const std::vector<std::string>& known) {
  const std::string cut = one_line(word, 100);
  return where + "received " + in_quotes(cut) + ", allowed " + kind + join(known) +
         nearest(cut, known);
}

}  // namespace

std::string unknown_word_message(const CLI::App& app, int argc, const char* const* argv) {
  const auto chosen = app.get_subcommands();
  const std::string first = argc > 1 ? argv[1] : "";
  if (chosen.empty() && first.starts_with('-'))
    return message("", "before a command ", first, option_names(app));
  if (chosen.empty())
    return argc > 1 ? message("", "", first, command_names(app))
                    : "received no command, allowed " + join(command_names(app));
  const auto& command = *chosen.front();
  for (const auto& word : command.remaining()) {
    const std::string name = word.substr(0, word.find('='));
    if (word.starts_with('-'))
      return message(command.get_name() + ": ", "", name, option_names(command));
  }
  for (const auto& word : command.remaining())
    return command.get_name() + ": received " + in_quotes(one_line(word, 100)) +
           ", which is one argument too many";
  return "";
}

}  // namespace steepest::trainer
