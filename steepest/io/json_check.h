// SPDX-License-Identifier: Apache-2.0
// JSON that another program may have written, looked at before it is believed: one pass in linear
// time, after which nlohmann's parser, its copies and its comparisons are safe.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace steepest {

// what() is one line: "not JSON at byte 12", "a number out of range at byte 12",
// "nested too deeply", "\"lr\" occurs twice", "a list of more than 64 entries".
struct JsonError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct JsonLimits {
  size_t depth = 16;  // of objects and lists within each other
  size_t longest_list = SIZE_MAX;
  size_t first_byte = 0;  // that messages count from
};

// Throws JsonError where the text is not JSON, nests too deeply, has too long a list, gives a key
// of one object twice, or holds a number that float64 cannot (6e66666666). Returns the keys of the
// outermost object, in the order of the text; none where that is no object.
std::vector<std::string> check_json(std::string_view text, const JsonLimits& limits = {});

}  // namespace steepest
