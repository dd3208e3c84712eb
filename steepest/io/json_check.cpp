// SPDX-License-Identifier: Apache-2.0
#include "steepest/io/json_check.h"

#include <nlohmann/json.hpp>
#include <unordered_set>

#include "steepest/base/spec.h"

namespace steepest {
namespace {

using Json = nlohmann::json;

// nlohmann's callback parser would search its parent at every end of an object, and takes the last
// of two equal keys.
class Watch : public Json::json_sax_t {
 public:
  explicit Watch(const JsonLimits& limits) : limits_(limits) {}

  std::vector<std::string> names;  // of the outermost object

  bool null() override { return count(); }
  bool boolean(bool) override { return count(); }
  bool number_integer(number_integer_t) override { return count(); }
  bool number_unsigned(number_unsigned_t) override { return count(); }
  bool number_float(number_float_t, const string_t&) override { return count(); }
  bool string(string_t&) override { return count(); }
  bool binary(binary_t&) override { return count(); }

  bool start_object(size_t) override { return open(true); }
  bool end_object() override { return close(); }
  bool start_array(size_t) override { return open(false); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    if (!open_.back().keys.insert(name).second) throw JsonError(shown(name) + " occurs twice");
    if (open_.size() == 1) names.push_back(name);
    return true;
  }

  bool parse_error(size_t at, const std::string&, const Json::exception& error) override {
    constexpr int kOutOfRange = 406;
    const std::string what = error.id == kOutOfRange ? "a number out of range" : "not JSON";
    throw JsonError(what + " at byte " + std::to_string(limits_.first_byte + at));
  }

 private:
  struct Level {
    bool object = false;
    size_t entries = 0;
    std::unordered_set<std::string> keys;
  };

  bool count() {
    if (open_.empty() || open_.back().object) return true;
    if (++open_.back().entries > limits_.longest_list) {
      throw JsonError("a list of more than " + std::to_string(limits_.longest_list) + " entries");
    }
    return true;
  }
  bool open(bool object) {
    count();
    if (open_.size() == limits_.depth) throw JsonError("nested too deeply");
    open_.push_back({.object = object});
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  JsonLimits limits_;
  std::vector<Level> open_;
};

}  // namespace

std::vector<std::string> check_json(std::string_view text, const JsonLimits& limits) {
  Watch watch(limits);
  Json::sax_parse(text, &watch);
  return std::move(watch.names);
}

}  // namespace steepest
