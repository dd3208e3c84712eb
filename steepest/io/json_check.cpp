// SPDX-License-Identifier: Apache-2.0
#include "steepest/io/json_check.h"

#include <nlohmann/json.hpp>
#include <unordered_set>

#include "steepest/base/spec.h"

namespace steepest {
namespace {

using Json = nlohmann::json;

// Throws JsonError where a text that nlohmann's SAX parser walks through breaks the limits or gives
// a key twice. (Its callback parser would search the parent at every end of an object, and takes
// the last of two equal keys.)
class LimitChecker : public Json::json_sax_t {
 public:
  // Checks one text, of which the parser calls the functions below.
  explicit LimitChecker(const JsonLimits& limits) : limits_(limits) {}

  std::vector<std::string> names;  // of the outermost object

  // The functions from here to end_array() override nlohmann's: the SAX parser calls one of them
  // for each value or bracket that it reads, here null, and goes on, as all return true. They count
  // the value, whatever it is, and throw JsonError where a list is too long.
  bool null() override { return count_entry(); }
  // The parser calls it for true or false: counts an entry as null() does.
  bool boolean(bool) override { return count_entry(); }
  // The parser calls it for a negative whole number: counts an entry as null() does.
  bool number_integer(number_integer_t) override { return count_entry(); }
  // The parser calls it for a whole number from 0 up: counts an entry as null() does.
  bool number_unsigned(number_unsigned_t) override { return count_entry(); }
  // The parser calls it for any other number, given as such and as text: counts an entry as null()
  // does.
  bool number_float(number_float_t, const string_t&) override { return count_entry(); }
  // The parser calls it for a text that is a value: counts an entry as null() does.
  bool string(string_t&) override { return count_entry(); }
  // The base class demands it for binary formats; it is never called for JSON text.
  bool binary(binary_t&) override { return count_entry(); }

  // The parser calls it at "{": begins an object, which counts as an entry; throws JsonError where
  // it is nested too deeply.
  bool start_object(size_t) override { return open_level(true); }
  // The parser calls it at "}": ends the innermost object.
  bool end_object() override { return close_level(); }
  // The parser calls it at "[": begins a list, which counts as an entry; throws JsonError where it
  // is nested too deeply.
  bool start_array(size_t) override { return open_level(false); }
  // The parser calls it at "]": ends the innermost list.
  bool end_array() override { return close_level(); }

  // The parser calls it for each key: throws JsonError at one that its object has already, and
  // appends those of the outermost object to `names`.
  bool key(string_t& name) override {
    if (!open_.back().keys.insert(name).second) throw JsonError(shown(name) + " occurs twice");
    if (open_.size() == 1) names.push_back(name);
    return true;
  }

  // The parser calls it where it cannot go on: throws JsonError with the byte `at` of the text, for
  // a number that float64 cannot hold, which the parser reports under an error number of its own,
  // or for what is not JSON.
  bool parse_error(size_t at, const std::string&, const Json::exception& error) override {
    constexpr int kOutOfRange = 406;  // nlohmann's number of that error
    const std::string what = error.id == kOutOfRange ? "a number out of range" : "not JSON";
    throw JsonError(what + " at byte " + std::to_string(limits_.first_byte + at));
  }

 private:
  // An object or a list that the parser is in.
  struct Level {
    bool is_object = false;
    size_t entries = 0;
    std::unordered_set<std::string> keys;
  };

  // Counts a value where the innermost level is a list, and throws JsonError where that is too
  // long. As all of these it returns true, for the parser to go on.
  bool count_entry() {
    if (open_.empty() || open_.back().is_object) return true;
    if (++open_.back().entries > limits_.longest_list) {
      throw JsonError("a list of more than " + std::to_string(limits_.longest_list) + " entries");
    }
    return true;
  }
  // Begins an object, or else a list, as the innermost level, and counts it as an entry of the
  // level around it; throws JsonError where it is nested too deeply. Always returns true.
  bool open_level(bool is_object) {
    count_entry();
    if (open_.size() == limits_.depth) throw JsonError("nested too deeply");
    open_.push_back({.is_object = is_object});
    return true;
  }
  // Ends the innermost object or list. Always returns true, as the parser's functions do.
  bool close_level() {
    open_.pop_back();
    return true;
  }

  JsonLimits limits_;
  std::vector<Level> open_;  // the outermost first
};

}  // namespace

std::vector<std::string> check_json(std::string_view text, const JsonLimits& limits) {
  LimitChecker checker(limits);
  Json::sax_parse(text, &checker);
  return std::move(checker.names);
}

}  // namespace steepest
