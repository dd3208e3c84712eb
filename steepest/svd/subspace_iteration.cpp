// SPDX-License-Identifier: Apache-2.0
// With A V = U R and R = P S Q^T the best triplets are u = U P, s = S, v = V Q; after a product
// with A^T it is the same with u and v exchanged.
#include "steepest/svd/subspace_iteration.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros_like.h>

#include <optional>

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

class SubspaceIteration {
 public:
  // See subspace_iteration(). `a` and `problem` have to outlive it.
  SubspaceIteration(Matrix& a, const Problem& problem, int64_t width, bool always_ritz)
      : a_(a),
        problem_(problem),
        always_ritz_(always_ritz),
        v_(first_block(a, problem, width)),
        stop_(problem.options, problem.target,
              problem.has_fixed_passes() ? 0 : a.noise().item<double>()) {}

  // Makes the two products of a round, and a test where one is due: returns the result where the
  // iteration ends.
  std::optional<Result> round() {
    const bool tests = !problem_.has_fixed_passes() && stop_.is_due(a_.passes() + 2);
    auto u = a_.times(v_);
    const auto own = make_orthonormal(v_, u, tests);  // A v_i = s_i u_i
    if (is_at_end()) return Result{u, own, v_, problem_.status_at_max_passes()};

    auto z = a_.transposed_times(u);
    const auto product = z, before = v_;
    const auto s = make_orthonormal(u, z, tests);  // A^T u_i = s_i z_i
    v_ = z;
    if (is_at_end()) return Result{u, s, v_, problem_.status_at_max_passes()};
    if (!tests) return {};
    return tested(u, s, own, product - own.to(v_.scalar_type()) * before);
  }

 private:
  bool is_at_end() const { return a_.passes() >= problem_.max_passes(); }

  // Makes y = A x orthonormal, or y = A^T x. Where a test or the end asks for Ritz triplets, or
  // they are always wanted, x and y become their vectors; returns their s, else an undefined
  // tensor.
  at::Tensor make_orthonormal(at::Tensor& x, at::Tensor& y, bool tests) {
    if (tests || always_ritz_ || is_at_end())
      return rayleigh_ritz(x, y, a_, problem_.may_synchronise);
    y = orthonormal(y);
    return {};
  }

  // Returns the triplets u, s and v_ where the stop rule is satisfied; else makes ready for the
  // next round. rest: A^T u_i - own_i v_i of the round's first triplets, whose values are `own`.
  std::optional<Result> tested(const at::Tensor& u, const at::Tensor& s, const at::Tensor& own,
                               const at::Tensor& rest) {
    const auto theta = values(s), residual = values(at::linalg_vector_norm(rest, 2, {0}));
    if (stop_.has_converged(a_.passes(), stop_.needs_own_values() ? values(own) : theta, residual))
      return Result{u, s, v_, SvdStatus::converged};
    const Target& target = problem_.target;
    if (stop_.is_pending_confirmation() && v_.size(1) <= target.k) stop_.defer(a_.passes() / 4);
    if (target.shrink && 2 * target.count(theta) > v_.size(1)) v_ = doubled(v_, a_, problem_);
    return {};
  }

  Matrix& a_;
  const Problem& problem_;
  bool always_ritz_;
  at::Tensor v_;  // [c, m] orthonormal: the block
  StopRule stop_;
};

}  // namespace

Result subspace_iteration(Matrix& a, const Problem& problem, int64_t width, bool always_ritz) {
  SubspaceIteration iteration(a, problem, width, always_ritz);
  while (true)
    if (const auto result = iteration.round()) return *result;
}

}  // namespace steepest::svd
