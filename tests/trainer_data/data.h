// SPDX-License-Identifier: Apache-2.0
// Small data of known content.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/faults.h"
#include "tests/support/folder.h"
#include "trainer/data/make_dataset.h"

namespace steepest::trainer::test {

using steepest::test::error_of;
using steepest::test::Folder;
using steepest::test::spill;

// Bytes without a short period, so that a window's place can be told from its content.
inline std::string text_of(int64_t length, uint64_t seed = 1) {
  std::string text;
  for (; length > 0; --length) {
    seed = seed * 6364136223846793005 + 1442695040888963407;
    text += static_cast<char>(seed >> 56);
  }
  return text;
}

inline std::string string_of(std::span<const uint8_t> bytes) {
  return {bytes.begin(), bytes.end()};
}

inline std::vector<int64_t> row(const at::Tensor& tokens, int64_t i) {
  const at::Tensor one = tokens[i].contiguous();
  return {one.const_data_ptr<int64_t>(), one.const_data_ptr<int64_t>() + one.numel()};
}

inline std::vector<int64_t> tokens_at(const std::string& text, int64_t first, int64_t n) {
  std::vector<int64_t> tokens;
  for (int64_t i = first; i < first + n; ++i)
    tokens.push_back(static_cast<uint8_t>(text[static_cast<size_t>(i)]));
  return tokens;
}

inline bool same(const Batch& a, const Batch& b) {
  return a.inputs.equal(b.inputs) && a.targets.equal(b.targets) && a.seed == b.seed;
}

inline int64_t count_of(const Dataset& data, const std::string& what) {
  for (const auto& [name, count] : data.counts())
    if (name == what) return count;
  ADD_FAILURE() << "no count of " << what << " in " << data.describe();
  return -1;
}

// One file of text cut into training and validation, rows of 8 tokens, 5 a step.
struct OneText {
  explicit OneText(int64_t length = 2000) : text(text_of(length)) {
    spill(folder / "text", text);
    spec.path = folder / "text";
    spec.validation_fraction = 0.25;
    spec.context = 8;
    spec.batch = 5;
  }
  std::unique_ptr<Dataset> make() const { return make_dataset(spec); }

  Folder folder;
  std::string text;
  DataSpec spec;
};

// The message of a refusal: one line that holds all of `parts`.
inline void expect_refused(const DataSpec& spec, const std::vector<std::string>& parts) {
  try {
    make_dataset(spec);
    ADD_FAILURE() << "accepted; expected an error naming " << parts.front();
  } catch (const DataError& error) {
    const std::string text = error.what();
    EXPECT_TRUE(steepest::test::one_line(text)) << text;
    for (const auto& part : parts) EXPECT_NE(text.find(part), text.npos) << part << " in: " << text;
  }
}

}  // namespace steepest::trainer::test
