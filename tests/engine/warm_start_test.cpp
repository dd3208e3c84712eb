// SPDX-License-Identifier: Apache-2.0
// The last step's right vectors are state, and the next step's decomposition needs half the
// products.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include "steepest/optimizers/optimizers.h"
#include "steepest/svd/svd.h"
#include "tests/support/engine_run.h"

namespace steepest::test {
namespace {

at::Tensor gaussian(at::IntArrayRef shape, uint64_t seed) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), at::kFloat);
}

// Momentum as in training: gradients of slowly turning strong directions in noise.
class Training {
 public:
  explicit Training(int64_t n) : left_(gaussian({n, 40}, 1)), right_(gaussian({n, 40}, 2)) {}

  at::Tensor next() {
    left_ += .1 * gaussian(left_.sizes(), 10 + step_);
    right_ += .1 * gaussian(right_.sizes(), 50 + step_);
    const auto sigma = at::arange(1, 41, at::kFloat).pow(-.7);
    const int64_t n = left_.size(0);
    const auto g = at::mm(left_ * sigma, right_.t()) + 2 * gaussian({n, n}, 90 + step_++);
    momentum_ = momentum_.defined() ? momentum_ * .95 + g * .05 : g;
    return momentum_.unsqueeze(0);
  }

 private:
  at::Tensor left_, right_, momentum_;
  int64_t step_ = 0;
};

TEST(WarmStart, NeedsHalfThePassesForTheSameAttainedNorm) {
  for (const int64_t k : {1, 5, 12}) {
    Training training(300);
    at::Tensor basis;
    int64_t warm_passes = 0, cold_passes = 0;
    for (int t = 0; t < 8; ++t) {
      const auto m = training.next();
      const auto cold = top_triplets(m, k, {.tol = 1e-2});
      const auto warm = top_triplets(m, k, {.tol = 1e-2}, basis);
      if (t > 0) {
        warm_passes += warm.passes[0], cold_passes += cold.passes[0];
        EXPECT_GE(warm.attained.item<double>(), .99 * cold.attained.item<double>()) << k;
      }
      basis = warm.vh.mT();
    }
    EXPECT_LE(2 * warm_passes, cold_passes) << "k = " << k;
  }
}

std::vector<Leaf> leaves() {
  std::vector<Leaf> all;
  all.push_back({"a", gaussian({90, 70}, 5), Role::matrix, 0, {}, {}});
  all.push_back({"b", gaussian({90, 70}, 6), Role::matrix, 0, {}, {}});
  all.push_back(
      {"fused", gaussian({170, 60}, 7), Role::matrix, 0, {.split_sizes = {50, 50, 70}}, {}});
  all.push_back({"small", gaussian({20, 30}, 8), Role::matrix, 0, {}, {}});
  return all;
}

// Of each step's basis v, |A v| is nearly the sum of the leading singular values of the momentum.
TEST(WarmStart, IsKeptForEachBlock) {
  for (const auto* name : {"neon", "neon(k=3)", "f-neon", "f-star"}) {
    const auto row = recipe(name);
    EngineRun run(row, leaves());
    for (int t = 0; t < 3; ++t) {
      std::vector<at::Tensor> grads;
      for (const auto& w : run.weights()) grads.push_back(gaussian(w.sizes(), 30 + t));
      run.step(grads, 1, {.01}, {0});
    }
    EXPECT_TRUE(run.states[3].slots.empty()) << name << ": small matrices need none";
    for (const auto& block : run.plan.blocks) {
      const auto& slots = run.plan.layout_of(block).norm;
      if (slots.empty()) continue;
      const auto& state = run.states[block.param];
      const auto v = slots[0].of(state.slots[slots[0].index], block);
      const auto m = block.matrices(state.momentum_buffer);
      const auto sigma = at::linalg_svdvals(m);
      for (int64_t b = 0; b < block.batch; ++b)
        EXPECT_GT(at::mv(m[b], v[b].select(1, 0)).norm().item<double>(),
                  .9 * sigma[b][0].item<double>())
            << name << ", " << block.rows << " x " << block.cols;
    }
  }
}

}  // namespace
}  // namespace steepest::test
