// SPDX-License-Identifier: Apache-2.0
#include "steepest/serialize/recipe_json.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "steepest/base/dtype.h"
#include "steepest/base/text.h"
#include "steepest/io/json_check.h"
#include "steepest/options/choice_names.h"
#include "steepest/options/options.h"

namespace steepest {
namespace {

using Json = nlohmann::ordered_json;

// Returns an option's value as JSON: a flag, a number, a text or a list, null where nothing is
// chosen.
Json json_of(const OptionValue& value) {
  return std::visit(
      [](const auto& held) -> Json {
        if constexpr (std::is_same_v<std::decay_t<decltype(held)>, std::monostate>)
          return nullptr;
        else
          return held;
      },
      value);
}

// Returns `side`, the choices for the matrices or those for the backup, as a JSON object by the
// names of the options; options of the backup alone are left out.
Json json_of(const Choices& side) {
  Json json = Json::object();
  for (const auto& option : options()) {
    if (option.in_side.get && option.scope != Scope::backup)
      json[option.name] = json_of(option.in_side.get(side));
  }
  return json;
}

// -- reading -------------------------------------------------------------------------------------

// What JSON an option of one type may be given: the type's name in the table of options, whether a
// value is of it, and the words for it in messages.
struct Kind {
  const char* name;
  bool (*fits)(const Json&);
  const char* allowed;
};

// Whether the value is a whole number that int64 holds.
bool is_whole(const Json& x) {
  return x.is_number_integer() && (!x.is_number_unsigned() || x.get<uint64_t>() <= INT64_MAX);
}

// Whether the value is a list, for every entry of which `fits` holds.
template <bool (*fits)(const Json&)>
bool all_fit(const Json& x) {
  return x.is_array() && std::all_of(x.begin(), x.end(), fits);
}

// Whether the value is a number: a free function, as all_fit takes no member function.
bool is_number(const Json& x) { return x.is_number(); }

// Describes the JSON of an option that is a flag; the argument's type alone chooses the overload.
Kind kind_of(bool) {
  return {"bool", [](const Json& x) { return x.is_boolean(); }, "true or false"};
}
// Describes the JSON of an option that is a whole number; the argument's value is not used.
Kind kind_of(int64_t) { return {"int", is_whole, "a whole number"}; }
// Describes the JSON of an option that is a number; the argument's value is not used.
Kind kind_of(double) { return {"float", is_number, "a number"}; }
// Describes the JSON of an option that is a text; the argument's value is not used.
Kind kind_of(const std::string&) {
  return {"text", [](const Json& x) { return x.is_string(); }, "text"};
}
// Describes the JSON of an option that is a list of numbers; the argument's value is not used.
Kind kind_of(const std::vector<double>&) {
  return {"floats", all_fit<is_number>, "a list of numbers"};
}
// Describes the JSON of an option that is a list of whole numbers; the argument's value is not
// used.
Kind kind_of(const std::vector<int64_t>&) {
  return {"ints", all_fit<is_whole>, "a list of whole numbers"};
}

// Calls use(field, kind) and returns its result: `field` is the member of Overrides that holds the
// user's value of the option, whose type differs from option to option, and `kind` what JSON it may
// be given.
auto with_kind(const Option& option, auto use) {
  return std::visit([&]<typename T>(SaidAs<T> field) { return use(field, kind_of(T{})); },
                    option.said);
}

// Lists the names of all options, in the order of the table.
std::vector<std::string> option_names() {
  std::vector<std::string> names;
  for (const auto& option : options()) names.push_back(option.name);
  return names;
}

// Reads the values of options from a JSON object, {"lr": 0.1, ..}; one that is null counts as not
// given. Throws c10::ValueError at an unknown key or a value of another type.
Overrides overrides_of(const Json& said) {
  Overrides overrides;
  for (const auto& [key, value] : said.items()) {
    if (value.is_null()) continue;
    const auto* option = find_option(key);
    TORCH_CHECK_VALUE(option != nullptr, "option: received ", shown(key),
                      nearest(key, option_names()));
    with_kind(*option, [&]<typename T>(SaidAs<T> field, const Kind& kind) {
      TORCH_CHECK_VALUE(kind.fits(value), option->name, ": received ", cut(value.dump()),
                        ", allowed ", kind.allowed);
      overrides.*field = value.get<T>();
    });
  }
  return overrides;
}

// -- the table -----------------------------------------------------------------------------------

// Returns the bound of a range as JSON, null where it is infinite: there is none.
Json bound_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(); }

// Returns the option's row of the table as a JSON object, whose keys options_json lists.
Json json_of(const Option& option) {
  const auto& [range, names, examples, number_too] = option.allowed;
  Json json = {{"name", option.name},
               {"scope", name_of(option.scope)},
               {"side", option.side},
               {"type", with_kind(option, [](auto, const Kind& kind) { return kind.name; })},
               {"help", option.help},
               {"default", json_of(option.in_side.get ? option.in_side.get(Choices{})
                                                      : option.in_recipe.get(Recipe{}))}};
  if (range.bounded()) {
    json["range"] = {bound_or_null(range.low), bound_or_null(range.high), range.low_open,
                     range.high_open};
  }
  json["names"] = names;
  json["examples"] = examples;
  json["number_too"] = number_too;
  json["may_change"] = name_of(option.may_change);
  json["may_be_open"] = option.may_be_open;
  json["later"] = option.later;
  return json;
}

}  // namespace

std::string recipe_json(const Recipe& recipe) {
  Json json = {{"name", recipe.name}, {"paper", recipe.paper}, {"equation", recipe.equation}};
  for (const auto& option : options()) {
    if (option.in_recipe.get) json[option.name] = json_of(option.in_recipe.get(recipe));
  }
  json["matrix"] = json_of(recipe.matrix);
  json["backup"] = json_of(recipe.backup);
  return json.dump();
}

void check_json_object(const std::string& text, const char* what) {
  try {
    check_json(text);
  } catch (const JsonError& error) {
    TORCH_CHECK_VALUE(false, what, ": ", error.what(), ": received ", shown(text));
  }
  const auto first = text.find_first_not_of(" \t\r\n");  // of JSON, so there is one
  TORCH_CHECK_VALUE(text[first] == '{', what, ": received ", shown(text),
                    ", allowed a JSON object");
}

Overrides overrides_from_json(const std::string& text) {
  check_json_object(text, "options");
  return overrides_of(Json::parse(text));
}

std::string options_json() {
  Json json = Json::array();
  for (const auto& option : options()) json.push_back(json_of(option));
  return json.dump();
}

}  // namespace steepest
