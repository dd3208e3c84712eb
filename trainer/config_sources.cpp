// SPDX-License-Identifier: Apache-2.0
#include "trainer/config_sources.h"

#include <algorithm>
#include <charconv>

#include "steepest/file_io.h"
#include "steepest/spec.h"
#include "trainer/config.h"
#include "trainer/config_value.h"

namespace steepest::trainer {
namespace {

[[noreturn]] void fail(const std::string& where, const std::string& what) {
  throw ConfigError(where + ": " + what);
}

std::string line_of(const std::string& name, const toml::source_region& region) {
  return name + ":" + std::to_string(region.begin.line);
}

std::vector<std::string> section_names() {
  RunSpec spec;
  std::optional<std::string> preset;
  std::vector<std::string> names;
  for (const auto& section : sections_of(spec, preset)) names.push_back(section.name);
  names.push_back("group");
  return names;
}

void require_section(const std::string& where, const std::string& name) {
  const auto names = section_names();
  if (std::find(names.begin(), names.end(), name) != names.end()) return;
  fail(where, in_quotes(name) + ": unknown section: allowed " + steepest::join(names) +
                  nearest(name, names));
}

// "0.1" as TOML where it is a TOML value, else as a text.
toml::table value_table(const std::string& text) {
  try {
    toml::table table = toml::parse("value = " + text);
    if (table.size() == 1 && table.contains("value")) return table;
  } catch (const toml::parse_error&) {
  }
  return toml::table{{"value", text}};
}

}  // namespace

void Sources::add_table(const std::string& section, size_t group, const toml::table& table) {
  for (const auto& [key, value] : table) {
    entries_.push_back({section, std::string(key.str()), group, &value,
                        line_of(name_, key.source()), std::nullopt});
  }
}

void Sources::add_groups(const std::string& where, const toml::node& node) {
  const toml::array* list = node.as_array();
  const bool tables = list && std::all_of(list->begin(), list->end(),
                                          [](const auto& item) { return item.is_table(); });
  if (!tables) fail(where, "group: received " + received(node) + ", allowed [[group]] tables");
  for (const auto& item : *list) add_table("group", groups_++, *item.as_table());
}

Sources::Sources(const std::string& text, const std::string& name) : name_(name) {
  try {
    file_ = toml::parse(text, name_);
  } catch (const toml::parse_error& error) {
    std::string reason(error.description());
    std::replace(reason.begin(), reason.end(), '\n', ' ');
    fail(line_of(name_, error.source()), reason);
  }
  for (const auto& [key, node] : file_) {
    const std::string where = line_of(name_, key.source());
    require_section(where, std::string(key.str()));
    if (key.str() == "group") {
      add_groups(where, node);
    } else if (const toml::table* table = node.as_table()) {
      add_table(std::string(key.str()), 0, *table);
    } else {
      fail(where, std::string(key.str()) + ": received " + received(node) + ", allowed a table [" +
                      std::string(key.str()) + "]");
    }
  }
  // The first error to be reported is the first of the file, not of the alphabet.
  std::stable_sort(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
    return a.value->source().begin < b.value->source().begin;
  });
}

// "group.2" -> 2
size_t Sources::group_index(const std::string& where, const std::string& text) const {
  size_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  const bool number = error == std::errc() && end == text.data() + text.size();
  if (!number || index >= groups_) {
    fail(where, "group: received " + in_quotes(text) + ", allowed the number of one of the " +
                    std::to_string(groups_) + " [[group]] tables, from 0");
  }
  return index;
}

void Sources::add_override(const std::string& text) {
  const std::string where = "--set " + (text.find('\n') == text.npos ? text : in_quotes(text));
  const size_t equals = text.find('='), dot = text.rfind('.', equals);
  if (equals == std::string::npos || dot == std::string::npos) {
    fail(where, "received " + in_quotes(text) + ", allowed section.key=value");
  }
  std::string section = text.substr(0, dot);
  const std::string raw = text.substr(equals + 1);
  overrides_.push_back(value_table(raw));
  Entry entry{"", text.substr(dot + 1, equals - dot - 1), 0, overrides_.back().get("value"), where,
              raw};
  if (section.starts_with("group.")) {
    entry.group = group_index(where, section.substr(6));
    section = "group";
  }
  require_section(where, section);
  entry.section = section;
  entries_.push_back(std::move(entry));
}

}  // namespace steepest::trainer
