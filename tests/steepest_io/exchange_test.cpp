// SPDX-License-Identifier: Apache-2.0
// One half of the exchange with Python's safetensors; the other half,
// tests/python/test_safetensors.py, runs these tests with STEEPEST_EXCHANGE naming a folder.
// Without it they exchange with themselves.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "steepest/io/safetensors.h"
#include "tests/support/folder.h"

namespace steepest {
namespace {

// The tensors that both sides know: 12 numbers from -4 in every dtype, whose names are the
// format's.
NamedTensors known() {
  const at::Tensor values = at::arange(-4, 8, at::kInt).reshape({3, 4});
  NamedTensors tensors = {{"BOOL", values.to(at::kBool)},
                          {"U8", (values + 4).to(at::kByte)},
                          {"I8", values.to(at::kChar)},
                          {"I16", values.to(at::kShort)},
                          {"I32", values},
                          {"I64", values.to(at::kLong)},
                          {"F16", values.to(at::kHalf)},
                          {"BF16", values.to(at::kBFloat16)},
                          {"F32", values.to(at::kFloat)},
                          {"F64", values.to(at::kDouble)}};
  tensors.emplace_back("empty", at::empty({0, 3}));
  tensors.emplace_back("scalar", at::full({}, 2.5f));
  tensors.emplace_back("transposed", values.to(at::kFloat).t());
  return tensors;
}

void expect_known(const SafeTensors& read) {
  EXPECT_EQ(read.tensors.size(), known().size());
  for (const auto& [name, expected] : known()) {
    const at::Tensor* tensor = find_tensor(read.tensors, name);
    ASSERT_NE(tensor, nullptr) << name;
    EXPECT_EQ(tensor->scalar_type(), expected.scalar_type()) << name;
    EXPECT_TRUE(tensor->equal(expected)) << name;
  }
  EXPECT_EQ(read.metadata, (Metadata{{"written", "for the other side"}}));
}

TEST(Exchange, WriteForPython) {
  const test::Folder own;
  const char* shared = std::getenv("STEEPEST_EXCHANGE");
  const std::string path = (shared ? shared : own.path()) + std::string("/from_cpp.safetensors");
  write_safetensors(path, known(), {{"written", "for the other side"}});
  expect_known(read_safetensors(path));
}

TEST(Exchange, ReadFromPython) {
  const test::Folder own;
  const char* shared = std::getenv("STEEPEST_EXCHANGE");
  const std::string path = (shared ? shared : own.path()) + std::string("/from_python.safetensors");
  if (!shared) write_safetensors(path, known(), {{"written", "for the other side"}});
  expect_known(read_safetensors(path));
}

}  // namespace
}  // namespace steepest
