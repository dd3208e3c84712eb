// SPDX-License-Identifier: Apache-2.0
#include "trainer/config/config_sources.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "steepest/base/spec.h"
#include "steepest/base/text.h"
#include "steepest/io/file_io.h"
#include "trainer/config/config.h"
#include "trainer/config/config_text.h"
#include "trainer/config/config_value.h"
#include "trainer/config/presets.h"
#include "trainer/text.h"

namespace steepest::trainer {
namespace {

// Throws ConfigError with the place in the run file, or the override, and what is wrong there.
[[noreturn]] void fail(const std::string& where, const std::string& what) {
  throw ConfigError(where + ": " + what);
}

// The file's name and the line where an entry stands, for messages: "run.toml:12".
std::string line_of(const std::string& name, const toml::source_region& region) {
  return name + ":" + std::to_string(region.begin.line);
}

// The names of all sections that a run file may have, "group" the last.
std::vector<std::string> section_names() {
  RunSpec spec;
  std::optional<std::string> preset;
  std::vector<std::string> names;
  for (const auto& section : sections_of(spec, preset)) names.push_back(section.name);
  names.push_back("group");
  return names;
}

// Throws ConfigError unless a run file has a section of this name.
void require_section(const std::string& where, const std::string& name) {
  const auto names = section_names();
  if (std::find(names.begin(), names.end(), name) != names.end()) return;
  const std::string cut = one_line(name, 100);
  fail(where, in_quotes(cut) + ": unknown section: allowed " + steepest::join(names) +
                  nearest(cut, names));
}

// Whether the text is one TOML value and nothing behind it: a comment or a second line there could
// change what an override sets.
bool is_one_value(const std::string& text) {
  try {
    const toml::table list = toml::parse("value = [" + text + "]");
    const toml::array* items = list["value"].as_array();
    return list.size() == 1 && items != nullptr && items->size() == 1;
  } catch (const toml::parse_error&) {
    return false;
  }
}

// A number as people write it on a command line, ".01" or "+1.", which TOML does not take; nothing
// where the text is none.
std::optional<double> loose_number(std::string_view text) {
  return read_number(text.starts_with('+') ? text.substr(1) : text);
}

// A table whose "value" is the text as TOML reads it ("0.1": a number), or where that is no TOML
// value, the number that it is without TOML's rules (".1"), or the text itself.
toml::table value_table(const std::string& text) {
  try {
    toml::table table = toml::parse("value = " + text);
    if (table.size() == 1 && table.contains("value") && is_one_value(text)) return table;
  } catch (const toml::parse_error&) {
  }
  if (const auto number = loose_number(text)) return toml::table{{"value", *number}};
  return toml::table{{"value", text}};
}

// What TOML says of a fault and, where a number begins or ends with its point, how to write it.
std::string fault_text(const toml::parse_error& error) {
  const std::string text = one_line(error.description(), 300);
  const bool point = text.find("floating-point: expected decimal digit") != text.npos;
  return point ? text + "; write 0.01 for .01, and 1.0 for 1." : text;
}

// An override for messages, escaped where it would break the line, and cut where it would fill the
// screen.
std::string shown_override(const std::string& text) {
  const std::string line = one_line(text, 200);
  return line == text || text.size() > 200 ? line : in_quotes(text);
}

}  // namespace

Entry Entry::shown() const {
  Entry copy = *this;
  copy.key = one_line(key, 100);
  return copy;
}

// Adds an entry for each key of a section's table to entries_. `group` is the table's number among
// the [[group]] tables, 0 for other sections. The entries point into `table`, which must outlive
// them.
void Sources::add_table(const std::string& section, size_t group, const toml::table& table) {
  for (const auto& [key, value] : table) {
    entries_.push_back({section, std::string(key.str()), group, &value,
                        line_of(name_, key.source()), std::nullopt});
  }
}

// Adds the entries of all [[group]] tables, of which `node` is the array, to entries_ and counts
// the tables in groups_. Throws ConfigError, with the place `where`, unless it is an array of
// tables.
void Sources::add_groups(const std::string& where, const toml::node& node) {
  const toml::array* list = node.as_array();
  const bool tables = list && std::all_of(list->begin(), list->end(),
                                          [](const auto& item) { return item.is_table(); });
  if (!tables) fail(where, "group: received " + received(node) + ", allowed [[group]] tables");
  for (const auto& item : *list) add_table("group", groups_++, *item.as_table());
}

Sources::Sources(const std::string& given, const std::string& name) : name_(name) {
  // The mark that some editors put before UTF-8 is no part of the text.
  const std::string text = given.starts_with("\xef\xbb\xbf") ? given.substr(3) : given;
  if (text.size() > kLongestConfig)
    fail(name_, "received " + std::to_string(text.size()) + " bytes, allowed at most " +
                    std::to_string(kLongestConfig));
  if (const auto fault = find_fault(text); fault.line > 0)
    fail(name_ + ":" + std::to_string(fault.line), fault.what);
  try {
    file_ = toml::parse(text, name_);
  } catch (const toml::parse_error& error) {
    fail(line_of(name_, error.source()), fault_text(error));
  }
  for (const auto& [key, node] : file_)
    if (key.str() == "preset") add_preset(line_of(name_, key.source()), node);
  add_sections(file_, true);
}

// Adds the entries of the preset that the node names, with its groups where the file has none.
// Throws ConfigError, with the place `where`, for another name.
void Sources::add_preset(const std::string& where, const toml::node& node) {
  const auto name = node.value<std::string>().value_or("");
  const Preset* preset = node.is_string() ? find_preset(name) : nullptr;
  if (preset == nullptr)
    fail(where, "preset: received " + received(node) + ", allowed " +
                    steepest::join(preset_names()) + nearest(name.substr(0, 100), preset_names()));
  const std::string file_name = std::exchange(name_, "preset " + name);
  preset_ = toml::parse(preset->text);
  add_sections(preset_, !file_.contains("group"));
  name_ = file_name;
}

// Adds the entries of all sections of a run file to entries_, in the order of its text: the first
// error to be reported is the first of the file, not of the alphabet.
void Sources::add_sections(const toml::table& file, bool with_groups) {
  const auto before = static_cast<std::ptrdiff_t>(entries_.size());
  for (const auto& [key, node] : file) {
    if (key.str() == "preset" || (key.str() == "group" && !with_groups)) continue;
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
  std::stable_sort(entries_.begin() + before, entries_.end(), [](const auto& a, const auto& b) {
    return a.value->source().begin < b.value->source().begin;
  });
}

// The number of the [[group]] table that an override names, the 2 of "group.2.lr"; the next number
// after the last adds a table. Throws ConfigError for any other.
size_t Sources::group_index(const std::string& where, const std::string& text) {
  size_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  const bool number = error == std::errc() && end == text.data() + text.size();
  if (!number || index > groups_) {
    fail(where, "group: received " + in_quotes(text) + ", allowed the number of one of the " +
                    std::to_string(groups_) + " [[group]] tables, from 0, or " +
                    std::to_string(groups_) + " for one more");
  }
  groups_ = std::max(groups_, index + 1);
  return index;
}

void Sources::add_override(const std::string& text) {
  const std::string where = "--set " + shown_override(text);
  if (const auto at = invalid_utf8(text))
    fail(where, "received byte " + one_line(text.substr(*at, 1)) + ", allowed UTF-8 text");
  const size_t equals = text.find('='), dot = text.rfind('.', equals);
  if (equals == std::string::npos || dot == std::string::npos) {
    fail(where, "received " + in_quotes(one_line(text, 200)) + ", allowed section.key=value");
  }
  std::string section = text.substr(0, dot);
  const std::string raw = text.substr(equals + 1);
  const bool plain = raw.size() <= kLongestConfig && find_fault(raw).line == 0;
  overrides_.push_back(plain ? value_table(raw) : toml::table{{"value", raw}});
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
