// SPDX-License-Identifier: Apache-2.0
// Every value that a run file or an override gives, with the place it comes from.
#pragma once

#include <list>
#include <optional>
#include <string>
#include <vector>

#include "trainer/config/toml.h"

namespace steepest::trainer {

struct Entry {
  std::string section, key;
  size_t group = 0;                   // of [[group]] tables
  const toml::node* value = nullptr;  // kept alive by Sources
  std::string where;
  std::optional<std::string> raw = {};  // of an override: the text itself

  // The key as an override names it, "optimizer.lr" or "group.0.lr".
  std::string path() const {
    return section == "group" ? "group." + std::to_string(group) + "." + key : section + "." + key;
  }
  // The entry with its key escaped and cut, so that a message can hold it.
  Entry shown() const;
};

class Sources {
 public:
  // Reads the text `given` of a run file into entries(), behind those of the preset that its key
  // `preset` names, whose [[group]] tables it replaces by its own; `name` is the file's name in
  // messages.
  // Throws ConfigError for a text that is too long, has a fault of find_fault or is not TOML, and
  // for unknown sections.
  Sources(const std::string& given, const std::string& name);
  // Adds the entry that "section.key=value" or "group.0.key=value", the text of a --set, gives,
  // behind those of the file. Throws ConfigError for text of another form, text that is not UTF-8,
  // an unknown section, and a [[group]] table that is not there.
  void add_override(const std::string& text);

  const std::vector<Entry>& entries() const { return entries_; }  // in the order of the text
  // The number of [[group]] tables, empty ones too.
  size_t groups() const { return groups_; }

 private:
  void add_preset(const std::string& where, const toml::node& node);
  void add_sections(const toml::table& file, bool with_groups);
  void add_table(const std::string& section, size_t group, const toml::table& table);
  void add_groups(const std::string& where, const toml::node& node);
  size_t group_index(const std::string& where, const std::string& text);

  std::string name_;
  toml::table file_, preset_;
  std::list<toml::table> overrides_;  // a list, because entries point into its items
  std::vector<Entry> entries_;
  size_t groups_ = 0;
};

}  // namespace steepest::trainer
