// SPDX-License-Identifier: Apache-2.0
// The language in which option_table.cpp writes the table: a row binds a name to the field of
// Overrides that holds what is said of the option, and to the field of a recipe that this comes to.
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

// -- from what is said to what it comes to, by type ----------------------------------------------

using Triples = std::vector<std::array<double, 3>>;

template <typename T>
void assign(T& field, const std::string&, const T& value) {
  field = value;
}
template <typename T>
void assign(std::optional<T>& field, const std::string&, const T& value) {
  field = value;
}
template <typename Enum>
requires std::is_enum_v<Enum>
void assign(Enum& field, const std::string& name, const std::string& value) {
  read_choice(field, name, value);
}
void assign(std::optional<at::ScalarType>& field, const std::string& name,
            const std::string& value) {
  field = read_dtype(name, value);
}
void assign(Triples& field, const std::string& name, const std::vector<double>& flat) {
  TORCH_CHECK_VALUE(!flat.empty() && flat.size() % 3 == 0, name, ": received ", flat.size(),
                    " numbers, allowed three for each step");
  field.clear();
  for (size_t i = 0; i < flat.size(); i += 3) field.push_back({flat[i], flat[i + 1], flat[i + 2]});
}

// polar/ and svd/ list what they know, and repeat what they were given.
void check_word(const std::string& name, const std::string& word) {
  constexpr size_t kLongest = 64;
  const auto in_word = [](unsigned char c) { return std::isalnum(c) || c == '_'; };
  TORCH_CHECK_VALUE(word.size() <= kLongest && std::ranges::all_of(word, in_word), name,
                    ": received ", shown(word), ", allowed a name of at most ", kLongest,
                    " letters, digits and _");
}
// What was chosen for one method of polar factors means nothing for another.
void assign(PolarOptions& field, const std::string& name, const std::string& method) {
  check_word(name, method);
  if (method != field.method) field = {.method = method};
}
void assign(SvdOptions& field, const std::string& name, const std::string& method) {
  check_word(name, method);
  field.method = method;
}

template <typename T>
OptionValue value_of(const T& field) {
  if constexpr (std::is_enum_v<T>)
    return name_of(field);
  else
    return field;
}
template <typename T>
OptionValue value_of(const std::optional<T>& field) {
  return field ? OptionValue(*field) : OptionValue();
}
OptionValue value_of(const std::optional<at::ScalarType>& field) {
  return field ? OptionValue(dtype_name(*field)) : OptionValue();
}
OptionValue value_of(const Triples& field) {
  std::vector<double> flat;
  for (const auto& triple : field) flat.insert(flat.end(), triple.begin(), triple.end());
  return flat;
}
OptionValue value_of(const PolarOptions& field) { return field.method; }
OptionValue value_of(const SvdOptions& field) { return field.method; }

template <typename T>
struct Names {
  static std::vector<std::string> all() {
    if constexpr (std::is_enum_v<T>)
      return names_of(T{});
    else
      return {};
  }
};
template <>
struct Names<std::optional<at::ScalarType>> {
  static std::vector<std::string> all() { return {"float64", "float32", "bfloat16", "float16"}; }
};

template <typename T>
constexpr bool is_optional = false;
template <typename T>
constexpr bool is_optional<std::optional<T>> = true;

// -- the table's language ------------------------------------------------------------------------

// A row with more said of it: side(..).within(..).changes(..).
struct Row : Option {
  Row within(Range range) && { return allowed.range = range, std::move(*this); }
  // Of a text that is kept as text; the names of enumerations are those of the table by themselves.
  Row one_of(const std::vector<std::string>& names) && {
    allowed.names = names;
    in_side.set = [=, set = in_side.set, text = std::get<SaidAs<std::string>>(said), option = name](
                      Choices& side, const Overrides& overrides) {
      if (overrides.*text) index_of_name(option, *(overrides.*text), names);
      set(side, overrides);
    };
    return std::move(*this);
  }
  Row example(std::vector<std::string> texts) && {
    return allowed.examples = std::move(texts), std::move(*this);
  }
  Row or_number() && { return allowed.number_too = true, std::move(*this); }
  Row changes(MayChange where) && { return may_change = where, std::move(*this); }
  Row open() && { return may_be_open = true, std::move(*this); }
  Row added_later() && { return later = true, std::move(*this); }
};

// `field`: a pointer to a member of Target, or a function from one to a reference into it.
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

template <typename T>
Row network(std::string name, SaidAs<T> said, auto field, std::string help) {
  return row<Recipe>(Scope::network, std::move(name), said, field, std::move(help));
}
template <typename T>
Row side(Scope scope, std::string name, SaidAs<T> said, auto field, std::string help) {
  return row<Choices>(scope, std::move(name), said, field, std::move(help));
}
template <typename T>
Row backup(std::string name, std::string of, SaidAs<T> said, auto field, std::string help) {
  auto made = row<Choices>(Scope::backup, std::move(name), said, field, std::move(help));
  made.side = std::move(of);
  return made;
}

}  // namespace steepest::option_row
