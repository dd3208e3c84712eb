// SPDX-License-Identifier: Apache-2.0
// The language in which option_table.cpp writes the table of options: a row binds an option's name
// to the member of Overrides that holds the user's value of it, and to the field of a recipe that
// this value sets.
#pragma once

#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <functional>
#include <type_traits>
#include <utility>

#include "steepest/base/dtype.h"
#include "steepest/base/text.h"
#include "steepest/options/choice_names.h"
#include "steepest/options/options.h"

namespace steepest::option_row {

// -- from the user's value of an option to a recipe's field, and back, by type
// ---------------------

using Triples = std::vector<std::array<double, 3>>;

// Sets a field of a recipe to the user's `value` of an option: this overload is for a field of the
// value's own type. The option's name, unused here, is for the messages of the others.
template <typename T>
void assign(T& field, const std::string&, const T& value) {
  field = value;
}
// Sets a field of a recipe that may be unset, a std::optional, to the user's `value` of an option.
template <typename T>
void assign(std::optional<T>& field, const std::string&, const T& value) {
  field = value;
}
// Sets an enumeration by the enumerator's name `value`; throws c10::ValueError, which begins with
// the option's `name`, where there is none.
template <typename Enum>
requires std::is_enum_v<Enum>
void assign(Enum& field, const std::string& name, const std::string& value) {
  read_choice(field, name, value);
}
// Sets a dtype by its name, "float32"; throws c10::ValueError, which begins with the option's
// `name`, where there is none.
void assign(std::optional<at::ScalarType>& field, const std::string& name,
            const std::string& value) {
  field = read_dtype(name, value);
}
// Sets the coefficients (a, b, c) of each step of a polar iteration from one `flat` list, a, b, c,
// a, b, c, ..; throws c10::ValueError where it is empty or no multiple of three long.
void assign(Triples& field, const std::string& name, const std::vector<double>& flat) {
  TORCH_CHECK_VALUE(!flat.empty() && flat.size() % 3 == 0, name, ": received ", flat.size(),
                    " numbers, allowed three for each step");
  field.clear();
  for (size_t i = 0; i < flat.size(); i += 3) field.push_back({flat[i], flat[i + 1], flat[i + 2]});
}

// Throws c10::ValueError unless the value of the option `name` is a short word. polar/ and svd/,
// which know the methods, refuse any other, but repeat in their message what they were given.
void check_word(const std::string& name, const std::string& word) {
  constexpr size_t kLongest = 64;
  const auto in_word = [](unsigned char c) { return std::isalnum(c) || c == '_'; };
  TORCH_CHECK_VALUE(word.size() <= kLongest && std::ranges::all_of(word, in_word), name,
                    ": received ", shown(word), ", allowed a name of at most ", kLongest,
                    " letters, digits and _");
}
// Sets the method of polar factors by its name and, where it changes, all other options of polar
// factors to their defaults: what was chosen for one method means nothing for another.
void assign(PolarOptions& field, const std::string& name, const std::string& method) {
  check_word(name, method);
  if (method != field.method) field = {.method = method};
}
// Sets the method of singular triplets by its name; their other options stay, as all methods have
// them.
void assign(SvdOptions& field, const std::string& name, const std::string& method) {
  check_word(name, method);
  field.method = method;
}

// Returns the value of an option with which assign() would set the field as it is, so that a recipe
// can be written out as options: the field's value, or the name of an enumerator.
template <typename T>
OptionValue value_of(const T& field) {
  if constexpr (std::is_enum_v<T>)
    return name_of(field);
  else
    return field;
}
// Returns the value of a field, or nothing where it is unset.
template <typename T>
OptionValue value_of(const std::optional<T>& field) {
  return field ? OptionValue(*field) : OptionValue();
}
// Returns the dtype's name, or nothing where it is unset.
OptionValue value_of(const std::optional<at::ScalarType>& field) {
  return field ? OptionValue(dtype_name(*field)) : OptionValue();
}
// Returns the coefficients of all steps of a polar iteration as one flat list, a, b, c, a, b, c, ..
OptionValue value_of(const Triples& field) {
  std::vector<double> flat;
  for (const auto& triple : field) flat.insert(flat.end(), triple.begin(), triple.end());
  return flat;
}
// Returns the name of the method; each of the other fields has an option of its own.
OptionValue value_of(const PolarOptions& field) { return field.method; }
// Returns the name of the method; each of the other fields has an option of its own.
OptionValue value_of(const SvdOptions& field) { return field.method; }

template <typename T>
struct Names {
  // Lists the names that a field of type T may be set to; none where T is no enumeration.
  static std::vector<std::string> all() {
    if constexpr (std::is_enum_v<T>)
      return names_of(T{});
    else
      return {};
  }
};
template <>
struct Names<std::optional<at::ScalarType>> {
  // Lists the names that a dtype may be set to.
  static std::vector<std::string> all() { return {"float64", "float32", "bfloat16", "float16"}; }
};

template <typename T>
constexpr bool is_optional = false;
template <typename T>
constexpr bool is_optional<std::optional<T>> = true;

// -- the table's language ------------------------------------------------------------------------

// An option of the table. Each function sets one more property of it and returns the row, so that
// they are chained: side(..).within(..).changes(..).
struct Row : Option {
  // Limits the option's number, or each number of its list, to a range, and returns the row.
  Row within(Range range) && { return allowed.range = range, std::move(*this); }
  // Limits an option that is kept as text to these names, and returns the row: setting it to any
  // other then throws c10::ValueError. It is for options of Choices; one that is an enumeration
  // has its names from its type.
  Row one_of(const std::vector<std::string>& names) && {
    allowed.names = names;
    in_side.set = [=, set = in_side.set, text = std::get<SaidAs<std::string>>(said), option = name](
                      Choices& side, const Overrides& overrides) {
      if (overrides.*text) index_of_name(option, *(overrides.*text), names);
      set(side, overrides);
    };
    return std::move(*this);
  }
  // Gives values with which the tests try an option whose allowed texts cannot be listed, such as a
  // norm, and returns the row.
  Row example(std::vector<std::string> texts) && {
    return allowed.examples = std::move(texts), std::move(*this);
  }
  // Allows a number in place of the text, as in radius = 0.2, and returns the row.
  Row or_number() && { return allowed.number_too = true, std::move(*this); }
  // Says whether a saved state may be loaded under another value of the option, and from where (a
  // state_dict, a file, a run), and returns the row; without it, never.
  Row changes(MayChange where) && { return may_change = where, std::move(*this); }
  // Says that the option may be unset, although the type of its field is no std::optional to show
  // it, and returns the row.
  Row open() && { return may_be_open = true, std::move(*this); }
  // Says that the option came after version 0.1, and returns the row: a file that does not mention
  // it has its default.
  Row added_later() && { return later = true, std::move(*this); }
};

// Makes the table's entry of the option `name`. `said` is the member of Overrides that holds the
// user's value of it, `field` the field that this value sets, as a pointer to member or a function
// that returns a reference: of a Recipe, or of the Choices of a side (one for the matrices, one for
// all else). `.side` is the option's name there: that of backup_lr, which backup() sets, is lr.
template <typename Target, typename T, typename Field>
Row row(Scope scope, std::string name, SaidAs<T> said, Field field, std::string help) {
  using Value = std::remove_cvref_t<std::invoke_result_t<Field, Target&>>;
  const Binding<Target> binding{
      [=](Target& target, const Overrides& overrides) {
        if (const auto& value = overrides.*said) assign(std::invoke(field, target), name, *value);
      },
      [=](const Target& target) { return value_of(std::invoke(field, target)); },
      [=](Target& to, const Target& from) { std::invoke(field, to) = std::invoke(field, from); }};
  Row made{{.name = name, .scope = scope, .side = name, .help = std::move(help), .said = said}};
  if constexpr (std::is_same_v<Target, Recipe>)
    made.in_recipe = binding;
  else
    made.in_side = binding;
  made.allowed.names = Names<Value>::all();
  made.may_be_open = is_optional<Value>;
  return made;
}

// Makes the table's entry of an option that the whole network has once, a field of Recipe; the
// arguments are row()'s.
template <typename T>
Row network(std::string name, SaidAs<T> said, auto field, std::string help) {
  return row<Recipe>(Scope::network, std::move(name), said, field, std::move(help));
}
// Makes the table's entry of an option of which the matrices and the backup (all else) have a value
// each, a field of Choices. A parameter group may set its own. Given for the network, the option
// sets the value of the matrices, the backup's or both, as `scope` says. The rest is row()'s.
template <typename T>
Row side(Scope scope, std::string name, SaidAs<T> said, auto field, std::string help) {
  return row<Choices>(scope, std::move(name), said, field, std::move(help));
}
// Makes the table's entry of the option `name`, "backup_lr", which sets the option `of`, "lr", for
// the backup alone, all that is no matrix; the other arguments are row()'s.
template <typename T>
Row backup(std::string name, std::string of, SaidAs<T> said, auto field, std::string help) {
  auto made = row<Choices>(Scope::backup, std::move(name), said, field, std::move(help));
  made.side = std::move(of);
  return made;
}

}  // namespace steepest::option_row
