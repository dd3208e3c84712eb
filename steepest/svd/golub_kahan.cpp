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

#include "steepest/svd/small_svd.h"
#include "steepest/svd/stop.h"

namespace steepest::svd {
namespace {

constexpr int kDiscoveryPasses = 12;  // after so many, a direction that was missed shows

// Puts off the test that would confirm the one passed after `passes` products, where a block is no
// wider than the `needed` Ritz values: a start that hardly touches A's largest vectors would look
// converged too, and so would one copy of a multiple singular value. Narrower ones also get one
// more direction.
void defer_confirmation(StopRule& stop, GolubKahan& gk, int64_t passes, int64_t needed) {
  if (!stop.is_pending_confirmation() || gk.width() > needed) return;
  const bool is_narrow = gk.width() < needed;
  stop.defer(std::max<int64_t>(is_narrow ? kDiscoveryPasses : 0, passes / 4));
  if (is_narrow) gk.add_random_direction();
}

}  // namespace

GolubKahan::GolubKahan(Matrix& a, const at::Tensor& block, bool may_synchronise)
    : a_(a),
      u_(a.rows(), a.options(), may_synchronise),
      v_(a.columns(), a.options(), may_synchronise),
      may_synchronise_(may_synchronise) {
  v_.append(v_.decompose(block, a.noise().new_zeros({})).q);
  b_ = at::zeros({0, v_.size()}, a.noise().options());
}

void GolubKahan::forward() {
  // A N = U C + U' R, where C is E, computed anew.
  const auto [q, c, r] = u_.decompose(a_.times(v_.columns(v_size_, v_.size())), a_.noise());
  const auto left =
      at::cat({b_.narrow(1, 0, v_size_), at::zeros({q.size(1), v_size_}, b_.options())});
  b_ = at::cat({left, at::cat({c, r})}, 1);
  u_.append(q);
  v_size_ = v_.size();
  last_block_ = q.size(1);
}

void GolubKahan::backward() {
  // A^T U' = V C + N R, where C is known from B.
  const auto block = u_.columns(u_.size() - last_block_, u_.size());
  const auto [q, c, r] = v_.decompose(a_.transposed_times(block), a_.noise());
  const auto zero = at::zeros({u_.size() - last_block_, q.size(1)}, b_.options());
  b_ = at::cat({b_, at::cat({zero, r.mT()})}, 1);
  v_.append(q);
}

Result GolubKahan::ritz_triplets(SvdStatus status) const {
  const auto [p, s, q] = small_svd(b_, may_synchronise_);
  const auto dtype = a_.options().dtype();
  return {.u = at::mm(u_.columns(), p.to(dtype)),
          .s = s,
          .v = at::mm(v_.columns(), q.to(dtype)),
          .status = status};
}

GolubKahan::Estimates GolubKahan::ritz_values(bool with_residuals) const {
  if (!with_residuals) return {values(at::linalg_svdvals(b_.cpu())), {}};
  const auto [p, s, q] = small_svd(b_.narrow(1, 0, v_size_), may_synchronise_);
  const auto e = b_.narrow(1, v_size_, width());
  return {values(s), values(at::linalg_vector_norm(at::mm(e.mT(), p), 2, {0}))};
}

void GolubKahan::restart(int64_t keep) {
  const auto [p, s, q] = small_svd(b_.narrow(1, 0, v_size_), may_synchronise_);
  const auto dtype = a_.options().dtype();
  const auto pk = p.narrow(1, 0, keep), qk = q.narrow(1, 0, keep);
  const auto e = b_.narrow(1, v_size_, width());
  const auto v = at::mm(v_.columns(0, v_size_), qk.to(dtype));
  u_.assign(at::mm(u_.columns(), pk.to(dtype)));
  v_.assign(at::cat({v, v_.columns(v_size_, v_.size())}, 1));
  b_ = at::cat({at::diag(s.narrow(0, 0, keep)), at::mm(pk.mT(), e)}, 1);
  v_size_ = keep;
}

void GolubKahan::add_random_direction() {
  const auto q = v_.decompose(v_.random(1), a_.noise()).q;
  v_.append(q);
  b_ = at::cat({b_, at::zeros({b_.size(0), q.size(1)}, b_.options())}, 1);
}

Result iterate(GolubKahan& gk, const Matrix& a, const Problem& problem, const RestartRule& rule) {
  const bool is_fixed = problem.has_fixed_passes();
  const double noise = is_fixed ? 0 : a.noise().item<double>();
  StopRule stop(problem.options, problem.target, noise);
  int64_t k = problem.target.k;
  while (true) {
    gk.forward();
    if (a.passes() >= problem.max_passes()) break;
    gk.backward();
    if (gk.is_exhausted()) return gk.ritz_triplets(SvdStatus::converged);
    if (a.passes() >= problem.max_passes()) break;
    if (!is_fixed && stop.is_due(a.passes())) {
      const auto [s, residual] = gk.ritz_values(stop.needs_residuals());
      if (stop.has_converged(a.passes(), s, residual))
        return gk.ritz_triplets(SvdStatus::converged);
      k = problem.target.count(s);
      defer_confirmation(stop, gk, a.passes(), stop.needed(s));
    }
    if (is_fixed && problem.target.shrink) continue;  // the number to keep is not known
    const auto [keep, capacity] = rule(k, gk.width());
    if (gk.size() + gk.width() > capacity) gk.restart(keep);
  }
  return gk.ritz_triplets(problem.status_at_max_passes());
}

}  // namespace steepest::svd
