// SPDX-License-Identifier: Apache-2.0
// The symmetric product, run from its source in the emulator, against float64: edges of tiles and
// panels, batches, strides, and that nothing beyond C is written.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/cuda/host_unit.h"
#include "tests/cuda/matrices.h"
// The kernels come behind the unit that they use.
#include "steepest/kernels/cuda/device/symmetric_product.cuh"

namespace steepest::cuda::test {
namespace {

unsigned short* numbers(const at::Tensor& t) {
  return t.defined() ? static_cast<unsigned short*>(t.data_ptr()) : nullptr;
}

// Returns a view [batch, n, m] of new memory whose rows are padded to multiples of 8 numbers, and
// by eight more; the padding holds NaNs, which no product may take.
at::Tensor padded(const at::Tensor& x) {
  const int64_t stride = (x.size(2) + 15) / 8 * 8;
  auto memory = at::full({x.size(0), x.size(1), stride}, std::nan(""), x.options());
  return memory.narrow(2, 0, x.size(2)).copy_(x);
}

// Computes c <- alpha a b^T + beta d in place, of batches in 16 bits whose rows are padded.
void multiply(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b, float alpha,
              const at::Tensor& d = {}, float beta = 0, uint64_t seed = 1) {
  const auto n = static_cast<int>(a.size(1)), tiles = (n + kSymmetricTile - 1) / kSymmetricTile;
  const SymmetricTask task{.a = numbers(a),
                           .b = numbers(b),
                           .d = numbers(d),
                           .c = numbers(c),
                           .a_batch = a.stride(0),
                           .b_batch = b.stride(0),
                           .c_batch = c.stride(0),
                           .n = n,
                           .depth = static_cast<int>(a.size(2)),
                           .a_stride = static_cast<int>(a.stride(1)),
                           .b_stride = static_cast<int>(b.stride(1)),
                           .c_stride = static_cast<int>(c.stride(1)),
                           .alpha = alpha,
                           .beta = beta};
  emulator::run({.blocks = static_cast<unsigned>(a.size(0) * tiles * (tiles + 1) / 2),
                 .threads = kSymmetricThreads,
                 .shared_bytes = kSymmetricShared,
                 .seed = seed},
                [&] {
                  if (a.scalar_type() == at::kHalf)
                    symmetric_product<unit::Fp16>(task);
                  else
                    symmetric_product<unit::Bf16>(task);
                });
}

at::Tensor empty_square(const at::Tensor& a) {
  return padded(at::full({a.size(0), a.size(1), a.size(1)}, 9, a.options()));
}

// Expects c [B, n, n] to be symmetric to the bit, near the expected one, and its padding untouched.
void expect_near(const at::Tensor& c, const at::Tensor& expected, double tolerance) {
  EXPECT_TRUE(at::equal(c, c.mT()));
  const auto difference = (c.to(at::kDouble) - expected).abs().max().item<double>();
  EXPECT_LT(difference, tolerance * expected.abs().max().item<double>());
  const auto rows = c.as_strided({c.size(0), c.size(1), c.stride(1)}, c.strides());
  EXPECT_TRUE(rows.slice(2, c.size(2)).isnan().all().item<bool>());
}

constexpr double kHalfError = 6e-4, kBFloat16Error = 5e-3;  // of one rounding and the sums'

TEST(SymmetricProduct, OfAMatrixWithItself) {
  for (const auto& [n, m] : std::vector<std::pair<int64_t, int64_t>>{{1, 1},
                                                                     {5, 3},
                                                                     {64, 100},
                                                                     {127, 33},
                                                                     {128, 32},
                                                                     {129, 31},
                                                                     {200, 257},
                                                                     {256, 128},
                                                                     {300, 40},
                                                                     {513, 24}}) {
    for (const auto dtype : {at::kHalf, at::kBFloat16}) {
      const auto x = padded(gaussian({2, n, m}, n, dtype)), c = empty_square(x);
      multiply(c, x, x, .5);
      const auto wide = x.to(at::kDouble);
      SCOPED_TRACE(std::to_string(n) + " x " + std::to_string(m));
      expect_near(c, .5 * at::matmul(wide, wide.mT()),
                  dtype == at::kHalf ? kHalfError : kBFloat16Error);
    }
  }
}

// b R + c R^2, also in the memory of another square.
TEST(SymmetricProduct, PolynomialOfASymmetricMatrix) {
  for (const int64_t n : {8, 129, 260}) {
    const auto x = gaussian({3, n, n}, n, at::kDouble);
    const auto r = padded((at::matmul(x, x.mT()) / (4. * n)).to(at::kHalf)), z = empty_square(r);
    multiply(z, r, r, 2, r, -3);
    const auto wide = r.to(at::kDouble);
    expect_near(z, 2 * at::matmul(wide, wide) - 3 * wide, kHalfError);
    const auto d = padded(z), expected = at::matmul(wide, wide) + z.to(at::kDouble);
    multiply(d, r, r, 1, d, 1);
    expect_near(d, expected, kHalfError);
  }
}

// Polynomials of one matrix commute: their product is symmetric, though its factors differ.
TEST(SymmetricProduct, OfTwoPolynomials) {
  const auto x = gaussian({1, 150, 150}, 1, at::kDouble);
  const auto r = at::matmul(x, x.mT()) / 600., z = at::matmul(r, r) - r;
  const auto a = padded(r.to(at::kHalf)), b = padded(z.to(at::kHalf)), c = empty_square(a);
  multiply(c, a, b, 1);
  expect_near(c, at::matmul(r, z), 3e-3);
}

TEST(SymmetricProduct, DoesNotDependOnTheOrderOfThreads) {
  const auto x = padded(gaussian({1, 140, 200}, 1, at::kHalf)), first = empty_square(x);
  multiply(first, x, x, 1);
  for (uint64_t seed = 2; seed < 6; ++seed) {
    const auto c = empty_square(x);
    multiply(c, x, x, 1, {}, 0, seed);
    EXPECT_TRUE(at::equal(c, first));
  }
}

}  // namespace
}  // namespace steepest::cuda::test
