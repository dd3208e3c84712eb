// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/golub_kahan.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/diag.h>
#include <ATen/ops/linalg_svdvals.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

namespace steepest::svd {
namespace {

// So many passes show a direction that was missed.
constexpr int64_t kDiscovery = 12;

// When few directions were looked at, a start that hardly touches A's largest vectors would look
// settled too, and so would one copy of a multiple singular value: look longer, and at one more.
void prolong(StopRule& stop, GolubKahan& gk, int64_t passes, int64_t needed) {
  if (!stop.on_probation() || gk.width() > needed) return;
  const bool narrow = gk.width() < needed;
  stop.postpone(std::max(narrow ? kDiscovery : 0, passes / 4));
  if (narrow) gk.widen();
}

}  // namespace

GolubKahan::GolubKahan(Matrix& a, const at::Tensor& block, bool may_synchronise)
    : a_(a),
      u_(a.rows(), a.options(), may_synchronise),
      v_(a.columns(), a.options(), may_synchronise),
      may_synchronise_(may_synchronise) {
  v_.append(v_.split(block, a.noise().new_zeros({})).q);
  b_ = at::zeros({0, v_.size()}, a.noise().options());
}

void GolubKahan::forward() {
  // A N = U C + U' R;  E is C, computed anew.
  const auto [q, c, r] = u_.split(a_.times(v_.columns(closed_, v_.size())), a_.noise());
  const auto left =
      at::cat({b_.narrow(1, 0, closed_), at::zeros({q.size(1), closed_}, b_.options())});
  b_ = at::cat({left, at::cat({c, r})}, 1);
  u_.append(q);
  closed_ = v_.size();
  latest_ = q.size(1);
}

void GolubKahan::backward() {
  // A^T U' = V C + N R;  C is known from B.
  const auto latest = u_.columns(u_.size() - latest_, u_.size());
  const auto [q, c, r] = v_.split(a_.transposed_times(latest), a_.noise());
  const auto zero = at::zeros({u_.size() - latest_, q.size(1)}, b_.options());
  b_ = at::cat({b_, at::cat({zero, r.mT()})}, 1);
  v_.append(q);
}

Solution GolubKahan::best(SvdStatus status) const {
  const auto [p, s, q] = small_svd(b_, may_synchronise_);
  const auto dtype = a_.options().dtype();
  return {at::mm(u_.columns(), p.to(dtype)), s, at::mm(v_.columns(), q.to(dtype)), status};
}

std::pair<Values, Values> GolubKahan::ritz(bool with_residuals) const {
  if (!with_residuals) return {values(at::linalg_svdvals(b_.cpu())), {}};
  const auto [p, s, q] = small_svd(b_.narrow(1, 0, closed_), may_synchronise_);
  const auto e = b_.narrow(1, closed_, width());
  return {values(s), values(at::linalg_vector_norm(at::mm(e.mT(), p), 2, {0}))};
}

void GolubKahan::restart(int64_t keep) {
  const auto [p, s, q] = small_svd(b_.narrow(1, 0, closed_), may_synchronise_);
  const auto dtype = a_.options().dtype();
  const auto pk = p.narrow(1, 0, keep), qk = q.narrow(1, 0, keep);
  const auto e = b_.narrow(1, closed_, width());
  const auto v = at::mm(v_.columns(0, closed_), qk.to(dtype));
  u_.assign(at::mm(u_.columns(), pk.to(dtype)));
  v_.assign(at::cat({v, v_.columns(closed_, v_.size())}, 1));
  b_ = at::cat({at::diag(s.narrow(0, 0, keep)), at::mm(pk.mT(), e)}, 1);
  closed_ = keep;
}

void GolubKahan::widen() {
  const auto q = v_.split(v_.fresh(1), a_.noise()).q;
  v_.append(q);
  b_ = at::cat({b_, at::zeros({b_.size(0), q.size(1)}, b_.options())}, 1);
}

Solution iterate(GolubKahan& gk, const Matrix& a, const Task& task,
                 const std::function<Shape(int64_t k, int64_t width)>& shape) {
  const double noise = task.fixed() ? 0 : a.noise().item<double>();
  StopRule stop(task.options, task.target, noise);
  int64_t k = task.target.k;
  while (true) {
    gk.forward();
    if (a.passes() >= task.limit()) break;
    gk.backward();
    if (gk.exhausted()) return gk.best(SvdStatus::converged);
    if (a.passes() >= task.limit()) break;
    if (!task.fixed() && stop.due(a.passes())) {
      const auto [s, residual] = gk.ritz(stop.needs_residuals());
      if (stop.settled(a.passes(), s, residual)) return gk.best(SvdStatus::converged);
      k = task.target.count(s);
      prolong(stop, gk, a.passes(), task.target.needed(s));
    }
    if (task.fixed() && task.target.shrink) continue;  // how many to keep is not known
    const auto [keep, capacity] = shape(k, gk.width());
    if (gk.size() + gk.width() > capacity) gk.restart(keep);
  }
  return gk.best(task.at_limit());
}

}  // namespace steepest::svd
