// SPDX-License-Identifier: Apache-2.0
// The table of products: its order, its choice by size, and its accuracy, judged by float64.

#include "steepest/kernels/cpu/kernel_rows.h"

#include <gtest/gtest.h>

#include <cmath>

#include "steepest/kernels/cpu/gemm.h"
#include "tests/cpu/matrices.h"

namespace steepest::cpu::test {
namespace {

double norm_of(const at::Tensor& x) { return x.norm(2, at::kDouble).item<double>(); }

// |C - A B|_F / |A B|_F of the kernel's C.
double error_of(const KernelChoice& kernel, const at::Tensor& a, const at::Tensor& b) {
  auto c = at::empty({a.size(0), b.size(1)});
  gemm({.a = view_of(a),
        .b = view_of(b),
        .c = c.mutable_data_ptr<float>(),
        .kernel = &kernel,
        .a_norm = norm_of(a),
        .b_norm = norm_of(b)});
  const auto exact = a.to(at::kDouble).mm(b.to(at::kDouble));
  return norm_of(c - exact) / norm_of(exact);
}

TEST(KernelRows, AreAsAccurateAsTheySayAndNotMuchMore) {
  for (const auto* kernel : kernel_rows()) {
    double largest = 0;
    for (const int64_t n : {32, 64, 128, 300, 768})
      largest = std::max(largest, error_of(*kernel, gaussian(n, n, 1), gaussian(n, n, 2)));
    EXPECT_LE(largest, kernel->error) << kernel->name;
    EXPECT_GE(largest, kernel->error / 4) << kernel->name;
  }
}

TEST(KernelRows, EndWithFloat32AndAreChosenBySize) {
  const auto rows = kernel_rows();
  if (!has_gemm()) GTEST_SKIP() << "this processor has no kernel: " << rows.size() << " rows";
  EXPECT_EQ(rows.back(), float_kernel());
  EXPECT_EQ(&fast_kernel(1), float_kernel());
  EXPECT_EQ(&fast_kernel(100000), rows.front());
  for (const auto* kernel : rows) {
    EXPECT_EQ(kernel->operands == at::kFloat, kernel == float_kernel()) << kernel->name;
    EXPECT_LE(kernel->min_rows, 128) << kernel->name;
  }
}

}  // namespace
}  // namespace steepest::cpu::test
