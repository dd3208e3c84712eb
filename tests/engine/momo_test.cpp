// SPDX-License-Identifier: Apache-2.0
// Momo's step size: MoMo's own programs in the Euclidean norm, the two forms of the model, and what
// must hold when the cap binds.
#include <gtest/gtest.h>

#include <iostream>

#include "tests/support/engine_run.h"

namespace steepest::test {
namespace {

constexpr int kSteps = 20;
const std::vector<double> kNoDecay(kGroups, 0.0);

double sum_of_products(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] * b[i]).sum().item<double>();
  return sum;
}

// fabian-sp/MoMo, momo.py, by its own names: d, fbar, gamma, rho, tau; with lb, and use_fstar.
struct MoMo {
  double lr, beta, lb;
  bool bias_correction, use_fstar;
  double fbar = 0, gamma = 0, f_star = lb;
  std::vector<at::Tensor> d;
  int k = 0, capped = 0, pulled = 0, raised = 0;

  void average(const std::vector<at::Tensor>& w, double loss, const std::vector<at::Tensor>& g) {
    const double old = k++ == 0 && !bias_correction ? 0 : beta;
    if (k == 1) d = g;
    for (size_t i = 0; i < g.size(); ++i) {
      d[i] = (k == 1 ? at::zeros_like(g[i]) : d[i]) * old + (1 - old) * g[i];
    }
    fbar = old * fbar + (1 - old) * loss;
    gamma = old * gamma + (1 - old) * sum_of_products(g, w);
  }

  void step(std::vector<at::Tensor>& w, double loss, const std::vector<at::Tensor>& g) {
    average(w, loss, g);
    const double rho = bias_correction ? 1 - std::pow(beta, k) : 1;
    const double cap = fbar - gamma + sum_of_products(d, w), norm2 = sum_of_products(d, d);
    if (use_fstar && cap < rho * f_star) f_star = std::max(cap / (2 * rho), lb), ++pulled;
    const double tau = std::min(lr / rho, std::max(cap - rho * f_star, 0.0) / norm2);
    capped += tau < lr / rho;
    if (use_fstar) {
      f_star = std::max((cap - tau * norm2 / 2) / rho, lb);
      raised += f_star > lb;
    }
    for (size_t i = 0; i < w.size(); ++i) w[i] = w[i] - tau * d[i];
  }
};

double compare_with(MoMo momo, const Recipe& r) {
  const auto leaves = tiny_leaves();
  EngineRun engine(r, leaves);
  auto w = copies(engine.weights());
  double worst = 0;
  for (int t = 0; t < kSteps; ++t) {
    const auto [loss, grads] = evaluate(engine.weights(), t, /*with_missing=*/false);
    momo.step(w, loss, grads);
    engine.step(grads, loss, std::vector<double>(kGroups, momo.lr), kNoDecay);
    worst = std::max(worst, largest_difference(engine.weights(), w));
    if (momo.use_fstar) {
      worst = std::max(worst, std::abs(engine.global.f_star.item<double>() - momo.f_star));
    }
  }
  EXPECT_GT(momo.capped, 0);
  EXPECT_LT(momo.capped, kSteps);
  if (momo.use_fstar) {
    EXPECT_GT(momo.pulled, 0);
    EXPECT_GT(momo.raised, 0);
  }
  return worst;
}

Recipe momo_sgd(const std::string& start, double lb, bool automatic) {
  return recipe("sgd-momo", {.momentum = 0.9,
                             .f_star = lb,
                             .f_star_rule = automatic ? "momo_star" : "given",
                             .momentum_form = "ema",
                             .start = start});
}

TEST(Momo, is_momo_of_its_authors_in_the_euclidean_norm) {
  for (const bool automatic : {false, true}) {
    for (const bool correction : {false, true}) {
      const MoMo momo{0.05, 0.9, automatic ? 0.01 : 0.2, correction, automatic};
      const auto r = momo_sgd(correction ? "corrected" : "first", momo.lb, automatic);
      EXPECT_LT(compare_with(momo, r), 1e-9) << automatic << correction;
    }
  }
}

// MomoAdam: D = sqrt(v / (1 - b2^k)) + eps,  tau = min(lr / (1 - b1^k), gap / <d, d / D>).
TEST(Momo, is_momo_adam_of_its_authors) {
  const double lr = 0.05, lb = 0.2, b1 = 0.9, b2 = 0.999, eps = 1e-8;
  EngineRun engine(recipe("adam-momo", {.f_star = lb,
                                        .norm = "ada_2",
                                        .backup = "ada_2",
                                        .outer = "l2",
                                        .update = "regularized"}),
                   tiny_leaves());
  auto w = copies(engine.weights());
  MoMo mean{lr, b1, lb, true, false};
  std::vector<at::Tensor> v(w.size());
  int capped = 0;
  for (int t = 0; t < kSteps; ++t) {
    const auto [loss, g] = evaluate(engine.weights(), t, /*with_missing=*/false);
    engine.step(g, loss, std::vector<double>(kGroups, lr), kNoDecay);
    mean.average(w, loss, g);
    const double rho = 1 - std::pow(b1, t + 1), rho2 = 1 - std::pow(b2, t + 1);
    std::vector<at::Tensor> x;
    for (size_t i = 0; i < w.size(); ++i) {
      v[i] = (1 - b2) * g[i] * g[i] + (t > 0 ? b2 * v[i] : at::zeros_like(g[i]));
      x.push_back(mean.d[i] / ((v[i] / rho2).sqrt() + eps));
    }
    const double gap = mean.fbar - mean.gamma + sum_of_products(mean.d, w) - rho * lb;
    const double tau = std::min(lr / rho, std::max(gap, 0.0) / sum_of_products(mean.d, x));
    capped += tau < lr / rho;
    for (size_t i = 0; i < w.size(); ++i) w[i] = w[i] - tau * x[i];
    EXPECT_LT(largest_difference(engine.weights(), w), 1e-9) << t;
  }
  EXPECT_GT(capped, 0);
  EXPECT_LT(capped, kSteps);
}

