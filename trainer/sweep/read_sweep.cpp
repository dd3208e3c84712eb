// SPDX-License-Identifier: Apache-2.0
#include "trainer/sweep/read_sweep.h"

#include <algorithm>
#include <functional>
#include <set>

#include "steepest/base/text.h"
#include "steepest/io/file_io.h"
#include "trainer/config/config.h"
#include "trainer/config/config_text.h"
#include "trainer/config/config_value.h"
#include "trainer/config/toml.h"
#include "trainer/sweep/half_decades.h"
#include "trainer/text.h"

namespace steepest::trainer {
namespace {

// Messages on one sweep's file.
struct Faults {
  std::string file;

  // Throws ConfigError: the file, the key, what was received there and what is allowed.
  [[noreturn]] void refuse(const std::string& key, const std::string& received,
                           const std::string& allowed) const {
    throw ConfigError(file + ": " + key + ": received " + received + ", allowed " + allowed);
  }
  // The same of a value.
  [[noreturn]] void refuse(const std::string& key, const toml::node& value,
                           const std::string& allowed) const {
    refuse(key, received(value), allowed);
  }
};

// The value as the sweep keeps it; nothing for a date or a table.
std::optional<SweepValue> value_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return SweepValue(text->get());
  if (const auto* number = node.as_integer()) return SweepValue(number->get());
  if (const auto* number = node.as_floating_point()) return SweepValue(number->get());
  if (const auto* truth = node.as_boolean()) return SweepValue(truth->get());
  const auto* list = node.as_array();
  if (list == nullptr) return std::nullopt;
  SweepValue values = SweepValue::array();
  for (const auto& item : *list) {
    const auto value = value_of(item);
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

using Leaf = std::function<void(const std::string& name, const toml::node& value)>;

// Calls `use` for every value of a table under its dotted name, "optimizer.lr", whether it was
// written so or as tables within each other. A table with "from" is a value.
void for_each_leaf(const toml::table& table, const std::string& prefix, const Leaf& use) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    const auto* inner = node.as_table();
    if (inner != nullptr && !inner->contains("from"))
      for_each_leaf(*inner, name + ".", use);
    else
      use(name, node);
  }
}

// The table of this name, in `owner` or in none: then nullptr.
const toml::table* table_in(const Faults& faults, const toml::table& owner, const char* name) {
  const auto* node = owner.get(name);
  if (node != nullptr && !node->is_table()) faults.refuse(name, *node, "a table");
  return node == nullptr ? nullptr : node->as_table();
}

// The numbers of { from = .001, to = .1 }, or with step = "decade" every second of them.
Axis grid_of(const Faults& faults, const std::string& name, const toml::table& table) {
  const auto number = [&](const char* end) {
    const auto value = table[end].value<double>();
    const auto index = value ? half_decade_index(*value) : std::nullopt;
    if (!index)
      faults.refuse(name + "." + end, table.contains(end) ? received(*table.get(end)) : "nothing",
                    "1 or 3 times a power of ten");
    return *value;
  };
  const double from = number("from"), to = number("to");
  const auto step = table["step"].value_or(std::string("half decade"));
  const int64_t width = step == "decade" ? 2 : 1;
  if (width == 1 && step != "half decade")
    faults.refuse(name + ".step", in_quotes(step), "half decade, decade");
  if (from > to || (*half_decade_index(to) - *half_decade_index(from)) % width != 0)
    faults.refuse(name, print_number(from) + " to " + print_number(to), "whole steps upwards");
  Axis axis{name, {}, width};
  for (const double value : half_decades(from, to, width)) axis.values.emplace_back(value);
  return axis;
}

// The axes of a table: lists of values, or grids of half decades.
std::vector<Axis> axes_of(const Faults& faults, const toml::table* table) {
  std::vector<Axis> axes;
  if (table == nullptr) return axes;
  for_each_leaf(*table, "", [&](const std::string& name, const toml::node& node) {
    if (const auto* grid = node.as_table()) {
      axes.push_back(grid_of(faults, name, *grid));
      return;
    }
    const auto values = node.is_array() ? value_of(node) : std::nullopt;
    if (!values || values->empty()) faults.refuse(name, node, "a list, or { from = .., to = .. }");
    axes.push_back({name, values->get<std::vector<SweepValue>>(), 0});
  });
  return axes;
}

// The settings of a table.
Settings settings_of(const Faults& faults, const toml::table* table) {
  Settings settings;
  if (table == nullptr) return settings;
  for_each_leaf(*table, "", [&](const std::string& name, const toml::node& node) {
    const auto value = value_of(node);
    if (!value) faults.refuse(name, node, "a value");
    settings.emplace_back(name, *value);
  });
  return settings;
}

// The texts of a table, each under its dotted name.
std::vector<std::pair<std::string, std::string>> texts_of(const Faults& faults,
                                                          const toml::table* table) {
  std::vector<std::pair<std::string, std::string>> texts;
  if (table == nullptr) return texts;
  for_each_leaf(*table, "", [&](const std::string& name, const toml::node& node) {
    if (!node.is_string()) faults.refuse(name, node, "a text");
    texts.emplace_back(name, node.as_string()->get());
  });
  return texts;
}

// Throws ConfigError at a key of the table that is none of the names.
void require_known(const Faults& faults, const toml::table& table,
                   const std::vector<std::string>& names) {
  for (const auto& [key, node] : table) {
    const std::string name = one_line(std::string(key.str()), 100);
    if (std::find(names.begin(), names.end(), name) == names.end())
      faults.refuse(name, "an unknown key", join(names) + nearest(name, names));
  }
}

// Adds to an arm what a table says: the whole file's own, for every arm, or [[arm]].
void add_to(Arm& arm, const Faults& faults, const toml::table& table) {
  const auto append = [](auto& to, auto from) { to.insert(to.end(), from.begin(), from.end()); };
  append(arm.set, settings_of(faults, table_in(faults, table, "set")));
  append(arm.axes, axes_of(faults, table_in(faults, table, "axes")));
  append(arm.tune, axes_of(faults, table_in(faults, table, "tune")));
  append(arm.ties, texts_of(faults, table_in(faults, table, "ties")));
  append(arm.take, texts_of(faults, table_in(faults, table, "take")));
}

// Throws ConfigError where an arm says a name twice, or takes of an arm that is not before it.
void check_arm(const Faults& faults, const Arm& arm, const std::set<std::string>& before) {
  std::set<std::string> seen;
  const auto once = [&](const std::string& name) {
    if (!seen.insert(name).second)
      faults.refuse(name, "twice in arm " + in_quotes(arm.name), "once");
  };
  for (const auto& axis : arm.axes) once(axis.name);
  for (const auto& axis : arm.tune) once(axis.name);
  for (const auto& [name, text] : arm.ties) once(name);
  for (const auto& [name, from] : arm.take) {
    once(name);
    if (!before.contains(from)) faults.refuse("take." + name, in_quotes(from), "an arm above");
  }
}

// The arms of the file: its [[arm]] tables, or one without a name of its own, "run".
std::vector<Arm> arms_of(const Faults& faults, const toml::table& file) {
  std::vector<Arm> arms;
  const auto* list = file.get("arm");
  if (list == nullptr) {
    add_to(arms.emplace_back(Arm{.name = "run"}), faults, file);
  } else if (!list->is_array_of_tables()) {
    faults.refuse("arm", *list, "[[arm]] tables");
  } else {
    for (const auto& item : *list->as_array()) {
      const auto& table = *item.as_table();
      require_known(faults, table, {"name", "set", "axes", "tune", "ties", "take"});
      const auto name = table["name"].value_or(std::string());
      if (name.empty() || name.find_first_of("/,()* ") != name.npos)
        faults.refuse("arm.name", in_quotes(name), "a name of letters and digits");
      Arm& arm = arms.emplace_back(Arm{.name = name});
      add_to(arm, faults, file);
      add_to(arm, faults, table);
    }
  }
  std::set<std::string> before;
  for (const auto& arm : arms) {
    check_arm(faults, arm, before);
    if (!before.insert(arm.name).second) faults.refuse("arm.name", in_quotes(arm.name), "once");
  }
  return arms;
}

// The list of numbers under a key of the file; none where there is no such key.
template <class T>
std::vector<T> numbers_of(const Faults& faults, const toml::table& file, const char* name) {
  std::vector<T> numbers;
  const auto* node = file.get(name);
  if (node == nullptr) return numbers;
  const auto* list = node->as_array();
  if (list == nullptr) faults.refuse(name, *node, "a list of numbers");
  for (const auto& item : *list) {
    const auto value = item.value<T>();
    if (!value) faults.refuse(name, item, "a list of numbers");
    numbers.push_back(*value);
  }
  return numbers;
}

// A path of the sweep's file: relative ones begin in its folder.
std::string path_beside(const std::string& file, const std::string& path) {
  return path.empty() || path.starts_with('/') ? path : folder_of(file) + "/" + path;
}

}  // namespace

