// SPDX-License-Identifier: Apache-2.0
#include "tests/support/plain_loop.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "tests/support/closed_forms.h"

namespace steepest::test {
namespace {

double sum_of_products(const at::Tensor& a, const at::Tensor& b) {
  return (a * b).sum().item<double>();
}

at::Tensor weighted_sum(const std::vector<double>& weights, const std::vector<at::Tensor>& terms) {
  auto sum = at::zeros_like(terms.front());
  for (size_t k = 0; k < terms.size(); ++k) sum += weights[k] * terms[k];
  return sum;
}

}  // namespace

std::vector<double> PlainMomentum::weights(size_t count, bool fresh) const {
  std::vector<double> w(count);
  for (size_t k = 0; k < count; ++k) {
    const double age = static_cast<double>(count - 1 - k);
    const double take = ball ? (b == 0 ? 1 : 1 - dampening) : 1 - b;
    w[k] = (k == 0 && start == "first" ? 1 : take) * std::pow(b, age);
  }
  if (nesterov && b > 0 && fresh) {
    for (auto& x : w) x *= b;
    w.back() += ball ? 1 : 1 - b;
  }
  if (start != "corrected") return w;
  double sum = 0;
  for (const double x : w) sum += x;
  for (auto& x : w) x /= sum;
  return w;
}

PlainLoop::PlainLoop(PlainRule rule, std::vector<PlainParam> all)
    : params(std::move(all)), rule_(std::move(rule)) {
  int64_t leaf = 0;
  for (auto& p : params) {
    if (!p.parts) p.parts = [](const at::Tensor& t) { return std::vector<at::Tensor>{t}; };
    for (size_t i = p.parts(p.w).size(); i > 0; --i) p.soaps.emplace_back(leaf++);
  }
}

at::Tensor PlainLoop::momentum(PlainParam& p, const std::vector<at::Tensor>& history,
                               bool fresh) const {
  return weighted_sum(p.momentum.weights(history.size(), fresh), history);
}

// a = sqrt(v) + eps, v the mean of g^2 with the same start as the momentum's.
at::Tensor PlainLoop::metric(const PlainParam& p) const {
  std::vector<at::Tensor> squares;
  for (const auto& g : p.gradients) squares.push_back(g * g);
  const PlainMomentum mean{.b = p.beta2, .start = p.momentum.start};
  return weighted_sum(mean.weights(squares.size(), true), squares).sqrt() + p.eps;
}

double PlainLoop::ratio(double eta) const {
  const double r = eta / eta_ref_;
  return rule_.update == "constrained" ? r : std::sqrt(r);
}

void PlainLoop::add_matrix(PlainParam& p, double eta) {
  const auto u = p.momentum.after ? p.gradients.back() : momentum(p, p.gradients, true);
  const bool known = rule_.stale && !p.old_duals.empty();
  auto whole = at::zeros_like(u);
  std::vector<double> duals;
  const auto us = p.parts(u), targets = p.parts(p.w), places = p.parts(whole);
  const auto as = p.parts(p.norm.starts_with("ada") ? metric(p) : u);
  const auto gs = p.parts(p.gradients.back());
  p.normuons.resize(us.size());
  for (size_t i = 0; i < us.size(); ++i) {
    auto [s, dual] =
        p.norm == "soap"
            ? Answer{p.soaps[i].direction(gs[i], us[i], p.beta2, p.eps, p.momentum.start)}
            : plain_steepest(p.norm, us[i], as[i]);
    if (p.normuon) s = p.normuons[i].direction(s, 0.95, 1e-10);
    if (p.normuon || p.norm == "soap") dual = sum_of_products(us[i], s);
    places[i].copy_(s);
    duals.push_back(dual);
    const double used = known ? p.old_duals[i] : dual;
    units_.push_back({true, {targets[i]}, {s * p.radius}, {eta}, ratio(eta) * p.radius * used, 0});
  }
  p.old_duals = duals;
  if (!p.momentum.after) return;
  p.directions.push_back(whole);
  const auto mean = p.parts(momentum(p, p.directions, true));
  for (size_t i = 0; i < us.size(); ++i) {
    units_[units_.size() - us.size() + i].directions = {mean[i] * p.radius};
  }
}

// The vector (theta_p / rho_p) of the members is what the backup norm measures.
void PlainLoop::add_backups(const std::vector<PlainParam*>& members,
                            const std::vector<double>& etas) {
  Unit unit{false, {}, {}, etas, 0, 0};
  std::vector<at::Tensor> ms, as;
  const auto norm = members.front()->norm;
  double sum = 0, squares = 0;
  for (size_t i = 0; i < members.size(); ++i) {
    auto& p = *members[i];
    const double rho = ratio(etas[i]) * p.radius;
    const auto m = momentum(p, p.gradients, true);
    const auto a = norm.starts_with("ada") ? metric(p) : at::ones_like(m);
    const bool sign = norm == "inf";
    const auto x = sign ? m.sign() : m / a;
    sum += rho * sum_of_products(m, x);            // inf, ada_inf
    squares += rho * rho * sum_of_products(m, x);  // ada_2, l2
    unit.targets.push_back(p.w);
    unit.directions.push_back(x * p.radius * (sign || norm == "ada_inf" ? 1 : rho));
  }
  const bool adds = norm == "inf" || norm == "ada_inf";
  unit.dual = adds ? sum : std::sqrt(squares);
  for (auto& y : unit.directions) {
    if (!adds) y = unit.dual > 0 ? y / unit.dual : at::zeros_like(y);
  }
  units_.push_back(std::move(unit));
}

// f~ - f* = sum_k a_k (f_k + <g_k, w - w_k>) - (sum_k a_k) f*, the mean of the linear models so
// far.
double PlainLoop::model(double loss, const std::vector<at::Tensor>& grads) {
  losses_.push_back(loss);
  const auto a = params.front().momentum.weights(losses_.size(), true);
  double sum = 0;
  for (size_t k = 0; k < a.size(); ++k) sum += a[k] * (losses_[k] - rule_.f_star);
  for (size_t i = 0; i < params.size(); ++i) {
    const auto& p = params[i];
    const auto b = p.momentum.weights(p.gradients.size(), grads[i].defined());
    for (size_t k = 0; k < b.size(); ++k)
      sum += b[k] * (sum_of_products(p.gradients[k], p.w) - p.products[k]);
  }
  return sum;
}

double PlainLoop::combine() {
  double matrices = 0, all = 0, squares = 0, hybrid = 0;
  for (const auto& u : units_) {
    all += u.dual;
    squares += u.dual * u.dual;
    (u.matrix ? matrices : hybrid) += u.matrix ? u.dual : u.dual * u.dual;
  }
  double d = all;
  if (rule_.outer == "l2") d = std::sqrt(squares);
  if (rule_.outer == "hybrid") d = std::sqrt(matrices * matrices + hybrid);
  for (auto& u : units_) {
    double share = u.dual;  // of the l2 outer norm; hybrid: of the backups
    if (rule_.outer == "max") share = d;
    if (rule_.outer == "hybrid" && u.matrix) share = matrices;
    u.weight = rule_.update == "constrained" ? (d > 0 ? share / d : 0) : share;
  }
  return d;
}

PlainSize PlainLoop::step(const std::vector<at::Tensor>& grads, double loss,
                          const std::vector<double>& etas, const std::vector<double>& decays) {
  const double largest = *std::max_element(etas.begin(), etas.end());
  eta_ref_ = largest > 0 ? largest : 1;
  units_.clear();
  std::vector<PlainParam*> flat;
  std::vector<double> flat_etas;
  for (size_t i = 0; i < params.size(); ++i) {
    auto& p = params[i];
    if (!grads[i].defined()) continue;
    const double eta = etas[p.group];
    p.gradients.push_back(p.coupled ? grads[i] + decays[p.group] * p.w : grads[i].clone());
    p.products.push_back(sum_of_products(grads[i], p.w));
    if (p.matrix) add_matrix(p, eta);
    if (!p.matrix && !rule_.flattened) add_backups({&p}, {eta});
    if (!p.matrix && rule_.flattened) flat.push_back(&p), flat_etas.push_back(eta);
  }
  if (!flat.empty()) add_backups(flat, flat_etas);

  PlainSize size;
  const double d = combine();
  const bool constrained = rule_.update == "constrained";
  if (rule_.momo) {
    size.gap = model(loss, grads);
    const double whole = eta_ref_ * (constrained ? d : d * d);
    size.q = whole > 0 ? std::min(1.0, std::max(size.gap, 0.0) / whole) : 1;
  }
  for (size_t i = 0; i < params.size(); ++i) {
    const auto& p = params[i];
    if (grads[i].defined() && !p.coupled) params[i].w.mul_(1 - etas[p.group] * decays[p.group]);
  }
  for (const auto& u : units_) {
    for (size_t i = 0; i < u.targets.size(); ++i) {
      const double length = constrained ? u.etas[i] : std::sqrt(eta_ref_ * u.etas[i]);
      u.targets[i].sub_(u.directions[i] * (size.q * u.weight * length));
    }
  }
  return size;
}

}  // namespace steepest::test
