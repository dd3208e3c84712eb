// SPDX-License-Identifier: Apache-2.0
// A step needs no more than that its update be representable: gradients 2^k times as large, at a
// rate that makes up for it, give the same weights for every named optimizer, dtype and layout.
#include <gtest/gtest.h>

#include <cmath>

#include "steepest/optimizers/optimizers.h"
#include "tests/support/engine_run.h"

namespace steepest::test {
namespace {

struct Kind {
  at::ScalarType dtype;
  double tol;
  std::vector<int> powers;
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all = {{at::kFloat, 1e-5, {-120, -80, 66, 100, 126}},
                                        {at::kDouble, 1e-9, {-900, -120, 126, 700, 900}},
                                        {at::kBFloat16, 3e-2, {-120, -80, 66, 126}},
                                        {at::kHalf, 3e-2, {-10, 12, 14}}};
  return all;
}

at::Tensor laid_out(const at::Tensor& t, bool transposed) {
  return transposed ? t.mT().contiguous().mT() : t;
}

// Four steps from weights of zero, so that the weights are the updates.
at::Tensor weights_after(const std::string& name, const Kind& kind, int power, bool transposed) {
  const auto row = recipe(name, exactly());
  const auto generator = at::make_generator<at::CPUGeneratorImpl>(7);
  const auto value = laid_out(at::zeros({6, 5}, kind.dtype), transposed);
  EngineRun run(row, {{.name = "w", .value = value, .role = Role::matrix, .group = 0}});
  const bool regularized = row.update == UpdateForm::regularized;
  const double lr = regularized ? std::ldexp(.02, -power) : .02;
  for (int t = 0; t < 4; ++t) {
    auto g = at::randn({6, 5}, generator, at::kDouble);
    g = (g * (1.2 / g.abs().max())).to(kind.dtype).to(at::kDouble) * std::ldexp(1., power);
    run.step({laid_out(g.to(kind.dtype), transposed)}, 1, {lr}, {0});
  }
  return run.weights()[0].to(at::kDouble);
}

TEST(Range, of_an_update_is_all_that_counts) {
  for (const auto& name : optimizer_names()) {
    if (recipe(name).step_size == StepSize::momo) continue;
    const auto& matrix = recipe(name).matrix;
    if (make_norm(matrix.norm)->traits().adaptive) continue;  // v has a scale of its own
    if (matrix.geometry == "muown") continue;                 // and so has the Adam of its rows
    if (matrix.form == MomentumForm::heavy_ball && matrix.momentum > 0 &&
        matrix.place == MomentumPlace::before)
      continue;  // its momentum outgrows the gradients
    for (const auto& kind : kinds()) {
      const auto plain = weights_after(name, kind, 0, false);
      const double size = plain.abs().max().item<double>();
      ASSERT_GT(size, 0) << name;
      for (const bool transposed : {false, true}) {
        for (const int power : kind.powers) {
          const auto w = weights_after(name, kind, power, transposed);
          EXPECT_LE((w - plain).abs().max().item<double>() / size, kind.tol)
              << name << " " << kind.dtype << " 2^" << power << (transposed ? " transposed" : "");
        }
      }
    }
  }
}

// sgd's rate alone may be below float32, or its product with a coefficient above.
TEST(Range, a_rate_below_float32_moves_what_a_large_gradient_moves) {
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    const auto w = at::zeros({2, 3}, dtype);
    EngineRun run(recipe("sgd", {.momentum = 0}),
                  {{.name = "w", .value = w, .role = Role::matrix, .group = 0}});
    run.step({at::full({2, 3}, 1e38).to(dtype)}, 1, {1e-40}, {0});
    EXPECT_NEAR(w[0][0].item<double>(), -1e-2, 1e-4) << dtype;
  }
}

// float16's operators take a rate for a float16.
TEST(Range, a_rate_beyond_float16_moves_float16_weights) {
  for (const double lr : {1e-9, 1e-5, 1e5}) {
    const auto w = at::zeros({2, 3}, at::kHalf),
               g = at::full({2, 3}, lr > 1 ? 1e-4 : 1e4, at::kHalf);
    EngineRun run(recipe("sgd", {.momentum = 0}),
                  {{.name = "w", .value = w, .role = Role::matrix, .group = 0}});
    run.step({g}, 1, {lr}, {0});
    const double moved = -lr * g[0][0].item<double>();
    EXPECT_NEAR(w[0][0].item<double>(), moved, 1e-3 * std::abs(moved) + 0x1p-24) << lr;
  }
}

// The outer norm's squares: of duals at both ends of float64.
TEST(Range, of_duals_in_the_outer_norm_is_float64s) {
  for (const double size : {1e-300, 1e-170, 1., 1e170, 1e300}) {
    const auto d = at::tensor({3., 0., 4.}, at::kDouble) * size;
    const auto [c, dual] = combine({Aggregation::l2, 0, 3, {}}, d);
    EXPECT_NEAR(dual.item<double>() / size, 5, 1e-12) << size;
    EXPECT_LT((c / size - at::tensor({3., 0., 4.}, at::kDouble)).abs().max().item<double>(), 1e-12);
  }
}

}  // namespace
}  // namespace steepest::test
