// SPDX-License-Identifier: Apache-2.0
#include "tests/support/closed_forms.h"

#include <ATen/ATen.h>

#include <cmath>
#include <functional>
#include <map>

namespace steepest::test {
namespace {

struct Svd {
  at::Tensor u, s, vh;
};

Svd thin_svd(const at::Tensor& m) {
  const auto [u, s, vh] = at::linalg_svd(m.to(at::kDouble), /*full_matrices=*/false);
  return {u, s, vh};
}

// U diag(d) V^T, and its inner product with m = U diag(s) V^T.
Answer spectral_function(const Svd& x, const at::Tensor& d) {
  return {at::matmul(x.u * d, x.vh), (x.s * d).sum().item<double>()};
}

// Singular values that are rounding errors of 0 have no direction.
at::Tensor present(const Svd& x) {
  if (x.s.numel() == 0) return x.s;
  return (x.s > x.s[0] * 1e-12).to(at::kDouble);
}

Answer ky_fan(const at::Tensor& m, int64_t k) {
  const auto x = thin_svd(m);
  auto d = at::zeros_like(x.s);
  d.narrow(0, 0, std::min(k, x.s.numel())).fill_(1);
  return spectral_function(x, d * present(x));
}

// The k largest values, over their own length: Cauchy and Schwarz in the leading subspace.
Answer k_support(const at::Tensor& m, int64_t k) {
  const auto x = thin_svd(m);
  auto d = x.s.clone();
  d.narrow(0, std::min(k, d.numel()), std::max<int64_t>(0, d.numel() - k)).zero_();
  const double length = std::sqrt(d.square().sum().item<double>());
  return spectral_function(x, length > 0 ? d / length : d);
}

Answer spectral(const at::Tensor& m) {
  const auto x = thin_svd(m);
  return spectral_function(x, present(x));
}

// D = U [s - tau]+ V^T, brought to the unit sphere of sqrt((|X|_F^2 + |X|_nuc^2) / 2).
Answer f_star(const at::Tensor& m) {
  const auto x = thin_svd(m);
  const auto d = (x.s - shrinkage_by_bisection(x.s)).clamp_min(0);
  const double frobenius2 = d.square().sum().item<double>();
  const double nuclear = d.sum().item<double>();
  const double length = std::sqrt((frobenius2 + nuclear * nuclear) / 2);
  return spectral_function(x, length > 0 ? d / length : d);
}

// The p-norm's dual is the q-norm; equality in Hoelder needs d ~ s^(q - 1), |d|_p = 1.
Answer schatten(const at::Tensor& m, double p) {
  const auto x = thin_svd(m);
  const double q = 1 / (1 - 1 / p);
  const auto d = x.s.pow(q - 1) * present(x);
  const double length = std::pow(d.pow(p).sum().item<double>(), 1 / p);
  return spectral_function(x, length > 0 ? d / length : d);
}

Answer frobenius(const at::Tensor& m) {
  const auto x = m.to(at::kDouble);
  const double length = std::sqrt(x.square().sum().item<double>());
  return {length > 0 ? x / length : x, length};
}

Answer inf(const at::Tensor& m) {
  const auto x = m.to(at::kDouble);
  return {x.sign(), x.abs().sum().item<double>()};
}

Answer row(const at::Tensor& m) {
  Answer out{at::zeros_like(m, at::kDouble), 0};
  for (int64_t i = 0; i < m.size(0); ++i) {
    const auto [s, length] = frobenius(m.narrow(0, i, 1));
    out.direction.narrow(0, i, 1).copy_(s);
    out.dual += length;
  }
  return out;
}

Answer column(const at::Tensor& m) {
  const auto [s, dual] = row(m.t());
  return {s.t(), dual};
}

Answer sum(double a, const Answer& x, double b, const Answer& y) {
  return {x.direction * a + y.direction * b, a * x.dual + b * y.dual};
}

using Formula = std::function<Answer(const at::Tensor&)>;

const std::map<std::string, Formula>& formulas() {
  using T = at::Tensor;
  static const std::map<std::string, Formula> all = {
      {"spectral", spectral},
      {"nuclear", [](const T& m) { return ky_fan(m, 1); }},
      {"ky_fan(k=2)", [](const T& m) { return ky_fan(m, 2); }},
      {"ky_fan(k=5)", [](const T& m) { return ky_fan(m, 5); }},
      {"k_support(k=1)", [](const T& m) { return k_support(m, 1); }},
      {"k_support(k=2)", [](const T& m) { return k_support(m, 2); }},
      {"k_support(k=5)", [](const T& m) { return k_support(m, 5); }},
      {"f_star", f_star},
      {"frobenius", frobenius},
      {"l2", frobenius},
      {"inf", inf},
      {"row", row},
      {"column", column},
      {"schatten(p=4)", [](const T& m) { return schatten(m, 4); }},
      {"schatten(p=1.5)", [](const T& m) { return schatten(m, 1.5); }},
      {"0.5*spectral+0.5*frobenius",
       [](const T& m) { return sum(.5, spectral(m), .5, frobenius(m)); }},
      {"0.5*spectral+0.0015*inf", [](const T& m) { return sum(.5, spectral(m), .0015, inf(m)); }},
      {"0.5*nuclear+0.5*frobenius",
       [](const T& m) { return sum(.5, ky_fan(m, 1), .5, frobenius(m)); }},
  };
  return all;
}

}  // namespace

double shrinkage_by_bisection(const at::Tensor& s) {
  if (s.numel() == 0) return 0;
  double low = 0, high = s[0].item<double>();
  for (int i = 0; i < 200; ++i) {
    const double tau = (low + high) / 2;
    const bool above = (s - tau).clamp_min(0).sum().item<double>() > tau;
    (above ? low : high) = tau;
  }
  return low;
}

Answer plain_steepest(const std::string& spec, const at::Tensor& m, const at::Tensor& a) {
  if (spec == "ada_inf") return {m / a, (m * m / a).sum().item<double>()};
  if (spec == "ada_2") {
    const double dual = std::sqrt((m * m / a).sum().item<double>());
    return {dual > 0 ? m / a / dual : at::zeros_like(m), dual};
  }
  return formulas().at(spec)(m);
}

std::vector<std::string> plain_specs() {
  std::vector<std::string> specs;
  for (const auto& [spec, formula] : formulas()) specs.push_back(spec);
  return specs;
}

}  // namespace steepest::test
