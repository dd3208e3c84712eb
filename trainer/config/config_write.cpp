// SPDX-License-Identifier: Apache-2.0
// What is written from the table of keys: the resolved file, the help, the hash, a difference.
#include <algorithm>
#include <map>

#include "steepest/base/spec.h"
#include "steepest/io/file_io.h"
#include "trainer/config/config.h"
#include "trainer/config/config_value.h"

namespace steepest::trainer {
namespace {

// The keys of a section that have a value, as lines "name = value" of TOML. Left out are keys that
// the section's kind does not have, and empty texts, which stand for a key that was not given.
std::string lines_of(const Section& section) {
  std::string text;
  for (const auto& key : section.keys) {
    const auto value = applies(section, key) ? toml_of(key) : std::nullopt;
    // An empty text is a key that was not given, and not every key may be given one.
    if (value && *value != "''" && *value != "\"\"") text += key.name + " = " + *value + "\n";
  }
  return text;
}

// One key as a line of the help, "layers = 4   # blocks: a whole number from 1 (gpt)", its comment
// from column 32 on; behind a # where it has no value to write.
std::string help_line(const Section& section, const Key& key) {
  const auto value = toml_of(key);
  const bool given = value && *value != "''" && applies(section, key);
  std::string line = (given ? "" : "# ") + key.name + " = " + value.value_or("");
  line.resize(std::max<size_t>(line.size(), 32), ' ');
  const std::string kinds = key.only.empty() ? "" : " (" + steepest::join(key.only) + ")";
  return line + " # " + key.help + (key.help.empty() ? "" : ": ") + allowed(key) + kinds + "\n";
}

// The name and TOML value of each option that must not change between a run and its resumption;
// "nothing" for one that is not set. One that is not set and was added by a later version
// (Key::later) is left out.
std::map<std::string, std::string> fixed_values(RunSpec spec) {
  std::map<std::string, std::string> values;
  const auto add = [&](const std::string& prefix, const Section& section) {
    for (const auto& key : section.keys) {
      if (key.may_change || !applies(section, key)) continue;
      const auto value = toml_of(key);
      if (!value && key.later)
        continue;  // so that the hash of runs from before this option stays the same
      values[prefix + key.name] = value.value_or("nothing");
    }
  };
  std::optional<std::string> preset;
  for (const auto& section : sections_of(spec, preset)) add(section.name + ".", section);
  for (size_t i = 0; i < spec.groups.size(); ++i) {
    add("group." + std::to_string(i) + ".", group_section(spec.groups[i]));
  }
  return values;
}

}  // namespace

// A run file that parse_config reads into the same spec: every key that has a value, the sections
// in the order of the table, then the groups.
std::string resolved_toml(const RunSpec& spec) {
  RunSpec copy = spec;
  std::optional<std::string> preset;
  std::string text;
  for (const auto& section : sections_of(copy, preset)) {
    if (section.left_out) continue;  // so that the text of runs without it stays the same
    text += (text.empty() ? "[" : "\n[") + section.name + "]\n" + lines_of(section);
  }
  for (auto& group : copy.groups) text += "\n[[group]]\n" + lines_of(group_section(group));
  return text;
}

// A run file with every key, its default, its meaning and what is allowed. The keys of [[group]]
// all stand behind a #, as there is no such table by default.
std::string config_help() {
  RunSpec spec;
  std::optional<std::string> preset;
  std::string text =
      "# Every key of a run file, with its default. Keys behind a # have none, or belong to the\n"
      "# kinds named in brackets.\n";
  for (const auto& section : sections_of(spec, preset)) {
    text += "\n[" + section.name + "]\n";
    for (const auto& key : section.keys) text += help_line(section, key);
  }
  text += "\n# [[group]]: options for the parameters whose names match\n";
  GroupSpec group;
  Section section = group_section(group);
  for (const auto& key : section.keys) {
    const std::string line = help_line(section, key);
    text += line.starts_with("# ") ? line : "# " + line;
  }
  return text;
}

namespace {

// The hash of the options, with `nonfinite` for optimizer.nonfinite. That may change now; in the
// first versions it was fixed, and had no default. It stays in the hash as it was there, so that
// their checkpoints are known.
std::string hash_with(const RunSpec& spec, const std::string& nonfinite) {
  auto values = fixed_values(spec);
  values["optimizer.nonfinite"] = nonfinite;
  values["optimizer.f_star_auto"] = "nothing";  // which f_star_rule was called, when it had two
  if (const auto rule = values.find("optimizer.f_star_rule");
      rule != values.end() && rule->second == "'momo_star'") {
    values["optimizer.f_star_auto"] = "true";
    values.erase(rule);
  }
  std::string text;
  for (const auto& [key, value] : values) text += key + " = " + value + "\n";
  return crc32_text(crc32_of(text.data(), text.size()));
}

}  // namespace

// The hash that a new checkpoint has of the options that must not change within a run, of which
// optimizer.nonfinite is none.
std::string config_hash(const RunSpec& spec) { return hash_with(spec, "nothing"); }

// Whether a checkpoint of this hash was made with these options, by this version or by an older
// one, which hashed optimizer.nonfinite too.
bool has_config_hash(const RunSpec& spec, const std::string& hash) {
  return hash == config_hash(spec) || hash == hash_with(spec, "'skip'") ||
         hash == hash_with(spec, "'propagate'");
}

// The options that differ of those that must not change within a run: those that both specs have
// before those that only one has. The number of steps is one of them under some schedules only, so
// that it may be missing where it is the same.
std::vector<Difference> differences(const RunSpec& received, const RunSpec& expected) {
  const auto ours = fixed_values(received), theirs = fixed_values(expected);
  std::vector<Difference> found, missing;
  const auto lacking = [&](const std::string& key, const std::string& have,
                           const std::string& want) {
    if (have == want || (key == "run.steps" && received.steps == expected.steps)) return;
    missing.push_back({key, have, want});
  };
  for (const auto& [key, have] : ours) {
    const auto want = theirs.find(key);
    if (want == theirs.end()) {
      lacking(key, have, "nothing");
    } else if (have != want->second) {
      found.push_back({key, have, want->second});
    }
  }
  for (const auto& [key, want] : theirs) {
    if (!ours.count(key)) lacking(key, "nothing", want);
  }
  found.insert(found.end(), missing.begin(), missing.end());
  return found;
}

// The first of the differences as text, "optimizer.lr: received 0.02, expected 0.01"; "" where
// there are none.
std::string first_difference(const RunSpec& received, const RunSpec& expected) {
  const auto all = differences(received, expected);
  return all.empty() ? "" : all.front().text();
}

}  // namespace steepest::trainer
