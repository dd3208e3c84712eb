// SPDX-License-Identifier: Apache-2.0
// JSON of others: what is refused, in which words, and in a time that grows as the text does.
#include "steepest/io/json_check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>

#include "steepest/io/safetensors_header.h"
#include "tests/support/faults.h"

namespace steepest {
namespace {

std::string fault_of(const std::string& text, const JsonLimits& limits = {}) {
  return test::error_of([&] { check_json(text, limits); });
}

TEST(CheckJson, SaysWhatIsWrong) {
  EXPECT_EQ(fault_of(""), "not JSON at byte 1");
  EXPECT_EQ(fault_of("{", {.first_byte = 8}), "not JSON at byte 10");
  EXPECT_EQ(fault_of("[NaN]"), "not JSON at byte 2");
  EXPECT_EQ(fault_of("[1] 2"), "not JSON at byte 5");
  EXPECT_EQ(fault_of("\"\xff\""), "not JSON at byte 2");
  EXPECT_EQ(fault_of("[6e66666666]"), "a number out of range at byte 11");
  EXPECT_EQ(fault_of(R"({"a":1,"b":2,"a":3})"), "\"a\" occurs twice");
  EXPECT_EQ(fault_of(R"([{"a":{"b":1}},{"a":{"b":1,"b":1}}])"), "\"b\" occurs twice");
  EXPECT_EQ(fault_of("[[[1]]]", {.depth = 2}), "nested too deeply");
  EXPECT_EQ(fault_of("[1,2,3]", {.longest_list = 2}), "a list of more than 2 entries");
  EXPECT_EQ(fault_of(std::string(5'000'000, '[')), "nested too deeply");
}

TEST(CheckJson, TakesWhatIsRight) {
  for (const char* text :
       {"1", "null", "\"a\"", "[]", "{}", R"({"a":{"a":[{"a":1}]}})", "[-1e-999]"}) {
    EXPECT_EQ(fault_of(text), "") << text;
  }
  EXPECT_EQ(fault_of("[[1]]", {.depth = 2, .longest_list = 1}), "");
  EXPECT_EQ(check_json(R"({"z":[{"x":1}],"a":{"b":2}})"), (std::vector<std::string>{"z", "a"}));
}

double seconds_of(int tensors) {
  std::string text = "{";
  for (int i = 0; i < tensors; ++i) {
    text += (i == 0 ? "\"layer." : ",\"layer.") + std::to_string(i) +
            R"(.weight":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  }
  text += "}";
  const uint64_t length = text.size();
  const std::string bytes = std::string(reinterpret_cast<const char*>(&length), 8) + text;
  double best = 1e9;
  for (int round = 0; round < 3; ++round) {
    const auto start = std::clock();  // other programs on the machine do not count
    EXPECT_EQ(parse_header("a", bytes, 0).entries.size(), tensors);
    best = std::min(best, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  return best;
}

// Eight times as many take some eight times as long; the square would be 64.
TEST(SafeTensorsHeader, IsReadInLinearTime) {
  EXPECT_LT(seconds_of(32'000), 16 * seconds_of(4'000) + 0.05);
}

}  // namespace
}  // namespace steepest
