// SPDX-License-Identifier: Apache-2.0
// With A V = U R and R = P S Q^T the best triplets are u = U P, s = S, v = V Q; after a product
// with A^T it is the same with u and v exchanged.
#include "steepest/svd/subspace_iteration.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros_like.h>

#include "steepest/svd/orthonormal_basis.h"
#include "steepest/svd/pseudo_random.h"
#include "steepest/svd/small_svd.h"
#include "steepest/svd/stop.h"

namespace steepest::svd {
namespace {

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

// Returns orthonormal columns [c, width or more, at most c] that span the problem's start, if there
// is one, and pseudo-random columns.
at::Tensor first_block(const Matrix& a, const Problem& problem, int64_t width) {
  OrthonormalBasis basis(a.columns(), a.options(), problem.may_synchronise);
  const auto block = starting_block(problem.start, width, a.columns(), a.options());
  return basis.decompose(block, at::zeros_like(a.noise())).q;
}

// Returns orthonormal columns [n, min(n, m)] in whose span x [n, m] lies.
at::Tensor orthonormal(const at::Tensor& x) { return std::get<0>(at::linalg_qr(x)); }

}  // namespace

Result subspace_iteration(Matrix& a, const Problem& problem, int64_t width, bool always_ritz) {
  const bool is_fixed = problem.has_fixed_passes(), synchronise = problem.may_synchronise;
  const auto at_max_passes = problem.status_at_max_passes();
  auto v = first_block(a, problem, width);
  StopRule stop(problem.options, problem.target, is_fixed ? 0 : a.noise().item<double>());
  while (true) {
    auto u = a.times(v);
    const bool is_last = a.passes() >= problem.max_passes();
    const bool tests = !is_fixed && stop.is_due(a.passes() + 1);
    at::Tensor s;
    if (is_last || tests || always_ritz) {
      s = rayleigh_ritz(v, u, a, synchronise);  // A v_i = s_i u_i
    } else {
      u = orthonormal(u);
    }
    if (is_last) return {u, s, v, at_max_passes};

    auto z = a.transposed_times(u);
    const bool is_end = a.passes() >= problem.max_passes();
    if (!is_end && !tests && !always_ritz) {
      v = orthonormal(z);
      continue;
    }
    const auto product = z, before = v, own = s;
    s = rayleigh_ritz(u, z, a, synchronise);  // A^T u_i = s_i z_i
    v = z;
    if (is_end) return {u, s, v, at_max_passes};
    if (!tests) continue;
    const auto rest = product - own.to(v.scalar_type()) * before;
    const auto residual = values(at::linalg_vector_norm(rest, 2, {0})), theta = values(s);
    if (stop.has_converged(a.passes(), stop.needs_own_values() ? values(own) : theta, residual))
      return {u, s, v, SvdStatus::converged};
    if (stop.is_pending_confirmation() && v.size(1) <= problem.target.k) stop.defer(a.passes() / 4);
    if (problem.target.shrink && 2 * problem.target.count(theta) > v.size(1))
      v = doubled(v, a, problem);
  }
}

}  // namespace steepest::svd
