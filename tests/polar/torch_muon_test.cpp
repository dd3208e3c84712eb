// SPDX-License-Identifier: Apache-2.0
// "jordan" in bfloat16 on the CPU is torch.optim.Muon's Newton-Schulz, bit for bit.

#include <gtest/gtest.h>

#include <cmath>

#include "tests/polar/matrices.h"

namespace steepest::polar::test {
namespace {

// torch/optim/_muon.py, _zeropower_via_newtonschulz: the same ATen calls in the same order.
at::Tensor torch_zeropower(const at::Tensor& grad, double a, double b, double c, int64_t steps) {
  at::Tensor x = grad.to(at::kBFloat16, /*non_blocking=*/false, /*copy=*/true);
  if (grad.size(0) > grad.size(1)) x = x.t();
  x.div_(at::linalg_vector_norm(x, 2, at::IntArrayRef{0, 1}).clamp_min(1e-7));
  for (int64_t k = 0; k < steps; ++k) {
    const at::Tensor gram = at::mm(x, x.t());
    const at::Tensor update = at::addmm(gram, gram, gram, b, c);
    x = at::addmm(x, update, x, a);
  }
  return grad.size(0) > grad.size(1) ? x.t() : x;
}

struct Case {
  int64_t batch, rows, columns;
};

// Around the sizes at which torch changes its kernel: products of 16^3 multiplications, and 400.
const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {1, 1, 1},    {1, 1, 9},    {3, 9, 1},    {5, 3, 3},    {4, 4, 16},  {4, 7, 7},
      {4, 7, 28},   {4, 10, 40},  {4, 12, 28},  {5, 15, 15},  {5, 15, 16}, {5, 16, 16},
      {5, 16, 17},  {5, 17, 16},  {5, 17, 17},  {3, 33, 29},  {2, 64, 64}, {2, 64, 128},
      {2, 128, 64}, {3, 100, 37}, {1, 256, 96}, {2, 96, 300}, {1, 1, 999}, {1, 320, 320}};
  return all;
}

void expect_same_bits(const at::Tensor& x, std::optional<int64_t> steps, const std::string& what) {
  const at::Tensor y = solver("jordan", steps, at::kBFloat16)->polar(x);
  for (int64_t i = 0; i < x.size(0); ++i) {
    const at::Tensor should = torch_zeropower(x[i], 3.4445, -4.7750, 2.0315, steps.value_or(5));
    EXPECT_TRUE(at::equal(y[i], should.to(x.scalar_type())))
        << what << ", matrix " << i << ": " << largest(y[i] - should);
  }
}

TEST(TorchMuon, SameBits) {
  uint64_t seed = 1;
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    for (const Case& c : cases()) {
      const int repeats = c.rows * c.columns <= 400 ? 20 : 2;
      for (int i = 0; i < repeats; ++i) {
        const at::Tensor x = gaussian({c.batch, c.rows, c.columns}, seed++).to(dtype);
        expect_same_bits(x, {}, c10::str(dtype, " ", x.sizes()));
      }
    }
  }
}

TEST(TorchMuon, SameBitsAtEveryScaleAboveItsEps) {
  for (double scale : {1e-5, 1e-3, .7, 10., 1e4, 1e12}) {  // |x|_F >= scale
    for (const Case& c : {Case{3, 8, 12}, Case{2, 40, 24}, Case{2, 64, 64}}) {
      at::Tensor x = gaussian({c.batch, c.rows, c.columns}, 5);
      x = (x * scale).to(at::kFloat);
      expect_same_bits(x, {}, c10::str(scale, " ", x.sizes()));
    }
  }
}

TEST(TorchMuon, SameBitsForAnyNumberOfStepsAndLowRank) {
  for (int64_t steps : {1, 3, 8, 12}) {
    const at::Tensor x = with_spectrum(logarithmic(6, .01), 30, 50, 2).to(at::kFloat);
    expect_same_bits(x, steps, c10::str(steps, " steps"));
    expect_same_bits(x.mT().contiguous(), steps, c10::str(steps, " steps, tall"));
    expect_same_bits(x.mT(), steps, c10::str(steps, " steps, transposed view"));
  }
}

// Where they must differ: below torch's eps its result shrinks with the input, here it does not.
TEST(TorchMuon, BelowItsEpsTorchLosesTheScale) {
  const at::Tensor x = gaussian({1, 24, 24}, 3).to(at::kFloat);
  const at::Tensor y = solver("jordan", {}, at::kBFloat16)->polar(x * 0x1p-60);
  EXPECT_TRUE(at::equal(y, solver("jordan", {}, at::kBFloat16)->polar(x)));
  EXPECT_LT(largest(torch_zeropower(x[0] * 0x1p-60, 3.4445, -4.7750, 2.0315, 5)), 1e-6);
}

TEST(Custom, coefficients_are_the_same_iteration) {
  const at::Tensor x = gaussian({2, 24, 40}, 1);
  const PolarOptions custom{.method = "custom", .coefficients = {{3.4445, -4.7750, 2.0315}}};
  EXPECT_TRUE(at::equal(make_polar(custom)->polar(x), make_polar({.method = "jordan"})->polar(x)));
  const PolarOptions bad[] = {{.method = "custom"},
                              {.method = "jordan", .coefficients = {{1, 2, 3}}},
                              {.method = "custom", .coefficients = {{1, 2, NAN}}}};
  for (const auto& options : bad) {
    EXPECT_THROW(make_polar(options), c10::ValueError) << options.method;
  }
}

// The float64 iteration is what both round: torch's bits by 2^-9 of the matrix, which its small
// singular directions feel (8 % of the update on a spectrum over three decades), ours by 1e-4.
TEST(Fast, is_the_exact_iteration_and_torchs_bits_are_it_rounded) {
  const std::pair<int64_t, int64_t> shapes[] = {{64, 64}, {128, 512}, {512, 128}, {256, 256}};
  const auto distance = [](const at::Tensor& a, const at::Tensor& b) {
    return (a.to(at::kDouble) - b).norm().item<double>() / b.norm().item<double>();
  };
  for (const auto& [r, c] : shapes) {
    const at::Tensor flat = gaussian({2, r, c}, 3).to(at::kFloat);
    const at::Tensor steep = with_spectrum(logarithmic(std::min(r, c), 1e-3), r, c, 4);
    for (const bool is_flat : {true, false}) {
      const at::Tensor g = is_flat ? flat : steep.to(at::kFloat);
      const at::Tensor exact = solver("jordan", 5, at::kDouble)->polar(g.to(at::kDouble));
      const at::Tensor bits = solver("jordan", 5, at::kBFloat16)->polar(g);
      const at::Tensor fast = solver("fast_jordan", 5, at::kFloat)->polar(g);
      EXPECT_LE(distance(fast, exact), 1e-3) << r << " x " << c;
      EXPECT_LE(distance(fast, exact), distance(bits, exact)) << r << " x " << c;
      EXPECT_LE(distance(bits, exact), is_flat ? 0.04 : 0.1) << r << " x " << c;
    }
  }
}

}  // namespace
}  // namespace steepest::polar::test
