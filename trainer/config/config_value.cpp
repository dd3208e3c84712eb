// SPDX-License-Identifier: Apache-2.0
#include "trainer/config/config_value.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <sstream>
#include <type_traits>

#include "steepest/base/spec.h"
#include "steepest/base/text.h"
#include "steepest/io/file_io.h"
#include "trainer/text.h"

namespace steepest::trainer {
namespace {

template <class T>
struct Unwrap {
  using type = T;
};
template <class T>
struct Unwrap<std::optional<T>> {
  using type = T;
};
// The type of the values of a field: optional or not makes no difference to them.
template <class Pointer>
using ValueOf = typename Unwrap<std::remove_pointer_t<Pointer>>::type;

// Whether the value is finite and in the range, to which an open end does not belong.
bool is_within(const Range& range, double value) {
  return std::isfinite(value) && (range.low_open ? value > range.low : value >= range.low) &&
         (range.high_open ? value < range.high : value <= range.high);
}

// Fills `out` from true or false and returns true; returns false for any other value. There is one
// read_value for each type that a key's field may have.
bool read_value(const Key&, const toml::node& node, bool& out) {
  if (!node.is_boolean()) return false;
  out = node.as_boolean()->get();
  return true;
}

// Fills `out` from a whole number within the key's range and returns true; returns false for
// anything else, and `out` is then not to be used.
bool read_value(const Key& key, const toml::node& node, int64_t& out) {
  if (!node.is_integer()) return false;
  out = node.as_integer()->get();
  return is_within(key.range, static_cast<double>(out));
}

// Fills `out` from a whole number, 0 or more, within the key's range and returns true; returns
// false for anything else, and `out` is then not to be used.
bool read_value(const Key& key, const toml::node& node, uint64_t& out) {
  int64_t value = 0;
  if (!read_value(key, node, value) || value < 0) return false;
  out = static_cast<uint64_t>(value);
  return true;
}

// Fills `out` from a number within the key's range and returns true; returns false for anything
// else, and `out` is then not to be used.
bool read_value(const Key& key, const toml::node& node, double& out) {
  if (!node.is_number()) return false;
  out = *node.value<double>();
  return is_within(key.range, out);
}

// Fills `out` from a text that the key allows, or from a number where key.numbers says that it may
// be written as one, and returns true; returns false for anything else, and `out` is then not to be
// used.
bool read_value(const Key& key, const toml::node& node, std::string& out) {
  double number = 0;
  if (key.numbers && read_value(key, node, number)) {
    out = print_number(number);
    return true;
  }
  if (!node.is_string()) return false;
  out = node.as_string()->get();
  if (out.find('\0') != out.npos) return false;  // of a path, the system would see only a part
  return key.names.empty() || std::find(key.names.begin(), key.names.end(), out) != key.names.end();
}

// Fills `out` from a list of values that the key allows, or from one of them, and returns true;
// returns false for anything else, and `out` is then not to be used.
template <class T>
bool read_value(const Key& key, const toml::node& node, std::vector<T>& out) {
  out.clear();
  const toml::array* list = node.as_array();
  if (!list) {
    out.emplace_back();  // one value stands for a list of one
    return read_value(key, node, out.back());
  }
  for (const auto& item : *list) {
    out.emplace_back();
    if (!read_value(key, item, out.back())) return false;
  }
  return true;
}

// Returns the value as TOML, "true" or "false". There is one toml_text for each type of a key's
// field.
std::string toml_text(bool value) { return value ? "true" : "false"; }
// A whole number as TOML.
std::string toml_text(int64_t value) { return std::to_string(value); }
// A whole number from 0 as TOML.
std::string toml_text(uint64_t value) { return std::to_string(value); }
// A number as TOML, with ".0" behind what would be read as a whole number.
std::string toml_text(double value) {
  const std::string text = print_number(value);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;  // n: nan, inf
}
// A text between single quotes as it is, or, where it holds what these cannot, escaped between
// double quotes.
std::string toml_text(const std::string& value) {
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (value.find('\'') == value.npos && std::none_of(value.begin(), value.end(), control))
    return "'" + value + "'";
  std::string text = "\"";
  for (const char c : value) {
    char escape[8];
    std::snprintf(escape, sizeof escape, "\\u%04X", static_cast<unsigned char>(c));
    if (c == '"' || c == '\\') text += '\\';
    text += control(c) ? std::string(escape) : std::string(1, c);
  }
  return text + "\"";
}
// The values as a TOML list, "[1, 2]".
template <class T>
std::string toml_text(const std::vector<T>& values) {
  std::vector<std::string> texts;
  for (const auto& value : values) texts.push_back(toml_text(value));
  return "[" + steepest::join(texts) + "]";
}

// How a message goes on after "a number": " from 0 and below 1".
std::string range_text(const Range& range) {
  std::string text;
  if (std::isfinite(range.low)) {
    text += (range.low_open ? " above " : " from ") + print_number(range.low);
  }
  if (std::isfinite(range.high)) {
    text += (range.high_open ? (text.empty() ? " below " : " and below ") : " to ") +
            print_number(range.high);
  }
  return text;
}

// What a key allows, in the words of messages, where a value of it is of type T.
template <class T>
std::string allowed_type(const Key& key) {
  if constexpr (std::is_same_v<T, bool>) return "true, false";
  if constexpr (std::is_same_v<T, double>) return "a number" + range_text(key.range);
  if constexpr (std::is_integral_v<T>) return "a whole number" + range_text(key.range);
  return key.numbers ? "a text or a number" : "a text";
}

}  // namespace

bool assign(const Key& key, const toml::node& value) {
  const auto set = [&](auto field) {
    if constexpr (std::is_same_v<decltype(field), NamedBool>) {
      std::string name;
      if (!read_value(key, value, name)) return false;
      *field.value = name == key.names[1];
    } else {
      ValueOf<decltype(field)> result{};
      if (!read_value(key, value, result)) return false;
      *field = std::move(result);
    }
    return true;
  };
  return std::visit(set, key.field);
}

std::string allowed(const Key& key) {
  if (!key.names.empty()) return steepest::join(key.names);
  const auto name = [&](auto field) -> std::string {
    if constexpr (std::is_same_v<decltype(field), NamedBool>) {
      return "";
    } else {
      using Value = ValueOf<decltype(field)>;
      if constexpr (std::is_same_v<Value, std::vector<std::string>>) return "a list of texts";
      if constexpr (std::is_same_v<Value, std::vector<double>>) return "a list of numbers";
      if constexpr (std::is_same_v<Value, std::vector<int64_t>>) {
        return "a list of whole numbers" + range_text(key.range);
      }
      return allowed_type<Value>(key);
    }
  };
  return std::visit(name, key.field);
}

// A list as messages show it: up to 20 of its items, cut at 64 characters. (The formatter of toml++
// is not used for it: it sizes a list by the digits of its numbers, of which it finds 0.1 to have a
// negative count.)
static std::string list_received(const toml::array& list) {
  std::vector<std::string> items;
  for (const auto& item : list) {
    if (items.size() == 20) break;
    const toml::table* table = item.as_table();
    items.push_back(table == nullptr ? received(item) : table->empty() ? "{}" : "{..}");
  }
  std::string text = items.empty() ? "[]" : "[ " + steepest::join(items) + " ]";
  if (text.size() > 64) text.replace(60, std::string::npos, " .. ]");
  return one_line(text);
}

std::string received(const toml::node& value) {
  if (value.is_string()) return in_quotes(value.as_string()->get().substr(0, 60));
  if (value.is_floating_point()) return toml_text(value.as_floating_point()->get());
  if (value.is_table()) return "a table";
  if (value.is_array()) return list_received(*value.as_array());
  std::ostringstream text;
  value.visit([&](const auto& node) { text << toml::toml_formatter{node}; });
  return one_line(text.str().substr(0, 60));
}

std::optional<std::string> toml_of(const Key& key) {
  const auto show = [&](auto field) -> std::optional<std::string> {
    using Type = decltype(field);
    if constexpr (std::is_same_v<Type, NamedBool>) {
      return toml_text(key.names[*field.value]);
    } else if constexpr (std::is_same_v<std::remove_pointer_t<Type>, ValueOf<Type>>) {
      return toml_text(*field);
    } else {
      return *field ? std::optional(toml_text(**field)) : std::nullopt;
    }
  };
  return std::visit(show, key.field);
}

bool takes_text(const Key& key) {
  return std::holds_alternative<NamedBool>(key.field) ||
         std::holds_alternative<std::string*>(key.field) ||
         std::holds_alternative<std::optional<std::string>*>(key.field) ||
         std::holds_alternative<std::vector<std::string>*>(key.field);
}

}  // namespace steepest::trainer