SweepSpec parse_sweep(const std::string& text, const std::string& name) {
  const Faults faults{one_line(name)};
  if (const auto fault = find_fault(text); fault.line > 0)
    throw ConfigError(faults.file + ":" + std::to_string(fault.line) + ": " + fault.what);
  toml::table file;
  try {
    file = toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    throw ConfigError(faults.file + ":" + std::to_string(error.source().begin.line) + ": " +
                      one_line(error.description(), 300));
  }
  require_known(faults, file,
                {"base", "out", "seeds", "reach", "keep_checkpoints", "set", "axes", "tune", "ties",
                 "take", "arm"});
  SweepSpec spec;
  const std::string stem =
      name.ends_with(".toml") ? name.substr(0, name.size() - 5) : name + ".out";
  const auto base = file["base"].value_or(std::string()), out = file["out"].value_or(std::string());
  if (base.empty()) faults.refuse("base", "nothing", "a run file");
  spec.base = path_beside(name, base);
  spec.out = out.empty() ? stem : path_beside(name, out);
  spec.seeds = numbers_of<int64_t>(faults, file, "seeds");
  for (const int64_t seed : spec.seeds)
    if (seed < 1) faults.refuse("seeds", std::to_string(seed), "from 1, as tuning uses 0");
  spec.reach = numbers_of<double>(faults, file, "reach");
  spec.keep_checkpoints = file["keep_checkpoints"].value_or(false);
  spec.arms = arms_of(faults, file);
  return spec;
}

SweepSpec load_sweep(const std::string& file) {
  try {
    return parse_sweep(read_file(file, kLongestConfig), file);
  } catch (const FileError& error) {
    throw ConfigError(error.what());
  }
}

}  // namespace steepest::trainer
