// SPDX-License-Identifier: Apache-2.0
// load_config: the entries of all sources, assigned in their order through the table of keys.
#include <fcntl.h>

#include <algorithm>
#include <map>

#include "steepest/base/spec.h"
#include "steepest/base/text.h"
#include "steepest/io/file_io.h"
#include "trainer/config/config.h"
#include "trainer/config/config_check.h"
#include "trainer/config/config_sources.h"
#include "trainer/config/config_text.h"
#include "trainer/config/config_value.h"
#include "trainer/text.h"

namespace steepest::trainer {
namespace {

// Throws ConfigError with the message "where: what": the place in the run file, or the override,
// and what is wrong there.
[[noreturn]] void fail(const std::string& where, const std::string& what) {
  throw ConfigError(where + ": " + what);
}

// Returns the message on an entry whose key the section does not have: with the one of `all`
// sections that has a key of this name, or else the section's nearest key.
std::string unknown_key_message(const Entry& given, const std::vector<Section>& all,
                                const Section& section) {
  const Entry entry = given.shown();
  for (const auto& other : all) {
    for (const auto& key : other.keys) {
      if (key.name == entry.key && other.name != entry.section) {
        return entry.path() + ": unknown key: it belongs to [" + other.name + "]";
      }
    }
  }
  std::vector<std::string> names;
  for (const auto& key : section.keys) {
    if (applies(section, key)) names.push_back(key.name);
  }
  return entry.path() + ": unknown key" + nearest(entry.key, names);
}

// Returns the section's key that the entry gives a value of; throws ConfigError where it has none
// of that name, or has it only under another kind (as [model] with kind "gpt").
Key find_key(const Entry& entry, const std::vector<Section>& all, const Section& section) {
  for (const auto& key : section.keys) {
    if (key.name != entry.key) continue;
    if (applies(section, key)) return key;
    fail(entry.where, entry.path() + ": received a value with " + section.name + ".kind " +
                          in_quotes(section.kind) + ", allowed with " + steepest::join(key.only));
  }
  fail(entry.where, unknown_key_message(entry, all, section));
}

// Sets the field of `spec`, or `preset`, that the entry gives a value of; throws ConfigError, with
// what is allowed, where the key or the value is not.
void assign_entry(const Entry& entry, RunSpec& spec, std::optional<std::string>& preset) {
  auto sections = sections_of(spec, preset);
  const bool group = entry.section == "group";
  const Section section =
      group ? group_section(spec.groups[entry.group])
            : *std::find_if(sections.begin(), sections.end(),
                            [&](const auto& s) { return s.name == entry.section; });
  const Key key = find_key(entry, sections, section);
  if (entry.path() == "optimizer.lr" && entry.value->value_or(std::string()) == "auto") {
    spec.optimizer.lr_auto = true;  // the text for the option that is a factor of a found rate
    return;
  }
  // The text of an override needs no quotes: `bare` is one that TOML took for another type.
  const toml::value<std::string> text(entry.raw.value_or(""));
  const bool bare =
      entry.raw && takes_text(key) && !entry.value->is_string() && !entry.value->is_array();
  const toml::node& value = bare ? static_cast<const toml::node&>(text) : *entry.value;
  if (assign(key, value)) return;
  const std::string begin = value.is_string() ? value.as_string()->get().substr(0, 100) : "";
  fail(entry.where, entry.path() + ": received " + received(value) + ", allowed " + allowed(key) +
                        (value.is_string() ? nearest(begin, key.names) : ""));
}

// Returns in which of three turns an entry is assigned: 0 the kinds, which decide which keys there
// are; 1 a preset, which the other keys start from; 2 all others.
int turn_of(const Entry& entry) { return entry.key == "kind" ? 0 : entry.key == "preset" ? 1 : 2; }

// Returns the defaults with all entries assigned, before the checks of what depends on several
// keys; throws ConfigError at an entry that is not allowed by itself.
RunSpec spec_from(const Sources& sources) {
  RunSpec spec;
  spec.groups.resize(sources.groups());
  std::optional<std::string> preset;
  for (int turn = 0; turn < 3; ++turn) {
    if (turn == 2 && preset) spec.model.gpt = gpt_preset(*preset);
    for (const auto& entry : sources.entries()) {
      if (turn_of(entry) == turn) assign_entry(entry, spec, preset);
    }
  }
  return spec;
}

}  // namespace

// Returns the spec of a run: the defaults, then the text of a run file, then overrides
// "section.key=value" in their order. `name` stands for the file in messages. Throws ConfigError,
// with the place where the key was given, for the first value that is not allowed, by itself or
// beside others.
RunSpec parse_config(const std::string& text, const std::string& name,
                     const std::vector<std::string>& overrides) {
  Sources sources(text, name);
  for (const auto& override_text : overrides) sources.add_override(override_text);
  RunSpec spec = spec_from(sources);
  std::map<std::string, std::string> where;
  for (const auto& entry : sources.entries()) where[entry.path()] = entry.where;
  complete(spec, [&](const std::string& key) {
    const auto found = where.find(key);
    return found == where.end() ? name : found->second;
  });
  return spec;
}

// Returns what parse_config() does for the text of this file, or for no text where its path is "".
// Throws ConfigError, too, where the file cannot be read, or is longer than any run file, which is
// found before it is read.
RunSpec load_config(const std::string& file, const std::vector<std::string>& overrides) {
  if (file.empty()) return parse_config("", "options", overrides);
  try {
    const uint64_t size = File(file, O_RDONLY).size();
    if (size > kLongestConfig)
      throw ConfigError(file + ": received " + std::to_string(size) + " bytes, allowed at most " +
                        std::to_string(kLongestConfig) + " of a run file");
    return parse_config(read_file(file), one_line(file), overrides);
  } catch (const FileError& error) {
    throw ConfigError(error.what());
  }
}

}  // namespace steepest::trainer
