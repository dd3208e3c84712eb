// SPDX-License-Identifier: Apache-2.0
// Error feedback against a plain loop: m += take g, W -= lr U V^T, m -= (1 - b) U U^T m.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include "steepest/optimizers/optimizers.h"
#include "tests/support/engine_run.h"
#include "tests/support/face.h"

namespace steepest::test {
namespace {

constexpr double kRate = 0.02, kMomentum = 0.9;

at::Tensor gaussian(at::IntArrayRef shape, uint64_t seed, at::ScalarType dtype = at::kDouble) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), at::kDouble).to(dtype);
}

Recipe row(int64_t k, const std::string& form, const std::string& svd) {
  Overrides o;
  o.norm = k == 1 ? "nuclear" : "ky_fan(k=" + std::to_string(k) + ")";
  o.momentum = kMomentum, o.momentum_form = form, o.nesterov = false, o.start = "zero";
  o.error_feedback = true, o.svd = svd, o.svd_tol = 1e-4, o.radius = "none", o.weight_decay = 0;
  o.outer = "max", o.update = "constrained";
  return recipe("neon", o);
}

std::vector<Leaf> leaves(at::ScalarType dtype) {
  std::vector<Leaf> all;
  all.push_back({"a", gaussian({12, 9}, 1, dtype), Role::matrix, 0, {}, {}});
  all.push_back({"b", gaussian({12, 9}, 2, dtype), Role::matrix, 0, {}, {}});  // of one bucket
  all.push_back({"wide", gaussian({40, 70}, 3, dtype), Role::matrix, 0, {}, {}});
  all.push_back(
      {"fused", gaussian({90, 50}, 4, dtype), Role::matrix, 0, {.split_sizes = {40, 50}}, {}});
  return all;
}

class PlainFeedback {
 public:
  PlainFeedback(at::Tensor w, int64_t k, double take)
      : w(std::move(w)), m_(at::zeros_like(this->w)), k_(k), take_(take) {}

  void step(const at::Tensor& g) {
    m_ += take_ * g;
    const auto [u, s, vh] = at::linalg_svd(m_, false);
    const auto uk = u.narrow(1, 0, k_);
    w -= kRate * uk.mm(vh.narrow(0, 0, k_));
    m_ -= (1 - kMomentum) * uk.mm(uk.t().mm(m_));
  }
  at::Tensor w;

 private:
  at::Tensor m_;
  int64_t k_;
  double take_;
};

double worst_difference(const Recipe& row, int64_t k, double take, at::ScalarType dtype) {
  EngineRun run(row, leaves(dtype));
  std::vector<std::vector<PlainFeedback>> plain;
  for (const auto& leaf : leaves(at::kDouble)) {
    plain.emplace_back();
    const bool fused = leaf.name == "fused";
    for (const auto& part : leaf.value.split_with_sizes(
             fused ? std::vector<int64_t>{40, 50} : std::vector<int64_t>{leaf.value.size(0)}))
      plain.back().emplace_back(part.clone(), k, take);
  }
  for (int t = 0; t < 20; ++t) {
    std::vector<at::Tensor> grads;
    for (size_t i = 0; i < plain.size(); ++i) {
      const auto g = gaussian(run.weights()[i].sizes(), 100 + 10 * t + i);
      grads.push_back(g.to(dtype));
      int64_t at = 0;
      for (auto& p : plain[i]) {
        p.step(g.narrow(0, at, p.w.size(0)));
        at += p.w.size(0);
      }
    }
    run.step(grads, 1, {kRate}, {0});
  }
  double worst = 0;
  for (size_t i = 0; i < plain.size(); ++i) {
    std::vector<at::Tensor> parts;
    for (const auto& p : plain[i]) parts.push_back(p.w);
    const auto difference = run.weights()[i].to(at::kDouble) - at::cat(parts);
    worst = std::max(worst, difference.abs().max().item<double>());
  }
  return worst;
}

TEST(ErrorFeedback, IsThePlainLoopFor20Steps) {
  for (const int64_t k : {1, 3}) {
    EXPECT_LE(worst_difference(row(k, "heavy_ball", "exact"), k, 1, at::kDouble), 1e-9) << k;
    EXPECT_LE(worst_difference(row(k, "ema", "exact"), k, 1 - kMomentum, at::kDouble), 1e-9) << k;
  }
}

// By the right vectors that a truncated decomposition leaves as state.
TEST(ErrorFeedback, FollowsItWithTruncatedDecompositions) {
  const double all = 20 * kRate;  // how far an entry could be off
  EXPECT_LE(worst_difference(row(1, "heavy_ball", "auto"), 1, 1, at::kFloat), .02 * all);
}

