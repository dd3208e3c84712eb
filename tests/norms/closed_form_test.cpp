// SPDX-License-Identifier: Apache-2.0
// Directions and duals against the formulas written out from a float64 SVD; F* and Neon against a
// minimiser that knows neither; every other solver at the accuracy it states.
#include <gtest/gtest.h>
#include <torch/optim/lbfgs.h>

#include "tests/norms/cases.h"
#include "tests/support/closed_forms.h"

namespace steepest::test {
namespace {

TEST(ClosedForms, of_every_norm_without_state) {
  Random random(5);
  for (const auto& spec : plain_specs()) {
    const auto norm = make_norm(spec, exact_solvers());
    for (const auto& shape : shapes()) {
      const auto m = random.normal(shape);
      const auto [s, dual, factors_s] = norm->steepest(m, {});
      for (int64_t i = 0; i < m.size(0); ++i) {
        const auto expected = plain_steepest(spec, m[i]);
        EXPECT_LT(difference(s[i], expected.direction), 1e-10) << spec;
        EXPECT_LT(std::abs(dual[i].item<double>() / expected.dual - 1), 1e-10) << spec;
      }
    }
  }
}

TEST(ClosedForms, of_the_adaptive_norms) {
  Random random(6);
  for (const char* spec : {"ada_inf", "ada_2"}) {
    const auto norm = make_norm(spec);
    const auto m = random.normal({1, 4, 5}), v = random.normal({1, 4, 5}).square();
    for (const double correction : {1.0, 0.19}) {  // v / correction is what the root is taken of
      const auto a = (v / correction).sqrt() + 1e-3;
      const auto [s, dual, factors_s] = norm->steepest(m, {{v}, correction, 1e-3});
      const auto expected = plain_steepest(spec, m[0], a[0]);
      EXPECT_LT(difference(s[0], expected.direction), 1e-12) << spec;
      EXPECT_LT(std::abs(dual.item<double>() / expected.dual - 1), 1e-12) << spec;
    }
  }
}

TEST(ClosedForms, schatten_meets_its_neighbours) {
  Random random(7);
  const auto m = random.normal({2, 5, 4});
  const auto dual = [&](const char* spec) {
    return make_norm(spec, exact_solvers())->steepest(m, {}).dual;
  };
  EXPECT_LT(difference(dual("schatten(p=2)"), dual("frobenius")), 1e-12);
  EXPECT_LT(difference(dual("schatten(p=1000000)"), dual("spectral")), 1e-5);
  EXPECT_LT(difference(dual("schatten(p=1.01)"), dual("nuclear")), 0.02);
  EXPECT_LT(difference(dual("ky_fan(k=1)"), dual("nuclear")), 1e-12);
  EXPECT_LT(difference(dual("k_support(k=1)"), dual("nuclear")), 1e-12);
  EXPECT_LT(difference(dual("k_support(k=100)"), dual("frobenius")), 1e-12);
  EXPECT_LT(difference(dual("ky_fan(k=100)"), dual("spectral")), 1e-12);
}

// With D = A B^T: |D|_nuc is the least (|A|_F^2 + |B|_F^2) / 2, so the problem needs no SVD.
using Objective = std::function<at::Tensor(const at::Tensor& d, const at::Tensor& nuclear)>;

at::Tensor minimise(Random& random, const at::Tensor& g, const Objective& objective) {
  const int64_t k = std::min(g.size(0), g.size(1));
  at::Tensor best;
  double least = INFINITY;
  for (int start = 0; start < 3; ++start) {
    const auto a = random.normal({g.size(0), k}).mul_(0.3).set_requires_grad(true);
    const auto b = random.normal({g.size(1), k}).mul_(0.3).set_requires_grad(true);
    const auto value = [&] {
      return objective(a.matmul(b.t()), (a.square().sum() + b.square().sum()) / 2);
    };
    torch::optim::LBFGS lbfgs({a, b}, torch::optim::LBFGSOptions(1)
                                          .max_iter(800)
                                          .tolerance_grad(1e-12)
                                          .tolerance_change(0)
                                          .line_search_fn("strong_wolfe"));
    lbfgs.step([&] {
      lbfgs.zero_grad();
      const auto loss = value();
      loss.backward();
      return loss;
    });
    const double reached = value().item<double>();
    if (reached < least) least = reached, best = a.matmul(b.t()).detach();
  }
  return best;
}

const std::vector<std::vector<int64_t>> kSmall = {{4, 3}, {2, 5}, {5, 5}};

// min <G, D> + lambda (|D|_F^2 + |D|_nuc^2) / 2  at  D = -sharp(G) / (2 lambda).
TEST(BruteForce, f_star_is_the_minimiser_of_its_problem) {
  Random random(8);
  const auto norm = make_norm("f_star", exact_solvers());
  for (const auto& shape : kSmall) {
    for (const double lambda : {0.4, 3.0}) {
      const auto g = random.normal(shape);
      const auto found = minimise(random, g, [&](const at::Tensor& d, const at::Tensor& nuclear) {
        return (g * d).sum() + lambda * (d.square().sum() + nuclear.square()) / 2;
      });
      const auto ours = whole(norm->sharp(g.unsqueeze(0), {}))[0] / (-2 * lambda);
      EXPECT_LT(difference(ours, found), 1e-6) << shape << lambda;
    }
  }
}

// Neon, equation (4): min <G, D> + lambda |D|_nuc^2 has D = -sigma_1 u_1 v_1^T / (2 lambda); the
// text prints 1 / lambda.
TEST(BruteForce, neon_is_the_minimiser_with_the_corrected_constant) {
  Random random(9);
  const auto norm = make_norm("nuclear", exact_solvers());
  for (const auto& shape : kSmall) {
    const auto g = random.normal(shape);
    const double lambda = 0.7;
    const auto objective = [&](const at::Tensor& d, const at::Tensor& nuclear) {
      return (g * d).sum() + lambda * nuclear.square();
    };
    const auto found = minimise(random, g, objective);
    const auto [s, dual, factors_s] = norm->steepest(g.unsqueeze(0), {});
    const double sigma = dual.item<double>();
    EXPECT_LT(difference(s[0] * (-sigma / (2 * lambda)), found), 1e-5);
    const auto value = [&](double length) {
      return objective(-length * s[0], at::scalar_tensor(length, at::kDouble)).item<double>();
    };
    EXPECT_GT(value(sigma / lambda), value(sigma / (2 * lambda)) + 0.01);
  }
}

// Random singular vectors with the singular values given.
at::Tensor with_spectrum(Random& random, const at::Tensor& s, int64_t r, int64_t c) {
  const auto u = std::get<0>(at::linalg_qr(random.normal({r, s.numel()})));
  const auto v = std::get<0>(at::linalg_qr(random.normal({c, s.numel()})));
  return (u * s).matmul(v.t()).unsqueeze(0);
}

// <m, s> is within the solver's bound of the nuclear norm, and is what its direction attains.
TEST(Solvers, every_polar_method_keeps_its_bound) {
  Random random(10);
  const auto spectrum = at::logspace(0, -2, 12, 10.0, at::kDouble);
  for (const auto& shape : {std::pair<int64_t, int64_t>{12, 20}, {20, 12}}) {
    const auto m = with_spectrum(random, spectrum, shape.first, shape.second);
    const double nuclear = spectrum.sum().item<double>();
    const double low = (spectrum.min() / spectrum.norm()).item<double>();
    for (const auto& method : polar_methods()) {
      const PolarOptions options{.method = method};
      const auto [s, dual, factors_s] = make_norm("spectral", {.polar = options})->steepest(m, {});
      const double bound = make_polar(options)->bound(low);
      EXPECT_LT(std::abs(dual.item<double>() / nuclear - 1), bound + 1e-6) << method;
      EXPECT_LT(difference(products(m, s), dual), 1e-12) << method;
    }
  }
}

TEST(Solvers, every_svd_method_attains_what_its_tolerance_says) {
  Random random(11);
  const auto m = random.normal({2, 80, 60}, at::kFloat);
  for (const auto& method : svd_methods()) {
    for (const char* spec : {"nuclear", "ky_fan(k=5)", "k_support(k=5)", "f_star"}) {
      const Solvers solvers{.svd = {.method = method, .tol = 1e-3}};
      const auto [s, dual, factors_s] = make_norm(spec, solvers)->steepest(m, {});
      EXPECT_LT(difference(products(m, s), dual), 1e-6);
      for (int64_t i = 0; i < 2; ++i) {
        const double share = dual[i].item<double>() / plain_steepest(spec, m[i]).dual;
        EXPECT_GT(share, 1 - 2e-3) << method << " " << spec;
        EXPECT_LT(share, 1 + 1e-5) << method << " " << spec;
      }
    }
  }
}

}  // namespace
}  // namespace steepest::test
