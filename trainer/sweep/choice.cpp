// SPDX-License-Identifier: Apache-2.0
#include "trainer/sweep/choice.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "steepest/io/atomic_file.h"
#include "trainer/config/config.h"
#include "trainer/run/bounded_json.h"

namespace steepest::trainer {
namespace {

// A JSON object as settings.
Settings settings_from(const SweepValue& json) {
  Settings settings;
  for (const auto& [name, value] : json.items()) settings.emplace_back(name, value);
  return settings;
}

// Whether the choice is of a row that has the values of this one.
bool fits(const Choice& choice, const Settings& row) {
  return std::all_of(choice.row.begin(), choice.row.end(), [&](const auto& own) {
    const auto* value = find_setting(row, own.first);
    return value != nullptr && *value == own.second;
  });
}

// The choice that an entry of choice.json tells; throws an exception of the JSON library where it
// tells none.
Choice choice_from(const SweepValue& json) {
  Choice choice{.arm = json.at("arm").get<std::string>(),
                .row = settings_from(json.at("row")),
                .values = settings_from(json.at("choice")),
                .edges = json.at("edge").get<std::vector<std::string>>(),
                .trials = json.at("trials").get<int64_t>()};
  const bool any = json.at("val_loss").is_number();
  if (any) choice.val_loss = json.at("val_loss").get<double>();
  if (any) choice.train_loss = json.at("train_loss").get<double>();
  return choice;
}

}  // namespace

SweepValue json_of(const Settings& settings) {
  SweepValue json = SweepValue::object();
  for (const auto& [name, value] : settings) json[name] = value;
  return json;
}

Choices Choices::load(const std::string& path) {
  Choices found;
  if (::access(path.c_str(), F_OK) != 0) return found;
  const auto json = parse_bounded(read_file(path), 8);
  try {
    if (!json || !json->is_array()) throw ConfigError(path + ": not the choices of a sweep");
    for (const auto& entry : *json) found.put(choice_from(entry));
  } catch (const SweepValue::exception&) {
    throw ConfigError(path + ": not the choices of a sweep");
  }
  return found;
}

void Choices::save(const std::string& path) const {
  SweepValue list = SweepValue::array();
  for (const auto& choice : choices_) {
    const bool any = std::isfinite(choice.val_loss);
    list.push_back({{"arm", choice.arm},
                    {"row", json_of(choice.row)},
                    {"choice", json_of(choice.values)},
                    {"val_loss", any ? SweepValue(choice.val_loss) : SweepValue()},
                    {"train_loss", any ? SweepValue(choice.train_loss) : SweepValue()},
                    {"edge", choice.edges},
                    {"trials", choice.trials}});
  }
  write_file(path, list.dump(1) + "\n");
}

void Choices::put(Choice choice) {
  const auto same = std::find_if(choices_.begin(), choices_.end(), [&](const Choice& own) {
    return own.arm == choice.arm && own.row == choice.row;
  });
  if (same == choices_.end())
    choices_.push_back(std::move(choice));
  else
    *same = std::move(choice);
}

const Choice* Choices::find(const std::string& arm, const Settings& row) const {
  const auto found = std::find_if(choices_.begin(), choices_.end(), [&](const Choice& choice) {
    return choice.arm == arm && fits(choice, row);
  });
  return found == choices_.end() ? nullptr : &*found;
}

}  // namespace steepest::trainer