// F* uses the triplets above tau, with their shrunk values.
at::Tensor f_star_step(const at::Tensor& m, at::Tensor& used) {
  const auto [u, s, vh] = at::linalg_svd(m, false);
  double sum = 0, tau = 0;
  int64_t k = 0;
  for (; k < s.numel() && s[k].item<double>() > tau; ++k) {
    sum += s[k].item<double>();
    tau = sum / static_cast<double>(k + 2);
  }
  const auto uk = u.narrow(1, 0, k);
  const auto d = s.narrow(0, 0, k) - tau;
  used = uk.mm(uk.t().mm(m));
  return (uk * (d / ((d.square().sum() + tau * tau) / 2).sqrt())).mm(vh.narrow(0, 0, k));
}

TEST(ErrorFeedback, OfFStarTakesTheTripletsAboveTau) {
  Overrides o;
  o.momentum = kMomentum, o.momentum_form = "heavy_ball", o.nesterov = false, o.start = "zero";
  o.error_feedback = true, o.svd = "exact", o.radius = "none", o.weight_decay = 0;
  o.outer = "max", o.update = "constrained", o.norm = "f_star";
  std::vector<Leaf> one;
  one.push_back({"w", gaussian({12, 9}, 1), Role::matrix, 0, {}, {}});
  one.push_back({"v", gaussian({12, 9}, 2), Role::matrix, 0, {}, {}});
  EngineRun run(recipe("neon", o), one);
  std::vector<at::Tensor> w = {one[0].value.clone(), one[1].value.clone()};
  std::vector<at::Tensor> m = {at::zeros_like(w[0]), at::zeros_like(w[1])};
  for (int t = 0; t < 20; ++t) {
    std::vector<at::Tensor> grads;
    for (size_t i = 0; i < w.size(); ++i) {
      grads.push_back(gaussian({12, 9}, 100 + 10 * t + i));
      m[i] += grads[i];
      at::Tensor used;
      w[i] -= kRate * f_star_step(m[i], used);
      m[i] -= (1 - kMomentum) * used;
    }
    run.step(grads, 1, {kRate}, {0});
  }
  for (size_t i = 0; i < w.size(); ++i)
    EXPECT_LE((run.weights()[i] - w[i]).abs().max().item<double>(), 1e-9);
}

// A direction that no gradient has any more fades by the momentum, as it is used step by step.
TEST(ErrorFeedback, KeepsWhatWaits) {
  std::vector<Leaf> one;
  one.push_back({"w", at::zeros({4, 4}, at::kDouble), Role::matrix, 0, {}, {}});
  EngineRun run(row(1, "heavy_ball", "exact"), one);
  const auto g = at::diag(at::tensor({8., 4., 0., 0.}, at::kDouble));
  run.step({g}, 1, {kRate}, {0});
  for (int t = 1; t < 9; ++t) run.step({at::zeros_like(g)}, 1, {kRate}, {0});
  const auto m = run.states[0].momentum_buffer.diagonal();
  // 8 falls by .9 a step to 3.83 below 4 in seven steps; the eighth and ninth are the turns of 4
  // and of 3.83.
  EXPECT_NEAR(m[0].item<double>(), 8 * std::pow(kMomentum, 8), 1e-12);
  EXPECT_NEAR(m[1].item<double>(), 4 * kMomentum, 1e-12);
}

TEST(ErrorFeedback, RefusesWhatHasNoLeadingTriplets) {
  const auto with = [](auto change) {
    Overrides o;
    o.error_feedback = true, o.nesterov = false, o.norm = "nuclear";
    change(o);
    return refusal([&] { recipe("muon", o); });
  };
  EXPECT_EQ(with([](auto&) {}), "");
  EXPECT_EQ(with([](auto& o) { o.norm = "spectral"; }),
            "muon: error_feedback: received true with norm spectral, allowed with nuclear, "
            "ky_fan, k_support, f_star, dion, dion2");
  EXPECT_NE(with([](auto& o) { o.norm = "0.5*nuclear+0.5*frobenius"; }), "");
  EXPECT_EQ(with([](auto& o) { o.nesterov = true; }),
            "muon: error_feedback: received true with nesterov, allowed with nesterov false");
  EXPECT_NE(with([](auto& o) { o.momentum = 0; }), "");
  EXPECT_NE(with([](auto& o) { o.step_size = "momo"; }), "");
}

}  // namespace
}  // namespace steepest::test
