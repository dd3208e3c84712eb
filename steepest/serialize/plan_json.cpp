// SPDX-License-Identifier: Apache-2.0
#include "steepest/serialize/plan_json.h"

#include <c10/util/Exception.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "steepest/base/dtype.h"
#include "steepest/base/text.h"
#include "steepest/distributed/sharing.h"
#include "steepest/optimizers/optimizers.h"
#include "steepest/options/choice_names.h"
#include "steepest/serialize/recipe_json.h"

namespace steepest {
namespace {

using Json = nlohmann::ordered_json;

// Returns the value of one key of a JSON object as a T. Throws c10::ValueError where the key is
// missing or its value not of the kind for which `fits`, such as &Json::is_string, is true. `where`
// begins the message, and `allowed` ends it ("text").
template <typename T>
T field(const Json& object, const std::string& where, const char* key, bool (Json::*fits)() const,
        const char* allowed) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  TORCH_CHECK_VALUE(object.is_object() && found != object.end(), where, ": received no ", key,
                    ", allowed ", allowed);
  TORCH_CHECK_VALUE(((*found).*fits)(), where, ": ", key, ": received ", cut(found->dump()),
                    ", allowed ", allowed);
  return found->get<T>();
}

// Returns the value of one key as field() does, with its errors, or `fallback` where the key is
// missing.
template <typename T>
T field_or(const Json& object, const std::string& where, const char* key,
           bool (Json::*fits)() const, const char* allowed, T fallback) {
  return object.contains(key) ? field<T>(object, where, key, fits, allowed) : fallback;
}

// Returns the list of whole numbers of one key of a JSON object; throws c10::ValueError, which
// begins with `where`, where there is none, or of other values or of numbers that int64 does not
// hold.
std::vector<int64_t> whole_numbers(const Json& object, const std::string& where, const char* key) {
  const auto list = field<Json>(object, where, key, &Json::is_array, "a list of whole numbers");
  std::vector<int64_t> numbers;
  for (const auto& x : list) {
    const bool fits =
        x.is_number_integer() && (!x.is_number_unsigned() || x.get<uint64_t>() <= INT64_MAX);
    TORCH_CHECK_VALUE(fits, where, ": ", key, ": received ", cut(x.dump()),
                      ", allowed whole numbers below 2^63");
    numbers.push_back(x.get<int64_t>());
  }
  return numbers;
}

// Reads how a parameter, the object `p` of "params", is seen as matrices; what is missing has its
// default. Throws c10::ValueError, which begins with the parameter's name, at a wrong value.
View view_of(const Json& p, const std::string& name) {
  View view;
  const auto kind = field_or<std::string>(p, name, "view", &Json::is_string, "text", "flatten");
  TORCH_CHECK_VALUE(kind == "flatten" || kind == "batch", name, ": view: received ", shown(kind),
                    ", allowed flatten, batch");
  view.batch = kind == "batch";
  view.transposed =
      field_or(p, name, "transposed", &Json::is_boolean, "true or false", view.transposed);
  if (p.contains("split_sizes")) view.split_sizes = whole_numbers(p, name, "split_sizes");
  view.num_heads =
      field_or(p, name, "num_heads", &Json::is_number_integer, "a whole number", view.num_heads);
  view.split_dim =
      field_or(p, name, "split_dim", &Json::is_number_integer, "a whole number", view.split_dim);
  return view;
}

// Returns the text of one key of a JSON object; throws c10::ValueError, which begins with `where`,
// where there is none.
std::string text_field(const Json& json, const std::string& where, const char* key) {
  return field<std::string>(json, where, key, &Json::is_string, "text");
}

// Returns the values of options in the object under one key of a JSON object; throws
// c10::ValueError, which begins with `where` where there is no object, and with the option at a
// wrong one.
Overrides overrides_field(const Json& json, const std::string& where, const char* key) {
  return overrides_from_json(field<Json>(json, where, key, &Json::is_object, "an object").dump());
}

// Reads a plan's group from an object of "groups": its role and its choices, which are the row's
// for that role with the options that the object sets. `where`, "plan: groups[0]", begins the
// message of a c10::ValueError.
PlannedGroup group_of(const Json& json, const std::string& where, const Recipe& row) {
  PlannedGroup group;
  read_choice(group.role, where + ".role", text_field(json, where, "role"));
  group.choices =
      override_choices(row.choices(group.role), overrides_field(json, where, "options"));
  return group;
}

// Reads a plan's parameter from an object of "params": name, shape, number of its group, and view.
// `where`, "plan: params[0]", begins the message of a c10::ValueError.
PlannedParam param_of(const Json& json, const std::string& where) {
  PlannedParam param;
  param.name = text_field(json, where, "name");
  param.shape = whole_numbers(json, where, "shape");
  param.group = field<int64_t>(json, where, "group", &Json::is_number_integer, "a whole number");
  param.view = view_of(json, param.name);
  return param;
}

// Returns the catalog row that the plan of this JSON names under "recipe", before the plan's
// overrides; the default recipe where that is "". It gets the plan's own name, and weight decays of
// 0, as a step reads these from the optimizer's groups, not from the plan.
Recipe row_of(const Json& plan) {
  const auto named = text_field(plan, "plan", "recipe");
  auto row = named.empty() ? Recipe{} : catalog_row(named);
  row.name = text_field(plan, "plan", "name");
  row.matrix.weight_decay = row.backup.weight_decay = 0;
  return row;
}

// Returns the plan's recipe, validated: the catalog row `recipe` with the options that the plan's
// JSON sets: under "sides", an object for "matrix" and one for "backup", and under "options" those
// of the whole network. Throws c10::ValueError at a wrong one.
Recipe recipe_of(const Json& plan, Recipe recipe) {
  const auto sides = field<Json>(plan, "plan", "sides", &Json::is_object, "an object");
  recipe.matrix = override_choices(recipe.matrix, overrides_field(sides, "plan: sides", "matrix"));
  recipe.backup = override_choices(recipe.backup, overrides_field(sides, "plan: sides", "backup"));
  return override_recipe(recipe, overrides_field(plan, "plan", "options"));
}

// Reads the group of processes that share the model from the object of "sharing": the group's name
// in torch.distributed, this process' rank in it, the mesh, and the placements of each parameter.
Membership member_of(const Json& json, const std::vector<PlannedParam>& params) {
  const std::string where = "plan: sharing";
  Membership member;
  member.group = text_field(json, where, "group");
  member.rank = field<int64_t>(json, where, "rank", &Json::is_number_integer, "a whole number");
  member.layout.mesh = whole_numbers(json, where, "mesh");
  if (json.contains("wire")) member.wire = read_dtype("wire", text_field(json, where, "wire"));
  const auto lists = field<Json>(json, where, "placements", &Json::is_array, "a list");
  TORCH_CHECK_VALUE(lists.size() == params.size(), where, ": placements: received ", lists.size(),
                    ", allowed one list for each of ", params.size(), " parameters");
  for (size_t i = 0; i < params.size(); ++i) {
    auto& own = member.layout.placements.emplace_back();
    for (const auto& text : lists[i]) own.push_back(placement_from(text, params[i].name));
  }
  return member;
}

}  // namespace

Plan plan_from_json(const std::string& text) {
  check_json_object(text, "plan");
  const auto json = Json::parse(text);
  const auto list = [&](const char* key) {
    return field<Json>(json, "plan", key, &Json::is_array, "a list");
  };
  const auto at = [](const char* key, size_t i) {
    return "plan: " + std::string(key) + "[" + std::to_string(i) + "]";
  };
  const auto row = row_of(json);
  std::vector<PlannedGroup> groups;
  for (const auto& group : list("groups")) {
    groups.push_back(group_of(group, at("groups", groups.size()), row));
  }
  TORCH_CHECK_VALUE(!groups.empty(), "plan: received no groups");
  std::vector<PlannedParam> params;
  for (const auto& param : list("params")) {
    params.push_back(param_of(param, at("params", params.size())));
  }
  std::optional<Membership> member;
  if (json.contains("sharing")) member = member_of(json["sharing"], params);
  auto plan = make_plan(recipe_of(json, row), std::move(params), std::move(groups));
  return member ? share_plan(std::move(plan), std::move(*member)) : plan;
}

}  // namespace steepest
