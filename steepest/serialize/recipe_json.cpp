// SPDX-License-Identifier: Apache-2.0
#include "steepest/serialize/recipe_json.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "steepest/base/dtype.h"
#include "steepest/base/text.h"
#include "steepest/io/json_check.h"

namespace steepest {
namespace {

using Json = nlohmann::ordered_json;

template <typename T>
using Fields = std::map<std::string, std::optional<T> Overrides::*>;

#define FIELD(name) \
  { #name, &Overrides::name }
const Fields<double> kNumbers = {FIELD(lr),           FIELD(backup_lr),
                                 FIELD(momentum),     FIELD(backup_momentum),
                                 FIELD(beta2),        FIELD(eps),
                                 FIELD(f_star),       FIELD(dampening),
                                 FIELD(weight_decay), FIELD(backup_weight_decay),
                                 FIELD(polar_tol),    FIELD(svd_tol)};
const Fields<bool> kFlags = {
    FIELD(nesterov),    FIELD(backup_nesterov), FIELD(decoupled_weight_decay),
    FIELD(f_star_auto), FIELD(foreach),         FIELD(error_feedback)};
const Fields<int64_t> kCounts = {FIELD(polar_steps), FIELD(svd_passes)};
const Fields<std::string> kWords = {
    FIELD(norm),          FIELD(backup),      FIELD(outer),          FIELD(update),
    FIELD(step_size),     FIELD(duals),       FIELD(directions),     FIELD(backup_blocks),
    FIELD(momo_model),    FIELD(nonfinite),   FIELD(radius),         FIELD(backup_radius),
    FIELD(momentum_form), FIELD(start),       FIELD(backup_start),   FIELD(momentum_place),
    FIELD(polar),         FIELD(polar_dtype), FIELD(momentum_dtype), FIELD(svd)};
const Fields<std::vector<double>> kLists = {FIELD(polar_coefficients)};
#undef FIELD

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

Json dtype_or_null(const std::optional<at::ScalarType>& type) {
  return type ? Json(dtype_name(*type)) : Json();
}

Json json_of(const Choices& c) {
  return {{"norm", c.norm},
          {"lr", c.lr},
          {"momentum", c.momentum},
          {"momentum_form", name_of(c.form)},
          {"nesterov", c.nesterov},
          {"start", name_of(c.start)},
          {"dampening", c.dampening},
          {"momentum_place", name_of(c.place)},
          {"error_feedback", c.error_feedback},
          {"momentum_dtype", dtype_or_null(c.momentum_dtype)},
          {"beta2", c.beta2},
          {"eps", c.eps},
          {"weight_decay", c.weight_decay},
          {"decoupled_weight_decay", c.decoupled},
          {"radius", c.radius},
          {"polar", c.solvers.polar.method},
          {"polar_coefficients", c.solvers.polar.coefficients},
          {"polar_steps", or_null(c.solvers.polar.steps)},
          {"polar_dtype", dtype_or_null(c.solvers.polar.dtype)},
          {"polar_tol", or_null(c.solvers.polar.tol)},
          {"svd", c.solvers.svd.method},
          {"svd_tol", c.solvers.svd.tol},
          {"svd_passes", c.solvers.svd.fixed_passes}};
}

// What an operator or a file hands in as text; `what` begins the message.
Json parse(const std::string& text, const char* what) {
  try {
    check_json(text);
  } catch (const JsonError& error) {
    TORCH_CHECK_VALUE(false, what, ": ", error.what(), ": received ", shown(text));
  }
  auto json = Json::parse(text);
  TORCH_CHECK_VALUE(json.is_object(), what, ": received ", shown(text), ", allowed a JSON object");
  return json;
}

// One key of an object, of the kind that `fits` wants.
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

template <typename T>
T field_or(const Json& object, const std::string& where, const char* key,
           bool (Json::*fits)() const, const char* allowed, T fallback) {
  return object.contains(key) ? field<T>(object, where, key, fits, allowed) : fallback;
}

// Whole numbers that int64 holds.
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

template <typename T>
bool set_field(Overrides& o, const Fields<T>& fields, const std::string& key, const Json& value,
               bool fits, const char* allowed) {
  const auto found = fields.find(key);
  if (found == fields.end()) return false;
  TORCH_CHECK_VALUE(fits, key, ": received ", cut(value.dump()), ", allowed ", allowed);
  o.*(found->second) = value.get<T>();
  return true;
}

bool numbers(const Json& value) {
  return value.is_array() &&
         std::all_of(value.begin(), value.end(), [](const Json& x) { return x.is_number(); });
}

std::vector<std::string> option_names() {
  std::vector<std::string> names;
  const auto add = [&](const auto& fields) {
    for (const auto& [name, field] : fields) names.push_back(name);
  };
  add(kWords), add(kNumbers), add(kFlags), add(kCounts), add(kLists);
  return names;
}

Overrides overrides_of(const Json& options) {
  Overrides o;
  for (const auto& [key, value] : options.items()) {
    if (value.is_null()) continue;
    const bool known =
        set_field(o, kWords, key, value, value.is_string(), "text") ||
        set_field(o, kNumbers, key, value, value.is_number(), "a number") ||
        set_field(o, kFlags, key, value, value.is_boolean(), "true or false") ||
        set_field(o, kCounts, key, value, value.is_number_integer(), "a whole number") ||
        set_field(o, kLists, key, value, numbers(value), "a list of numbers");
    TORCH_CHECK_VALUE(known, "option: received ", shown(key), nearest(key, option_names()));
  }
  return o;
}

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

PlannedGroup group_of(const Json& json, const std::string& where) {
  PlannedGroup group;
  read_choice(group.role, where + ".role",
              field<std::string>(json, where, "role", &Json::is_string, "text"));
  const auto options = field<Json>(json, where, "options", &Json::is_object, "an object");
  group.choices = override_choices(Choices{}, overrides_of(options));
  return group;
}

PlannedParam param_of(const Json& json, const std::string& where) {
  PlannedParam param;
  param.name = field<std::string>(json, where, "name", &Json::is_string, "text");
  param.shape = whole_numbers(json, where, "shape");
  param.group = field<int64_t>(json, where, "group", &Json::is_number_integer, "a whole number");
  param.view = view_of(json, param.name);
  return param;
}

// The recipe's own sides, with whose momentum Momo's model is built: the first group of each role.
void set_sides(Recipe& recipe, const std::vector<PlannedGroup>& groups) {
  for (auto role : {Role::matrix, Role::backup}) {
    const auto found = std::find_if(groups.begin(), groups.end(),
                                    [&](const PlannedGroup& g) { return g.role == role; });
    const auto& group = found == groups.end() ? groups.front() : *found;
    (role == Role::matrix ? recipe.matrix : recipe.backup) = group.choices;
  }
}

}  // namespace

std::string recipe_json(const Recipe& r) {
  const Json json = {{"name", r.name},
                     {"paper", r.paper},
                     {"equation", r.equation},
                     {"outer", name_of(r.outer)},
                     {"update", name_of(r.update)},
                     {"step_size", name_of(r.step_size)},
                     {"f_star", r.f_star},
                     {"f_star_auto", r.f_star_auto},
                     {"duals", name_of(r.duals)},
                     {"directions", name_of(r.directions)},
                     {"backup_blocks", name_of(r.backup_blocks)},
                     {"momo_model", name_of(r.momo_model)},
                     {"nonfinite", name_of(r.nonfinite)},
                     {"matrix", json_of(r.matrix)},
                     {"backup", json_of(r.backup)}};
  return json.dump();
}

Overrides overrides_from_json(const std::string& text) {
  return overrides_of(parse(text, "options"));
}

Plan plan_from_json(const std::string& text) {
  const auto json = parse(text, "plan");
  const auto list = [&](const char* key) {
    return field<Json>(json, "plan", key, &Json::is_array, "a list");
  };
  const auto at = [](const char* key, size_t i) {
    return "plan: " + std::string(key) + "[" + std::to_string(i) + "]";
  };
  Recipe base{.name = field<std::string>(json, "plan", "name", &Json::is_string, "text")};
  std::vector<PlannedGroup> groups;
  for (const auto& group : list("groups")) {
    groups.push_back(group_of(group, at("groups", groups.size())));
  }
  TORCH_CHECK_VALUE(!groups.empty(), "plan: received no groups");
  set_sides(base, groups);
  std::vector<PlannedParam> params;
  for (const auto& param : list("params")) {
    params.push_back(param_of(param, at("params", params.size())));
  }
  const auto network = field<Json>(json, "plan", "network", &Json::is_object, "an object");
  const auto recipe = override_recipe(base, overrides_of(network));
  return make_plan(recipe, std::move(params), std::move(groups));
}

}  // namespace steepest
