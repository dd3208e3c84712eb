// SPDX-License-Identifier: Apache-2.0
// nonfinite = skip: whatever finite gradients come, weights and state stay finite, and a step that
// is refused has changed nothing; ordinary steps are known to be finite without a copy.
#include <gtest/gtest.h>

#include <cmath>

#include "steepest/base/tensor.h"
#include "steepest/engine/check.h"
#include "steepest/engine/finite.h"
#include "steepest/optimizers/optimizers.h"
#include "tests/support/engine_run.h"

namespace steepest::test {

using namespace engine;
namespace {

std::vector<Leaf> leaves(at::ScalarType dtype) {
  const auto generator = at::make_generator<at::CPUGeneratorImpl>(5);
  const auto make = [&](at::IntArrayRef shape) {
    return at::randn(shape, generator, at::kDouble).to(dtype);
  };
  return {{.name = "a", .value = make({6, 5}), .role = Role::matrix, .group = 0},
          {.name = "b", .value = make({7}), .role = Role::backup, .group = 1}};
}

std::vector<at::Tensor> gradients(at::ScalarType dtype, double scale, uint64_t seed) {
  const auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const auto make = [&](at::IntArrayRef shape) {
    const auto g = at::randn(shape, generator, at::kDouble);
    return (g / g.abs().max() * scale).to(dtype);
  };
  return {make({6, 5}), make({7})};
}

std::vector<at::Tensor> all_of(const EngineRun& run) {
  auto all = run.weights();
  for (const auto& s : run.states) {
    for (const auto& t : {s.momentum_buffer, s.intercept, s.dual})
      if (t.defined()) all.push_back(t);
    all.insert(all.end(), s.slots.begin(), s.slots.end());
  }
  for (const auto& t : {run.global.loss_average, run.global.weight, run.global.f_star})
    if (t.defined()) all.push_back(t);
  return all;
}

bool all_finite(const std::vector<at::Tensor>& tensors) {
  return std::all_of(tensors.begin(), tensors.end(),
                     [](const at::Tensor& t) { return t.isfinite().all().item<bool>(); });
}

bool bit_equal(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (!at::equal(a[i], b[i])) return false;
  return true;
}

class Skip : public testing::TestWithParam<std::string> {
 protected:
  static Recipe row() {
    Overrides said{.nonfinite = "skip"};
    // Momo refuses a decay that is part of the gradient.
    if (GetParam().ends_with("-momo")) said.decoupled_weight_decay = true;
    return recipe(GetParam(), exactly(said));
  }
};

TEST_P(Skip, finite_gradients_never_leave_a_weight_or_a_state_that_is_not) {
  for (const auto dtype : {at::kFloat, at::kBFloat16, at::kHalf}) {
    const double most = dtype == at::kHalf ? 6e4 : 3e38;
    int refused = 0;
    for (const double scale : {most, std::sqrt(most), most / 4}) {
      for (const double lr : {1e-2, std::sqrt(most), 8 * most}) {
        SCOPED_TRACE(testing::Message() << dtype << " " << scale << " lr " << lr);
        EngineRun run(row(), leaves(dtype)), twin(row(), leaves(dtype));
        const auto step = [&](EngineRun& of, double size, double rate, uint64_t seed) {
          return of.step(gradients(dtype, size, seed), 1, {rate, rate}, {0, 0});
        };
        for (auto* each : {&run, &twin}) step(*each, .1, 1e-2, 1);
        for (int t = 0; t < 4; ++t) {
          const auto before = copies(all_of(run));
          const auto count = run.states[0].step;
          const auto stats = step(run, scale, lr, 2 + t);
          ASSERT_TRUE(all_finite(all_of(run)));
          EXPECT_EQ(stats.skipped, !stats.nonfinite.empty());
          EXPECT_EQ(run.states[0].step, count + (stats.skipped ? 0 : 1));
          if (!stats.skipped) {
            step(twin, scale, lr, 2 + t);
            continue;
          }
          ++refused;
          EXPECT_TRUE(bit_equal(all_of(run), before));
        }
        for (auto* each : {&run, &twin}) step(*each, .1, 1e-2, 9);
        EXPECT_TRUE(bit_equal(all_of(run), all_of(twin)));  // as if the refused had not been
      }
    }
    const bool cut = row().step_size == StepSize::momo;  // such steps
    EXPECT_TRUE(refused > 0 || cut) << dtype;
  }
}

TEST_P(Skip, a_refused_first_step_leaves_no_state) {
  EngineRun run(row(), leaves(at::kFloat));
  const auto before = copies(run.weights());
  const auto stats = run.step(gradients(at::kFloat, 1, 1), 1, {3e38, 3e38}, {1, 1});
  if (!stats.skipped) GTEST_SKIP() << "representable";
  EXPECT_TRUE(bit_equal(run.weights(), before));
  for (const auto& state : run.states) {
    EXPECT_EQ(state.step, 0);
    EXPECT_FALSE(state.momentum_buffer.defined());
  }
}

TEST_P(Skip, an_ordinary_step_takes_no_copy) {
  if (row().matrix.geometry != "none") GTEST_SKIP() << "a geometry may do anything to a step";
  for (const auto dtype : {at::kFloat, at::kBFloat16, at::kDouble}) {
    EngineRun run(row(), leaves(dtype));
    for (int t = 0; t < 3; ++t) {
      const auto grads = gradients(dtype, 10, t);
      std::vector<Param> params;
      const auto weights = run.weights();
      for (size_t i = 0; i < 2; ++i) params.push_back({weights[i], grads[i], &run.states[i]});
      const std::vector<Rates> rates = {{.1, .1}, {.1, .1}};
      EXPECT_TRUE(surely_finite({run.plan, params, rates}, largest_gradients(params))) << dtype;
      EXPECT_FALSE(run.step(grads, 1, {.1, .1}, {.1, .1}).skipped);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Optimizers, Skip, testing::ValuesIn(optimizer_names()),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (auto& c : name)
                             c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
                           return name;
                         });

TEST(SecondMoment, of_a_large_gradient_is_refused) {
  EngineRun run(recipe("adamw", {.nonfinite = "skip"}), leaves(at::kFloat));
  const auto stats = run.step(gradients(at::kFloat, 1e22, 1), 1, {1e-3, 1e-3}, {0, 0});
  EXPECT_TRUE(stats.skipped);
  EXPECT_EQ(stats.nonfinite, (std::vector<std::string>{"a", "b"}));
}

TEST(Magnitude, is_the_largest_or_not_a_number) {
  for (const auto dtype : {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf}) {
    auto x = at::zeros({300, 200}, dtype);
    x[17][3] = -5, x[299][199] = 4;
    const auto of = [](const at::Tensor& t) { return largest_magnitudes({t})[0]; };
    for (const auto& t : {x, x.mT(), x.slice(1, 0, 200, 3)}) EXPECT_EQ(of(t), 5) << dtype;
    x[200][0] = INFINITY;
    EXPECT_EQ(of(x), INFINITY) << dtype;
    x[100][0] = NAN;
    EXPECT_TRUE(std::isnan(of(x))) << dtype;
    EXPECT_EQ(of(at::zeros({0, 3}, dtype)), 0);
  }
}

TEST(Dtypes, that_nothing_is_computed_in_are_refused_before_anything_moves) {
  EngineRun run(recipe("muon"), leaves(at::kFloat));
  const auto before = copies(run.weights());
  for (const auto dtype : {at::kFloat8_e4m3fn, at::kFloat8_e5m2}) {
    auto grads = gradients(at::kFloat, 1, 1);
    grads[1] = grads[1].to(dtype);
    try {
      run.step(grads, 1, {.1, .1}, {0, 0});
      FAIL() << dtype;
    } catch (const c10::Error& error) {
      const std::string what = error.what_without_backtrace();
      EXPECT_NE(what.find("b: gradient: received Float8"), std::string::npos) << what;
      EXPECT_EQ(what.find('\n'), std::string::npos);
    }
    EXPECT_TRUE(bit_equal(run.weights(), before));
    EXPECT_EQ(run.states[0].step, 0);
  }
}

}  // namespace
}  // namespace steepest::test
