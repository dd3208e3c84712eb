// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/krylov_space.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "steepest/svd/warm_start.h"

namespace steepest::svd {
namespace {

// Up to this s_1 / s_k a product with q_i / s_i is made in float32, with an error of eps s_1 / s_k.
constexpr double kMaxSpread = 50;

// Returns the rows q_i^T x / s_i [k, n], in float32, for the eigenvectors q_i of the wanted Ritz
// vectors and x [p, n]: of x = (A V)^T, for the space's basis V, the left vectors u_i; of x = (A^T
// A V)^T the rows of U^T A. In float64 where the s_i are far apart.
at::Tensor combined(const RitzVectors& q, const at::Tensor& x) {
  const bool is_spread = q.s.min().item<double>() * kMaxSpread < q.s.max().item<double>();
  const auto dtype = is_spread ? at::kDouble : at::kFloat;
  return at::mm(q.scaled.to(dtype), x.to(dtype)).to(at::kFloat);
}

// Returns X X^T [p, p] of x [p, n], multiplied and returned in float64.
at::Tensor gram_of_rows(const at::Tensor& x) {
  const auto y = x.to(at::kDouble);
  return at::mm(y, y.mT());
}

// Returns the triplet (u, s, v) of a single left vector u [1, r] and b [1, c] = u^T A: s = |b|, v =
// b / |b|, and tau = s / 2, the threshold of shrinkage for one value.
Result single_triplet(const at::Tensor& u, const at::Tensor& b) {
  const auto size = at::linalg_vector_norm(b, 2, {1}, false, at::kDouble);
  const auto v = b * at::where(size > 0, size.reciprocal(), 0).to(at::kFloat).unsqueeze(1);
  return {.u = u.mT(), .s = size, .v = v.mT(), .tau = size.select(0, 0) * .5};
}

}  // namespace

KrylovSpace::KrylovSpace(const at::Tensor& a, int64_t expected)
    : v_(Workspace::krylov_v, a.size(1), a),
      y_(Workspace::krylov_y, a.size(0), a),
      z_(Workspace::krylov_z, a.size(1), a),
      expected_(expected) {}

at::Tensor KrylovSpace::gram_in_float64() const { return gram_of_rows(y()); }

void KrylovSpace::append(const at::Tensor& v, const at::Tensor& y, const at::Tensor& z) {
  const int64_t before = size();
  for (auto* vectors : {&v_, &y_, &z_}) vectors->reserve(before + v.size(1), expected_);
  v_.append(v), y_.append(y), z_.append(z);
  const auto g = at::mm(y_.rows(), y).to(at::kDouble);  // the new columns of G
  g_ = before == 0 ? g : at::cat({at::cat({g_, g.narrow(0, 0, before).mT()}), g}, 1);
}

void KrylovSpace::restart(int64_t keep) {
  const auto [d, q] = at::linalg_eigh(g_);
  const auto best = q.narrow(1, q.size(1) - keep, keep).flip(1).mT().to(at::kFloat);
  for (auto* x : {&v_, &y_, &z_}) x->assign(at::mm(best, x->rows()));
  g_ = at::diag(d.narrow(0, d.size(0) - keep, keep).flip(0));
}

at::Tensor gram_times_ritz_vectors(const KrylovSpace& space, const Eigenpairs& pairs,
                                   int64_t count) {
  return at::mm(pairs.vectors.narrow(0, 0, count).to(at::kFloat), space.z());
}

at::Tensor residuals(const KrylovSpace& space, const Eigenpairs& pairs, const at::Tensor& z) {
  const auto rows = pairs.vectors.narrow(0, 0, z.size(0)).to(at::kFloat);
  const auto squares = pairs.squares.narrow(0, 0, z.size(0)).to(at::kFloat).unsqueeze(1);
  return z - at::mm(squares * rows, space.v().rows());
}

std::optional<Result> ritz_triplets(const KrylovSpace& space, const RitzVectors& wanted,
                                    const Problem& problem, double min_ratio) {
  const auto u = combined(wanted, space.y());
  if (problem.target.shrink) {
    const auto v = at::mm(wanted.rows.to(at::kFloat), space.v().rows());
    return Result{.u = u.mT(), .s = wanted.s, .v = v.mT(), .tau = wanted.tau};
  }
  const auto b = combined(wanted, space.z());  // U^T A
  if (problem.target.k == 1) return single_triplet(u, b);
  const auto better = wanted_vectors(eigenpairs(gram_of_rows(b)), problem.target, min_ratio);
  if (!better) return {};
  return Result{.u = at::mm(better->rows.to(at::kFloat), u).mT(),
                .s = better->s,
                .v = combined(*better, b).mT(),
                .tau = better->tau};
}

at::Tensor warm_start(const KrylovSpace& space, const Eigenpairs& pairs) {
  const int64_t p = std::min(kWarmStartColumns, pairs.squares.size(0));
  const auto squares = pairs.squares.narrow(0, 0, p);
  const auto least = squares.max() * 1e-10;
  const auto rows = pairs.vectors.narrow(0, 0, p) / at::maximum(squares, least).unsqueeze(1);
  return at::mm(rows.to(at::kFloat), space.z()).mT();
}

at::Tensor principal_directions(const at::Tensor& x, int64_t width) {
  const int64_t n = x.size(0);
  if (n <= width) return x.mT();
  const auto q = std::get<1>(at::linalg_eigh(gram_of_rows(x)));
  return at::mm(q.narrow(1, n - width, width).mT().to(at::kFloat), x).mT();
}

}  // namespace steepest::svd
