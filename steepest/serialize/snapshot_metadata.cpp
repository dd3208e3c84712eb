// SPDX-License-Identifier: Apache-2.0
#include "steepest/serialize/snapshot_metadata.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "steepest/base/text.h"
#include "steepest/io/json_check.h"
#include "steepest/options/choice_names.h"
#include "steepest/options/options.h"
#include "steepest/serialize/recipe_json.h"

namespace steepest {
namespace {

using Json = nlohmann::ordered_json;
using SortedJson = nlohmann::json;  // whose objects find one of many keys in logarithmic time

// Returns the metadata's text under a key; throws c10::ValueError, which begins with `source`,
// where there is none.
const std::string& text_of(const Metadata& metadata, const std::string& key,
                           const std::string& source) {
  const auto found = metadata.find(key);
  TORCH_CHECK_VALUE(found != metadata.end(), source, ": received no \"", key,
                    "\" in the metadata, allowed an optimizer's state");
  return found->second;
}

// Throws c10::ValueError, which begins with `source`, unless the metadata's text under a key is the
// `allowed` one.
void require_text(const Metadata& metadata, const std::string& key, const std::string& allowed,
                  const std::string& source) {
  const auto& received = text_of(metadata, key, source);
  const auto quoted = shown(received);
  TORCH_CHECK_VALUE(received == allowed, source, ": ", key, ": received ",
                    quoted.substr(1, quoted.size() - 2), ", allowed ", allowed);
}

// Parses the metadata's text under a key as JSON. The text may be anything: throws c10::ValueError,
// which begins with `source`, where there is none, or it is not JSON that is safe to parse.
template <typename AnyJson = Json>
AnyJson json_of(const Metadata& metadata, const std::string& key, const std::string& source) {
  constexpr size_t kDepth = 8;
  const auto& text = text_of(metadata, key, source);
  try {
    check_json(text, {.depth = kDepth});
  } catch (const JsonError& error) {
    TORCH_CHECK_VALUE(false, source, ": ", key, ": ", error.what(), ": received ", shown(text));
  }
  return AnyJson::parse(text);
}

// -- choices --------------------------------------------------------------------------------------

// Whether a file that is loaded may have another value under this key of recipe_json than the
// optimizer: the paper and the equation, which only describe, and options that may change between
// save and load, such as rates and how a direction is computed (MayChange::in_file).
bool may_differ(const std::string& key) {
  if (key == "paper" || key == "equation") return true;
  const auto* option = find_option(key);
  return option != nullptr && option->may_change >= MayChange::in_file;
}

// Returns the value that a choice has in a file without its key: the default of an option that was
// added after such files were written (Option::later); null of any other.
Json unmentioned(const std::string& key) {
  static const Json plain = Json::parse(recipe_json(Recipe{}));
  const auto* option = find_option(key);
  if (option == nullptr || !option->later) return {};
  return option->scope == Scope::network ? plain[key] : plain["matrix"][key];
}

// Throws c10::ValueError, which begins with `source`, at the first choice of recipe_json in which
// the saved recipe, `received`, differs from the `allowed` one, in the recipe's order; `path` is
// what the names of choices are shown behind, "matrix." of those for the matrices.
void compare_choices(const Json& received, const Json& allowed, const std::string& path,
                     const std::string& source) {
  for (const auto& [key, value] : allowed.items()) {
    if (value.is_object()) {  // a side
      compare_choices(received.is_object() ? received.value(key, Json()) : Json(), value,
                      path + key + ".", source);
    } else if (!may_differ(key)) {
      const auto found = received.is_object() ? received.value(key, unmentioned(key)) : Json();
      TORCH_CHECK_VALUE(found == value, source, ": ", path, key, ": received ", cut(found.dump()),
                        ", allowed the optimizer's ", value.dump());
    }
  }
  if (!received.is_object()) return;
  for (const auto& [key, value] : received.items()) {
    TORCH_CHECK_VALUE(allowed.contains(key), source, ": choices: received ", shown(path + key),
                      ", which this version does not know");
  }
}

// Returns the recipe that a file of this plan has. Its choices for the matrices are those of the
// first group of matrices, and for the backup those of the first group of other parameters. With
// `trained_only`, of the first such group that has a trained parameter: the file was written by an
// optimizer of those alone.
Recipe expected_recipe(const Plan& plan, const SnapshotTarget& target, bool trained_only) {
  auto recipe = plan.recipe;
  if (!trained_only) return recipe;
  for (const auto role : {Role::matrix, Role::backup}) {
    for (size_t i = 0; i < plan.params.size(); ++i) {
      const auto& group = plan.groups[plan.params[i].group];
      if (group.role != role || !target.params[i].requires_grad()) continue;
      (role == Role::matrix ? recipe.matrix : recipe.backup) = group.choices;
      break;
    }
  }
  return recipe;
}

// Renames the choice of files written before f_star_rule: f_star_auto, which was MoMo*'s estimate.
void rename_f_star_auto(Json& choices) {
  if (!choices.is_object() || !choices.contains("f_star_auto")) return;
  if (choices["f_star_auto"] == true) choices["f_star_rule"] = name_of(FStarRule::momo_star);
  choices.erase("f_star_auto");
}

// Throws c10::ValueError where the file's choices are not the plan's, as expected_recipe() gives
// them. Those for the matrices, or for the backup, are passed over where the network has no such
// parameter: nothing hangs on them.
void check_choices(const Json& choices, const Plan& plan, const SnapshotTarget& target,
                   bool trained_only, const std::string& source) {
  auto received = choices;
  rename_f_star_auto(received);
  auto allowed = Json::parse(recipe_json(expected_recipe(plan, target, trained_only)));
  for (const auto role : {Role::matrix, Role::backup}) {
    const auto has_role = [&](const PlannedGroup& group) { return group.role == role; };
    if (std::ranges::any_of(plan.groups, has_role)) continue;
    const char* side = role == Role::matrix ? "matrix" : "backup";
    allowed.erase(side);
    if (received.is_object()) received.erase(side);
  }
  compare_choices(received, allowed, "", source);
}

// -- rates ----------------------------------------------------------------------------------------

// Returns one number of a group's JSON; throws c10::ValueError, which begins with `where`, unless
// it is there, finite and from 0 up.
double rate_of(const Json& group, const char* key, const std::string& where) {
  const auto place = where + "." + key;
  TORCH_CHECK_VALUE(group.is_object() && group.contains(key), place,
                    ": received nothing, allowed a finite number from 0 up");
  const auto& value = group[key];
  const double number = value.is_number() ? value.get<double>() : -1;
  TORCH_CHECK_VALUE(std::isfinite(number) && number >= 0, place, ": received ", cut(value.dump()),
                    ", allowed a finite number from 0 up");
  return number;
}

// Returns the rates of one group from its JSON, with the errors of rate_of(). An older file, which
// has backup_ratio in place of backup_lr_ratio, also has lr_ratio, by which its lr is multiplied to
// be the rate.
GroupRates rates_of(const Json& group, const std::string& where) {
  GroupRates rates{.lr = rate_of(group, "lr", where),
                   .weight_decay = rate_of(group, "weight_decay", where),
                   .backup_weight_decay = rate_of(group, "backup_weight_decay", where)};
  const bool older = !group.contains("backup_lr_ratio") && group.contains("backup_ratio");
  rates.backup_lr_ratio = rate_of(group, older ? "backup_ratio" : "backup_lr_ratio", where);
  if (older) rates.lr *= rate_of(group, "lr_ratio", where);
  return rates;
}

// -- places ---------------------------------------------------------------------------------------

// Returns the role and the layout of a parameter as JSON, as the metadata has them under "places".
Json place_of(Role role, const View& view) {
  return {{"role", name_of(role)},         {"view", view.batch ? "batch" : "flatten"},
          {"transposed", view.transposed}, {"split_sizes", view.split_sizes},
          {"num_heads", view.num_heads},   {"split_dim", view.split_dim}};
}

// Returns the end of a message on a parameter that is routed otherwise than when its state was
// saved: what a person may write to get the saved role, `received`, again; "" where another key
// than "role" differs, or that is no role.
std::string remedy(const std::string& name, const std::string& key, const Json& received) {
  if (key != "role" || (received != "matrix" && received != "backup")) return "";
  return ": steepest.route(model, " + received.get<std::string>() + "=[\"" + name +
         "\"]) makes it what it was";
}

}  // namespace

std::string places_json(const Plan& plan) {
  auto places = SortedJson::object();
  for (const auto& param : plan.params)
    places[param.name] = place_of(plan.groups[param.group].role, param.view);
  return places.dump();
}

std::vector<std::optional<GroupRates>> read_rates(const Metadata& metadata, const Plan& plan,
                                                  const SnapshotTarget& target,
                                                  const std::string& source) {
  require_text(metadata, "format", kSnapshotFormat, source);
  require_text(metadata, "recipe", plan.recipe.name, source);
  const auto groups = json_of(metadata, "groups", source);
  const auto& frozen = target.is_group_frozen;
  const auto trained = static_cast<size_t>(std::ranges::count(frozen, false));
  const bool trained_only =
      groups.is_array() && !groups.empty() && groups.size() == trained && trained < frozen.size();
  check_choices(json_of(metadata, "choices", source), plan, target, trained_only, source);
  TORCH_CHECK_VALUE(trained_only || (groups.is_array() && groups.size() == frozen.size()), source,
                    ": groups: received ",
                    groups.is_array() ? std::to_string(groups.size()) : "no list", ", allowed ",
                    frozen.size());
  std::vector<std::optional<GroupRates>> all;
  size_t next = 0;
  for (const bool is_frozen : frozen) {
    auto& rates = all.emplace_back();
    if (trained_only && is_frozen) continue;
    rates = rates_of(groups[next], source + ": groups[" + std::to_string(next) + "]");
    ++next;
  }
  return all;
}

void check_places(const Metadata& metadata, const Plan& plan,
                  const std::unordered_map<std::string, std::string>& saved_names,
                  const std::string& source) {
  if (metadata.count("places") == 0) return;
  const auto received = json_of<SortedJson>(metadata, "places", source);
  TORCH_CHECK_VALUE(received.is_object(), source, ": places: received ", cut(received.dump()),
                    ", allowed roles and views by name");
  const auto plain = place_of(Role::matrix, View{});
  for (const auto& param : plan.params) {
    const auto saved = saved_names.find(param.name);
    if (saved == saved_names.end() || !received.contains(saved->second)) continue;
    const auto& there = received[saved->second];
    TORCH_CHECK_VALUE(there.is_object() && there.contains("role"), source,
                      ": places: ", shown(saved->second), ": received ", cut(there.dump()),
                      ", allowed a role and a view");
    const auto here = place_of(plan.groups[param.group].role, param.view);
    for (const auto& [key, value] : here.items()) {
      const auto found = there.value(key, plain[key]);
      TORCH_CHECK_VALUE(found == value, source, ": ", param.name, ": ", key, ": received ",
                        cut(found.dump()), ", allowed ", value.dump(), " as in this optimizer",
                        remedy(param.name, key, found));
    }
  }
}

}  // namespace steepest
