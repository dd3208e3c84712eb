// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/answer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/pad.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>

#include <algorithm>

namespace steepest::svd {
namespace {

// x [n, p] or [p] with k columns.
at::Tensor fitted(const at::Tensor& x, int64_t k) {
  const int64_t p = x.size(-1);
  return p < k ? at::pad(x, {0, k - p}) : x.narrow(-1, 0, k);
}

at::Tensor masked(const at::Tensor& x, const at::Tensor& kept) { return at::where(kept, x, 0); }

// max_k (s_1 + .. + s_k) / (k + 1)
at::Tensor shrinkage(const at::Tensor& s) {
  return (s.cumsum(0) / at::arange(2, s.size(0) + 2, s.options())).amax();
}

}  // namespace

Answer finish(const Solution& solution, const Matrix& a, const Target& target) {
  const int64_t p = solution.s.size(0), k = target.shrink ? p : std::min(target.k, p);
  auto s = solution.s.narrow(0, 0, k);
  const auto rounding = at::maximum(a.noise(), s.select(0, 0) * a.product_epsilon());
  s = masked(s, s > rounding);
  const auto tau = shrinkage(s);
  const auto kept = target.shrink ? s > tau : s > 0;
  return {masked(solution.u.narrow(1, 0, k), kept),
          masked(s, kept),
          masked(solution.v.narrow(1, 0, k), kept),
          tau,
          solution.status,
          a.passes(),
          {}};
}

Answer constant(double value, const at::Tensor& a, int64_t k, SvdStatus status) {
  const auto s = at::full({k}, value, a.options().dtype(at::kDouble));
  return {at::full({a.size(0), k}, value, a.options()),
          s,
          at::full({a.size(1), k}, value, a.options()),
          s.select(0, 0),
          status,
          0,
          {}};
}

Shrinkage assemble(const std::vector<Answer>& answers, int64_t k, const Scale* scale) {
  std::vector<at::Tensor> u, s, vh, tau;
  Triplets t;
  for (const Answer& answer : answers) {
    u.push_back(fitted(answer.u, k));
    s.push_back(fitted(answer.s, k));
    vh.push_back(fitted(answer.v, k).mT());
    tau.push_back(answer.tau);
    t.status.push_back(answer.status);
    t.passes.push_back(answer.passes);
  }
  t.u = at::stack(u);
  const auto at_scale = [&](const at::Tensor& x) { return scale ? scale->undone(x) : x; };
  t.s = at_scale(at::stack(s));
  t.vh = at::stack(vh);
  t.attained = t.s.sum(1);
  std::vector<at::Tensor> bases;
  for (const Answer& answer : answers) bases.push_back(answer.basis);
  const auto same = [&](const at::Tensor& x) {
    return x.defined() && bases[0].defined() && x.size(1) == bases[0].size(1);
  };
  if (std::all_of(bases.begin(), bases.end(), same)) t.basis = at::stack(bases);
  return {t, at_scale(at::stack(tau))};
}

}  // namespace steepest::svd
