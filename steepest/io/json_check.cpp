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

  // The parser calls one of these at each value, here null, and at each bracket; as all of them
  // return true, it goes on. Values are counted, whatever they are.
  bool null() override { return count_entry(); }
  // The parser has read a flag: counts it as an entry.
  bool boolean(bool) override { return count_entry(); }
  // The parser has read a whole number: counts it as an entry.
  bool number_integer(number_integer_t) override { return count_entry(); }
  // The parser has read a whole number from 0 up: counts it as an entry.
  bool number_unsigned(number_unsigned_t) override { return count_entry(); }
  // The parser has read a number, which is given as such and as text: counts it as an entry.
  bool number_float(number_float_t, const string_t&) override { return count_entry(); }
  bool string(string_t&) override { return count_entry(); }  // a text was read
  bool binary(binary_t&) override { return count_entry(); }  // not in JSON text: counted

  bool start_object(size_t) override { return open_level(true); }  // "{" was read
  bool end_object() override { return close_level(); }             // "}" was read
  bool start_array(size_t) override { return open_level(false); }  // "[" was read
  bool end_array() override { return close_level(); }              // "]" was read

  // Refuses a key that its object has already; keeps those of the outermost one.
  bool key(string_t& name) override {
    if (!open_.back().keys.insert(name).second) throw JsonError(shown(name) + " occurs twice");
    if (open_.size() == 1) names.push_back(name);
    return true;
  }

  // Throws JsonError at byte `at` of the text: a number that float64 cannot hold, which the parser
  // reports under a number of its own, or what is not JSON.
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
  // Begins an object, or else a list; throws JsonError where it is nested too deeply.
  bool open_level(bool is_object) {
    count_entry();
    if (open_.size() == limits_.depth) throw JsonError("nested too deeply");
    open_.push_back({.is_object = is_object});
    return true;
  }
  // Ends the innermost object or list.
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