struct Trace {
  std::vector<at::Tensor> weights;
  std::vector<double> q;
};

Trace run(const Recipe& r, double rate, const std::vector<double>& decays, bool with_missing) {
  EngineRun engine(r, tiny_leaves());
  Trace out;
  for (int t = 0; t < kSteps; ++t) {
    const auto [loss, grads] = evaluate(engine.weights(), t, with_missing);
    const std::vector<double> rates = {rate, t == 3 ? 0 : rate, rate / 2, rate / 3};
    out.q.push_back(engine.step(grads, loss, rates, decays).q.item<double>());
  }
  out.weights = engine.weights();
  return out;
}

// With decay, Nesterov, either momentum form, every start, missing gradients and stale duals.
TEST(Momo, recursive_model_equals_inner_products) {
  double worst = 0;
  for (const char* name :
       {"muon-adam-momo", "polargrad-momo", "muonmax-momo", "normalized-sgd-momo"})
    for (const char* form : {"ema", "heavy_ball"})
      for (const char* start : {"zero", "corrected", "first"})
        for (const bool nesterov : {false, true}) {
          if (form == std::string("heavy_ball") && start == std::string("corrected")) continue;
          auto overrides = exactly({.f_star = 0.2,
                                    .nesterov = nesterov,
                                    .duals = nesterov ? "stale" : "fresh",
                                    .momentum_form = form,
                                    .start = start});
          const double rate = form == std::string("ema") ? 0.1 : 0.01;
          const std::vector<double> decays = {0.1, 0.2, 0, 0.3};
          const auto a = run(recipe(name, overrides), rate, decays, true);
          overrides.momo_model = "recursive";
          const auto b = run(recipe(name, overrides), rate, decays, true);
          const double d = largest_difference(a.weights, b.weights);
          EXPECT_LT(d, 1e-9) << name << " " << form << " " << start << " " << nesterov;
          worst = std::max(worst, d);
        }
  std::cout << "largest difference: " << worst << "\n";
}

// gap / D^2 * D = gap / D: with one rate for all, what bounds the step is the model alone.
TEST(Momo, capped_steps_are_the_same_constrained_and_regularized) {
  for (const char* outer : {"max", "l2", "hybrid"}) {
    std::vector<Trace> traces;
    for (const char* update : {"constrained", "regularized"}) {
      const auto r =
          recipe("muonmax-momo", exactly({.f_star = 0, .outer = outer, .update = update}));
      EngineRun engine(r, tiny_leaves());
      Trace trace;
      for (int t = 0; t < 5; ++t) {
        const auto [loss, grads] = evaluate(engine.weights(), t);
        const auto stats = engine.step(grads, loss, std::vector<double>(kGroups, 50.0), kNoDecay);
        trace.q.push_back(stats.q.item<double>());
      }
      trace.weights = engine.weights();
      for (const double q : trace.q) EXPECT_LT(q, 1) << outer;
      traces.push_back(trace);
    }
    EXPECT_LT(largest_difference(traces[0].weights, traces[1].weights), 1e-9) << outer;
  }
}

TEST(Momo, without_movement_the_factor_is_one) {
  EngineRun engine(recipe("muonmax-momo", exactly()), tiny_leaves());
  const auto before = copies(engine.weights());
  auto [loss, grads] = evaluate(engine.weights(), 1);
  for (auto& g : grads) g.zero_();
  const auto stats = engine.step(grads, loss, std::vector<double>(kGroups, 0.1), kNoDecay);
  EXPECT_EQ(stats.q.item<double>(), 1);
  EXPECT_EQ(largest_difference(before, engine.weights()), 0);
}

// What a step takes from the model is <m, the step>: q D for the constrained, q D^2 for the other.
TEST(Momo, a_capped_step_brings_the_model_to_its_bound) {
  for (const char* name : {"muon-adam-momo", "muonmax-momo", "polargrad-momo"}) {
    EngineRun engine(recipe(name, exactly({.f_star = 0.1})), tiny_leaves());
    const auto before = copies(engine.weights());
    const auto [loss, grads] = evaluate(engine.weights(), 1);
    engine.step(grads, loss, std::vector<double>(kGroups, 30.0), kNoDecay);
    double model = loss;  // of the first step, f + <g, w' - w>
    const auto after = engine.weights();
    for (size_t i = 0; i < after.size(); ++i) {
      model += (grads[i] * (after[i] - before[i])).sum().item<double>();
    }
    EXPECT_NEAR(model, 0.1, 1e-9) << name;
  }
}

}  // namespace
}  // namespace steepest::test
