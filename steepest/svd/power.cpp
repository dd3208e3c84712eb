// SPDX-License-Identifier: Apache-2.0
// Subspace iteration with Rayleigh-Ritz at each product (k = 1: the power method):
//   A V = U R, R = P S Q^T:  u = U P, s = S, v = V Q;   then the same with A^T and u.
// For comparison: it forgets all products but the last one, so it needs many more of them.
#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>

#include "steepest/svd/basis.h"
#include "steepest/svd/small_svd.h"
#include "steepest/svd/solver.h"

namespace steepest::svd {
namespace {

constexpr int64_t kOversampling = 10;

int64_t block_width(const Task& task) {
  const bool plain = task.target.k == 1 && !task.target.shrink && task.options.stop == "value";
  return plain ? 1 : task.target.k + kOversampling;
}

// y = A x (or A^T x): x and y become the vectors of the Ritz triplets y^T A x = diag(s).
at::Tensor rayleigh_ritz(at::Tensor& x, at::Tensor& y, const Matrix& a, bool may_synchronise) {
  const auto f = Basis(y.size(0), a.options(), may_synchronise).split(y, a.noise());
  const auto [p, s, q] = small_svd(f.r, may_synchronise);
  y = at::mm(f.q, p.to(y.scalar_type()));
  x = at::mm(x, q.to(y.scalar_type()));
  return s;
}

// Twice as many orthonormal columns, v among them.
at::Tensor grown(const at::Tensor& v, const Matrix& a, const Task& task) {
  Basis basis(v.size(0), a.options(), task.may_synchronise);
  basis.append(v);
  const auto more = pseudo_random(v.size(0), v.size(1), v.size(1), a.options());
  basis.append(basis.split(more, a.noise()).q);
  return basis.columns();
}

}  // namespace

Solution power(Matrix& a, const Task& task) {
  Basis first(a.columns(), a.options(), task.may_synchronise);
  const auto block = starting_block(task.start, block_width(task), a.columns(), a.options());
  auto v = first.split(block, at::zeros_like(a.noise())).q;
  StopRule stop(task.options, task.target, task.fixed() ? 0 : a.noise().item<double>());
  while (true) {
    auto u = a.times(v);
    auto s = rayleigh_ritz(v, u, a, task.may_synchronise);  // A v_i = s_i u_i
    if (a.passes() >= task.limit()) return {u, s, v, task.at_limit()};
    auto z = a.transposed_times(u);
    const auto residual = at::linalg_vector_norm(z - s.to(z.scalar_type()) * v, 2, {0});
    s = rayleigh_ritz(u, z, a, task.may_synchronise);  // A^T u_i = s_i z_i
    v = z;
    if (a.passes() >= task.limit()) return {u, s, v, task.at_limit()};
    if (task.fixed() || !stop.due(a.passes())) continue;
    const auto theta = values(s);
    if (stop.settled(a.passes(), theta, values(residual))) return {u, s, v, SvdStatus::converged};
    if (stop.on_probation() && v.size(1) <= task.target.k) stop.postpone(a.passes() / 4);
    if (task.target.shrink && 2 * task.target.count(theta) > v.size(1)) v = grown(v, a, task);
  }
}

}  // namespace steepest::svd
