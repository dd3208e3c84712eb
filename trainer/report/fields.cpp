// SPDX-License-Identifier: Apache-2.0
#include "trainer/report/fields.h"

#include <cmath>

#include "steepest/base/text.h"
#include "steepest/io/file_io.h"
#include "steepest/io/json_check.h"
#include "trainer/run/run_folder.h"

namespace steepest::trainer {

Fields::Fields(const SweepValue& json, const std::string& where) : json_(json), where_(where) {
  if (!json.is_object())
    throw RunError(where + ": received " + cut(json.dump()) + ", allowed an object");
}

const SweepValue* Fields::find(const char* name) const {
  const auto found = json_.find(name);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

void Fields::refuse(const char* name, const char* allowed) const {
  throw RunError(where_ + ": " + name + ": received " + cut(json_[name].dump()) + ", allowed " +
                 allowed);
}

std::string Fields::text(const char* name) const {
  const auto* value = find(name);
  if (value == nullptr) return "";
  if (!value->is_string()) refuse(name, "a text");
  return value->get<std::string>();
}

std::optional<double> Fields::number(const char* name, bool or_text) const {
  const auto* value = find(name);
  if (value == nullptr || (or_text && value->is_string())) return std::nullopt;
  if (!value->is_number()) refuse(name, or_text ? "a number or a text" : "a number");
  return value->get<double>();
}

std::optional<int64_t> Fields::count(const char* name) const {
  const auto* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_structured()) return static_cast<int64_t>(value->size());
  if (!value->is_number_integer()) refuse(name, "a whole number, a list or an object");
  return value->get<int64_t>();
}

const SweepValue& Fields::list(const char* name) const {
  static const SweepValue none = SweepValue::array();
  const auto* value = find(name);
  if (value != nullptr && !value->is_array()) refuse(name, "a list");
  return value == nullptr ? none : *value;
}

std::vector<Fields> Fields::objects(const char* name) const {
  std::vector<Fields> objects;
  const auto& entries = list(name);
  for (size_t i = 0; i < entries.size(); ++i)
    objects.emplace_back(entries[i], where_ + ": " + name + "[" + std::to_string(i) + "]");
  return objects;
}

std::optional<Fields> Fields::object(const char* name) const {
  const auto* value = find(name);
  if (value == nullptr) return std::nullopt;
  return Fields(*value, where_ + ": " + name);
}

std::vector<std::string> Fields::texts(const char* name) const {
  std::vector<std::string> texts;
  for (const auto& entry : list(name)) {
    if (!entry.is_string()) refuse(name, "texts");
    texts.push_back(entry.get<std::string>());
  }
  return texts;
}

std::vector<std::vector<double>> Fields::lists(const char* name) const {
  std::vector<std::vector<double>> lists;
  for (const auto& entry : list(name)) {
    if (!entry.is_array()) refuse(name, "lists of numbers");
    auto& numbers = lists.emplace_back();
    for (const auto& number : entry) {
      if (!number.is_number() && !number.is_null()) refuse(name, "lists of numbers");
      numbers.push_back(number.is_null() ? std::nan("") : number.get<double>());
    }
  }
  return lists;
}

SweepValue read_json(const std::string& path) {
  const auto text = read_file(path);
  try {
    check_json(text);
    return SweepValue::parse(text);
  } catch (const JsonError& error) {
    throw RunError(path + ": " + error.what());
  }
}

}  // namespace steepest::trainer
