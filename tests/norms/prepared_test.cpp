// SPDX-License-Identifier: Apache-2.0
// The prepared spectral norms beside their formulas: s = polar(A u), or in the metric form A
// polar(A u), which no point of the ball |A^-1 x|_2 <= 1 beats, with A as the test computes it.
#include <gtest/gtest.h>

#include "steepest/norms/prepared.h"
#include "tests/norms/cases.h"

namespace steepest::test {
namespace {

// The polar factors of x [B, r, c], 0 on what x maps to 0: small matrices of signs are often
// singular.
at::Tensor polar_of(const at::Tensor& x) {
  const auto [u, s, vh] = at::linalg_svd(x, /*full_matrices=*/false);
  return at::bmm(u * (s > 1e-12 * s.amax(1, /*keepdim=*/true)).unsqueeze(1), vh);
}

at::Tensor lengths(const at::Tensor& x, int64_t dim) {
  return x.square().sum(dim, /*keepdim=*/true).sqrt();
}

// 1 / w of Aurora for tall u [B, r, c]: what its rows are multiplied by, two passes.
at::Tensor aurora_rows(const at::Tensor& u) {
  const auto d = 1 / lengths(u, 2);
  return d / lengths(polar_of(d * u), 2);
}

// A u = a * u for u [B, r, c], with a [B, r, c] or broadcast to it, and V = 4 for Muon^2.
at::Tensor factors(const std::string& name, const at::Tensor& u) {
  if (name == "spectral_sign") return 1 / u.abs();
  if (name == "muoneq") return 1 / lengths(u, 2);
  if (name == "muoneq(sides=columns)") return 1 / lengths(u, 1);
  if (name == "muoneq(sides=both)") return 1 / (lengths(u, 1) * lengths(u, 2));
  if (name == "aurora") return aurora_rows(u);
  return at::arange(1, u[0].numel() + 1, at::kDouble).view(u[0].sizes()).expand_as(u);
}

NormContext context_of(const std::string& name, const at::Tensor& u) {
  NormContext context;
  context.eps = 0;
  if (name == "muon_squared") context.slots = {factors(name, u).pow(-2)};
  return context;
}

const std::vector<std::string> kNames = {"spectral_sign",      "muoneq", "muoneq(sides=columns)",
                                         "muoneq(sides=both)", "aurora", "muon_squared"};

std::string with_form(const std::string& name, const std::string& form) {
  if (name.back() != ')') return name + "(form=" + form + ")";
  return name.substr(0, name.size() - 1) + ",form=" + form + ")";
}

TEST(Prepared, the_papers_form_is_the_polar_factor_of_what_is_balanced) {
  Random random{3};
  for (const auto& name : kNames) {
    SCOPED_TRACE(name);
    const auto u = random.normal({3, 6, 4});
    const auto expected = polar_of(factors(name, u) * u);
    for (const auto& text : {name, with_form(name, "prepared")}) {
      const auto norm = make_norm(text, exact_solvers());
      EXPECT_LT(difference(norm->steepest(u, context_of(name, u)).direction, expected), 1e-12);
    }
  }
}

TEST(Prepared, the_metric_form_is_steepest_where_its_metric_has_unit_balls) {
  Random random{4};
  for (const auto& name : kNames) {
    SCOPED_TRACE(name);
    const auto u = random.normal({3, 6, 4});
    auto a = factors(name, u).expand_as(u);
    a = a / a.square().mean({1, 2}, /*keepdim=*/true).sqrt();
    const auto norm = make_norm(with_form(name, "metric"), exact_solvers());
    const auto [s, dual, unused] = norm->steepest(u, context_of(name, u));
    EXPECT_LT(difference(s, a * polar_of(a * u)), 1e-12);
    EXPECT_LT(difference(dual, std::get<1>(at::linalg_svd(a * u)).sum(1)), 1e-12);
    for (int i = 0; i < 50; ++i) {  // other points of that ball
      const auto other = a * polar_of(random.normal(u.sizes()) + 0.1 * i * a * u);
      EXPECT_TRUE((products(u, other) <= dual * (1 + 1e-12)).all().item<bool>());
    }
  }
}

TEST(Prepared, only_a_metric_of_the_state_is_one_ball) {
  for (const auto& name : kNames) {
    for (const char* form : {"prepared", "metric"}) {
      const auto norm = make_norm(with_form(name, form), exact_solvers());
      const bool state = name == "muon_squared", metric = form == std::string("metric");
      EXPECT_EQ(norm->traits().adaptive, state) << name;
      EXPECT_EQ(dynamic_cast<const norms::Prepared&>(*norm).has_ball(), state && metric) << name;
    }
  }
}

TEST(Prepared, more_passes_bring_auroras_lines_to_one_length) {
  Random random{5};
  auto tall = random.normal({2, 12, 4});
  tall.select(1, 0).mul_(1e3);
  for (const bool wide : {false, true}) {
    double last = 1;
    for (const char* passes : {"1", "2", "4", "64"}) {
      const auto norm = make_norm("aurora(passes=" + std::string(passes) + ")", exact_solvers());
      const auto s = norm->steepest(wide ? tall.mT() : tall, {}).direction;
      const auto length = lengths(s, wide ? 1 : 2);
      const double spread = (length.amax() / length.amin() - 1).item<double>();
      EXPECT_LT(spread, last);
      last = spread;
    }
    EXPECT_LT(last, 1e-3);
  }
}

TEST(Prepared, aurora_leaves_square_matrices_to_the_spectral_norm) {
  Random random{6};
  const auto u = random.normal({2, 5, 5});
  const auto s = make_norm("aurora", exact_solvers())->steepest(u, {}).direction;
  EXPECT_LT(difference(s, polar_of(u)), 1e-12);
}

TEST(Prepared, rows_of_zeros_stay_zero_in_either_form) {
  Random random{7};
  for (const auto& name : kNames) {
    for (const char* form : {"prepared", "metric"}) {
      auto u = random.normal({1, 6, 4});
      u.select(1, 2).zero_();
      const auto s = make_norm(with_form(name, form), exact_solvers())
                         ->steepest(u, context_of(name, u.abs() + 1))
                         .direction;
      EXPECT_TRUE(finite(s)) << name << form;
      EXPECT_LT(s.select(1, 2).abs().max().item<double>(), 1e-12) << name << form;
    }
  }
}

// The slots are V and for each side its factor and its eigenvectors.
TEST(Prepared, soap_muon_divides_in_its_basis) {
  Random random{8};
  for (const char* form : {"prepared", "metric"}) {
    const auto norm = make_norm(with_form("soap_muon", form), exact_solvers());
    const std::vector<int64_t> shape = {2, 4, 4};
    const auto context = random.context(*norm, shape, at::kDouble);
    const auto &v = context.slots[0], &left = context.slots[2], &right = context.slots[4];
    auto a = 1 / v.sqrt();
    a = a / a.square().mean({1, 2}, /*keepdim=*/true).sqrt();
    const auto map = [&](const at::Tensor& x) {
      return at::bmm(at::bmm(left, a * at::bmm(at::bmm(left.mT(), x), right)), right.mT());
    };
    const auto u = random.normal(shape);
    const auto [s, dual, unused] = norm->steepest(u, context);
    const bool metric = form == std::string("metric");
    EXPECT_LT(difference(s, metric ? map(polar_of(map(u))) : polar_of(map(u))), 1e-11);
    for (int i = 0; metric && i < 50; ++i)
      EXPECT_TRUE((products(u, map(polar_of(random.normal(shape)))) <= dual).all().item<bool>());
  }
}

}  // namespace
}  // namespace steepest::test
