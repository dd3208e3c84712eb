// SPDX-License-Identifier: Apache-2.0
// Subspace iteration with Rayleigh-Ritz at each product (with k = 1 the power method):
//   A V = U R, R = P S Q^T:  u = U P, s = S, v = V Q;   then the same with A^T and u.
// It is here for comparison: it forgets all products but the last one, so that it needs many more
// of them.
#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros_like.h>

#include "steepest/svd/orthonormal_basis.h"
#include "steepest/svd/pseudo_random.h"
#include "steepest/svd/small_svd.h"
#include "steepest/svd/solver.h"
#include "steepest/svd/stop.h"

namespace steepest::svd {
namespace {

constexpr int64_t kOversampling = 10;

// Returns the number of columns of the block: one where the plain power method does, for a single
// triplet by the stop "value"; else kOversampling more than are wanted, which speeds up
// convergence.
int64_t block_width(const Problem& p) {
  const bool single = p.target.k == 1 && !p.target.shrink && p.options.stop == "value";
  return single ? 1 : p.target.k + kOversampling;
}

// Replaces orthonormal x [n, m] and y = A x (or A^T x) by the Ritz vectors in their spans, the best
// approximations of singular vectors there, orthonormal with y^T A x = diag(s). Returns s [m],
// descending, in float64. Of a only its noise and dtype are used.
at::Tensor rayleigh_ritz(at::Tensor& x, at::Tensor& y, const Matrix& a, bool may_synchronise) {
  const auto f = OrthonormalBasis(y.size(0), a.options(), may_synchronise).decompose(y, a.noise());
  const auto [p, s, q] = small_svd(f.r, may_synchronise);
  y = at::mm(f.q, p.to(y.scalar_type()));
  x = at::mm(x, q.to(y.scalar_type()));
  return s;
}

// Returns the orthonormal columns v [c, m] and as many pseudo-random ones, [c, 2 m] orthonormal, at
// most c: for shrinkage, when more triplets turn out to be wanted than the block can show.
at::Tensor doubled(const at::Tensor& v, const Matrix& a, const Problem& problem) {
  OrthonormalBasis basis(v.size(0), a.options(), problem.may_synchronise);
  basis.append(v);
  const auto more = pseudo_random(v.size(0), v.size(1), v.size(1), a.options());
  basis.append(basis.decompose(more, a.noise()).q);
  return basis.columns();
}

// Returns orthonormal columns [c, block_width()] that span the problem's start, if there is one,
// and pseudo-random columns.
at::Tensor first_block(const Matrix& a, const Problem& problem) {
  OrthonormalBasis basis(a.columns(), a.options(), problem.may_synchronise);
  const auto block = starting_block(problem.start, block_width(problem), a.columns(), a.options());
  return basis.decompose(block, at::zeros_like(a.noise())).q;
}

}  // namespace

// Solves by the method "power": returns leading triplets of a by subspace iteration. Each round is
// a product with A and one with A^T, after either of which u, s and v are the best triplets in
// their spans; it ends as the stop rule or the number of passes says.
Result power(Matrix& a, const Problem& problem) {
  const bool is_fixed = problem.has_fixed_passes();
  const auto at_max_passes = problem.status_at_max_passes();
  auto v = first_block(a, problem);
  StopRule stop(problem.options, problem.target, is_fixed ? 0 : a.noise().item<double>());
  while (true) {
    auto u = a.times(v);
    auto s = rayleigh_ritz(v, u, a, problem.may_synchronise);  // A v_i = s_i u_i
    if (a.passes() >= problem.max_passes()) return {u, s, v, at_max_passes};
    auto z = a.transposed_times(u);
    const auto residual = at::linalg_vector_norm(z - s.to(z.scalar_type()) * v, 2, {0});
    s = rayleigh_ritz(u, z, a, problem.may_synchronise);  // A^T u_i = s_i z_i
    v = z;
    if (a.passes() >= problem.max_passes()) return {u, s, v, at_max_passes};
    if (is_fixed || !stop.is_due(a.passes())) continue;
    const auto theta = values(s);
    if (stop.has_converged(a.passes(), theta, values(residual)))
      return {u, s, v, SvdStatus::converged};
    if (stop.is_pending_confirmation() && v.size(1) <= problem.target.k) stop.defer(a.passes() / 4);
    if (problem.target.shrink && 2 * problem.target.count(theta) > v.size(1))
      v = doubled(v, a, problem);
  }
}

}  // namespace steepest::svd
