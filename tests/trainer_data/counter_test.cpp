// SPDX-License-Identifier: Apache-2.0
// The counter-based random numbers.
#include "trainer/data/counter.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace steepest::trainer {
namespace {

std::vector<uint64_t> image(uint64_t n, uint64_t key) {
  const Permutation shuffle(n, key);
  std::vector<uint64_t> values;
  for (uint64_t i = 0; i < n; ++i) values.push_back(shuffle(i));
  return values;
}

uint64_t hash(const std::string& text) {
  return hash_bytes({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

TEST(Counter, IsSplitmix) {  // its published first outputs for seed 0
  EXPECT_EQ(scramble(0), 0xe220a8397b1dcdafu);
  EXPECT_EQ(scramble(0x9e3779b97f4a7c15), 0x6e789e6aa1b965f4u);
}

TEST(Counter, PermutationIsOneToOne) {
  for (const uint64_t n : {1, 2, 3, 4, 5, 10, 257, 1000, 65536}) {
    const auto values = image(n, 7);
    const std::set<uint64_t> distinct(values.begin(), values.end());
    EXPECT_EQ(distinct.size(), n);
    EXPECT_LT(*distinct.rbegin(), n);
  }
}

TEST(Counter, PermutationMixes) {
  const uint64_t n = 1000;
  const auto a = image(n, 1), b = image(n, 2);
  int64_t fixed = 0, equal = 0, neighbours = 0;
  for (uint64_t i = 0; i < n; ++i) {
    fixed += a[i] == i;
    equal += a[i] == b[i];
    neighbours += i > 0 && a[i] == a[i - 1] + 1;
  }
  EXPECT_LT(fixed, 10);  // 1 expected of each
  EXPECT_LT(equal, 10);
  EXPECT_LT(neighbours, 10);
}

TEST(Counter, SmallPermutationsAreAllMet) {
  std::set<std::vector<uint64_t>> met;
  for (uint64_t key = 0; key < 500; ++key) met.insert(image(4, key));
  EXPECT_EQ(met.size(), 24u);
}

TEST(Counter, RangesAreUniformAndClosed) {
  CounterStream random(3);
  std::vector<int64_t> met(7);
  for (int64_t i = 0; i < 70000; ++i) {
    const int64_t value = random.range(-3, 3);
    ASSERT_GE(value, -3);
    ASSERT_LE(value, 3);
    ++met[static_cast<size_t>(value + 3)];
  }
  for (const int64_t count : met) EXPECT_NEAR(count, 10000, 500);  // 5 deviations
  EXPECT_EQ(below(~uint64_t{0}, 10), 9u);
  EXPECT_LT(unit(~uint64_t{0}), 1.0);
}

TEST(Counter, HashesSeeOrderLengthAndEveryByte) {
  EXPECT_NE(hash_words(0, 1, 2), hash_words(0, 2, 1));
  EXPECT_NE(hash_words(1, 2), hash_words(2, 1));
  EXPECT_NE(hash("a"), hash(std::string("a\0", 2)));
  EXPECT_NE(hash(""), hash(std::string(1, '\0')));
  const std::string text = "a text of nineteen.";
  for (size_t i = 0; i < text.size(); ++i) {
    std::string other = text;
    other[i] ^= 1;
    EXPECT_NE(hash(text), hash(other)) << i;
  }
}

}  // namespace
}  // namespace steepest::trainer
