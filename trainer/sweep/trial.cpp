// SPDX-License-Identifier: Apache-2.0
#include "trainer/sweep/trial.h"

#include <algorithm>
#include <map>

#include "steepest/base/text.h"
#include "trainer/config/config.h"
#include "trainer/data/make_dataset.h"
#include "trainer/run/data_paths.h"
#include "trainer/text.h"

namespace steepest::trainer {
namespace {

// FNV-1a of the text in 64 bits, as 16 hexadecimal digits.
std::string hash_text(const std::string& text) {
  uint64_t hash = 14695981039346656037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  static const char* digits = "0123456789abcdef";
  std::string out;
  for (int shift = 60; shift >= 0; shift -= 4) out += digits[(hash >> shift) & 15];
  return out;
}

// What the data of a spec are, wherever they lie: size and checksum of every file. Read once for
// each place; "" of drawn pictures.
std::string data_identity(const RunSpec& spec) {
  static std::map<std::string, std::string> known;
  RunSpec place;
  place.data = spec.data, place.data.seed = 0;
  const auto [entry, is_new] = known.try_emplace(resolved_toml(place));
  if (!is_new) return entry->second;
  for (const auto& file : make_dataset(spec.data)->files())
    entry->second += std::to_string(file.size) + " " + file.crc32 + "\n";
  return entry->second;
}

// The key of a run: what follows for its numbers from the config, and nothing of where it lies.
// `other` is the key of the run that it reads, if any.
std::string key_of(RunSpec spec, const std::string& other) {
  const std::string data = data_identity(spec);
  spec.out.clear(), spec.data.path.clear(), spec.data.validation_path.clear();
  spec.schedule.path = spec.schedule.path.empty() ? "" : other;
  if (spec.data.hellaswag) spec.data.hellaswag = "";
  if (spec.start_from) spec.start_from = other;
  return hash_text(resolved_toml(spec) + data);
}

// The text without the blanks around it.
std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(' ');
  return begin == text.npos ? "" : text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

// The parts of a text between separators, without blanks around them.
std::vector<std::string> parts_of(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    parts.push_back(trimmed(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return parts;
}

// What a choice, if there is one, has under this name; the training loss of its run under that
// name. Nothing where it has none.
std::optional<SweepValue> taken_value(const Choice* choice, const std::string& name) {
  if (choice == nullptr || choice->values.empty()) return std::nullopt;
  if (name == "train_loss") return choice->train_loss;
  const auto* value = find_setting(choice->values, name);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

// Whether the tie means the folder of another run.
bool is_reference(const std::string& tie) { return tie.starts_with("run(") && tie.ends_with(")"); }

}  // namespace

std::string trial_name(const Trial& trial) {
  std::string text = row_name(*trial.arm, trial.row);
  for (const auto& [name, value] : trial.values) text += " " + name + "=" + override_text(value);
  return text + " seed " + std::to_string(trial.seed);
}

std::string override_text(const SweepValue& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_number_float() ? print_number(value.get<double>()) : value.dump();
}

std::string stage_name(Stage stage) { return stage == Stage::tune ? "tune" : "report"; }

std::vector<Settings> rows_of(const std::vector<Axis>& axes) {
  std::vector<Settings> rows = {{}};
  for (const auto& axis : axes) {
    std::vector<Settings> longer;
    for (const auto& row : rows) {
      for (const auto& value : axis.values) {
        longer.push_back(row);
        longer.back().emplace_back(axis.name, value);
      }
    }
    rows = std::move(longer);
  }
  return rows;
}

std::string row_name(const Arm& arm, const Settings& row) {
  std::vector<std::string> words;
  for (const auto& [name, value] : row) words.push_back(override_text(value));
  return words.empty() ? arm.name : arm.name + "/" + join(words, ",");
}

Settings Resolver::values_of(const Arm& arm, const Settings& row, bool own) const {
  Settings values;
  for (const auto& [name, from] : arm.take) {
    const auto* choice = choices_.find(from, row);
    const auto value = taken_value(choice, name);
    if (!value)
      throw ConfigError(row_name(arm, row) + ": take." + name + ": arm " + in_quotes(from) +
                        " has chosen none: --stage tune comes first");
    values.emplace_back(name, *value);
  }
  if (!own || arm.tune.empty()) return values;
  const auto* choice = choices_.find(arm.name, row);
  if (choice == nullptr || choice->values.empty())
    throw ConfigError(row_name(arm, row) + ": nothing is chosen: --stage tune comes first");
  for (const auto& axis : arm.tune)
    if (const auto* value = find_setting(choice->values, axis.name))
      values.emplace_back(axis.name, *value);
  return values;
}

double Resolver::product(const Settings& known, const std::string& key, const std::string& tie) {
  double result = 1;
  for (const auto& part : parts_of(tie, '*')) {
    const auto number = read_number(part);
    const auto* value = number ? nullptr : find_setting(known, part);
    if (!number && (value == nullptr || !value->is_number()))
      throw ConfigError("ties." + key + ": received " + in_quotes(tie) + ", allowed a product of " +
                        "numbers and names that have one, or run(ARM)");
    result *= number ? *number : value->get<double>();
  }
  return result;
}

Job Resolver::referred(const Trial& trial, const std::string& tie) const {
  const auto words = parts_of(tie.substr(4, tie.size() - 5), ',');
  const auto arm = std::find_if(spec_.arms.begin(), spec_.arms.end(),
                                [&](const Arm& a) { return a.name == words[0]; });
  const bool next = words.size() == 2 && words[1] == "next";
  if (arm == spec_.arms.end() || &*arm == trial.arm || (words.size() > 1 && !next))
    throw ConfigError("ties: received " + in_quotes(tie) + ", allowed run(ARM) or run(ARM, next)");
  Trial other{trial.stage, &*arm, {}, {}, trial.seed};
  for (const auto& axis : arm->axes) {
    const auto* value = find_setting(trial.row, axis.name);
    if (value == nullptr)
      throw ConfigError("ties: received " + in_quotes(tie) + ", whose axis " + axis.name +
                        " this arm has not");
    other.row.emplace_back(axis.name, *value);
  }
  other.values = values_of(*arm, other.row, /*own=*/true);
  const auto place = std::find(spec_.seeds.begin(), spec_.seeds.end(), trial.seed);
  if (next && place != spec_.seeds.end())
    other.seed = place + 1 == spec_.seeds.end() ? spec_.seeds.front() : *(place + 1);
  return resolve(other);
}

Job Resolver::resolve(const Trial& trial) const {
  try {
    Settings known = trial.arm->set;
    known.insert(known.end(), trial.row.begin(), trial.row.end());
    known.insert(known.end(), trial.values.begin(), trial.values.end());
    std::vector<std::string> overrides = spec_.overrides;
    for (const auto& [name, value] : known)
      if (name.find('.') != name.npos) overrides.push_back(name + "=" + override_text(value));
    std::string other;
    for (const auto& [key, tie] : trial.arm->ties) {
      if (!is_reference(tie)) {
        overrides.push_back(key + "=" + print_number(product(known, key, tie)));
        continue;
      }
      const Job run = referred(trial, tie);
      other = run.key;
      overrides.push_back(key + "=" + run.folder);
    }
    for (const auto* own : {"run.threads=1", "run.max_skipped=10"}) overrides.emplace_back(own);
    overrides.push_back("run.seed=" + std::to_string(trial.seed));
    Job job{trial, with_absolute_data(load_config(spec_.base, overrides)), "", "", other};
    job.key = key_of(job.spec, other);
    job.folder = absolute_data_path(spec_.out + "/runs/" + job.key);
    job.spec.out = job.folder;
    return job;
  } catch (const ConfigError& error) {
    throw ConfigError(trial_name(trial) + ": " + error.what());
  }
}

}  // namespace steepest::trainer
