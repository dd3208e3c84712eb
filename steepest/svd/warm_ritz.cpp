// SPDX-License-Identifier: Apache-2.0
// The first step of gram_krylov.cpp for small matrices, where its many small tensors would take
// longer than the products. V [c, 16] is made orthonormal by CholeskyQR2, and with H = Z^T Z the
// residuals are
//   |Z q - s^2 V q|^2 = q^T H q - s^4,   as V^T Z = G.
// Q is stored by rows, as small_eigen() returns it, so that Q^T is written where the algebra has Q.

#include "steepest/svd/warm_ritz.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "steepest/kernels/kernels.h"
#include "steepest/svd/pseudo_random.h"
#include "steepest/svd/ritz.h"
#include "steepest/svd/small_eigen.h"
#include "steepest/svd/warm_start.h"

namespace steepest::svd {
namespace {

constexpr int64_t kWidth = kBlockColumns;
static_assert(kWidth == kWarmStartColumns);
using Square = std::array<double, kWidth * kWidth>;  // [16, 16] row-major
using FloatSquare = std::array<float, kWidth * kWidth>;

// Factorises the symmetric g [16, 16] in place: the lower triangle becomes Cholesky's L, where G =
// L L^T, and the upper one stays. Returns false, with g of no use, where G is not safely positive
// definite: a pivot has lost six digits or more.
bool cholesky(Square& g) {
  for (int64_t j = 0; j < kWidth; ++j) {
    const double before = g[j * kWidth + j];
    double d = before;
    for (int64_t k = 0; k < j; ++k) d -= g[j * kWidth + k] * g[j * kWidth + k];
    if (!(d > 1e-6 * before && d > 0)) return false;
    g[j * kWidth + j] = std::sqrt(d);
    for (int64_t i = j + 1; i < kWidth; ++i) {
      double sum = g[i * kWidth + j];
      for (int64_t k = 0; k < j; ++k) sum -= g[i * kWidth + k] * g[j * kWidth + k];
      g[i * kWidth + j] = sum / g[j * kWidth + j];
    }
  }
  return true;
}

// Returns L^-T [16, 16], which is upper triangular, for the L in the lower triangle of l, in
// float32 for a product kernel.
FloatSquare inverse_transpose(const Square& l) {
  Square inverse{};
  for (int64_t j = 0; j < kWidth; ++j) {
    inverse[j * kWidth + j] = 1 / l[j * kWidth + j];
    for (int64_t i = j + 1; i < kWidth; ++i) {
      double sum = 0;
      for (int64_t k = j; k < i; ++k) sum -= l[i * kWidth + k] * inverse[k * kWidth + j];
      inverse[i * kWidth + j] = sum / l[i * kWidth + i];
    }
  }
  FloatSquare out{};
  for (int64_t i = 0; i < kWidth; ++i)
    for (int64_t j = 0; j < kWidth; ++j)
      out[j * kWidth + i] = static_cast<float>(inverse[i * kWidth + j]);
  return out;
}

// Returns X^T X [16, 16], summed in float64, of x [n, 16] in float32.
Square gram(const at::Tensor& x) {
  Square g;
  kernels_of(x).blocks->gram(x, g.data());
  return g;
}

// Makes the columns of x [n, 16] orthonormal, in place, by CholeskyQR2 (Yamamoto et al. 2015):
// twice X^T X = L L^T, X <- X L^-T, as one pass would leave an error of eps times the square of X's
// condition number. Returns false, with x of no use, where X has not full rank.
bool orthonormalise(const at::Tensor& x) {
  for (int pass = 0; pass < 2; ++pass) {
    Square g = gram(x);
    if (!cholesky(g)) return false;
    kernels_of(x).blocks->product(x, inverse_transpose(g).data(), x);
  }
  return true;
}

// Returns V [c, 16], orthonormal in float32: from the start [c, 16], of which the last
// kRandomColumns columns are replaced by pseudo-random ones, which show what the start has missed.
// Undefined where these columns have not full rank.
at::Tensor orthonormal_start(const at::Tensor& start) {
  const int64_t c = start.size(0);
  const auto v = start.to(at::kFloat).contiguous().clone();
  const auto random = pseudo_random(c, 0, kRandomColumns, v.options());
  v.narrow(1, kWidth - kRandomColumns, kRandomColumns)
      .copy_(random * (1 / std::sqrt(static_cast<double>(c) / 3)));  // E x_i^2 = 1/3
  return orthonormalise(v) ? v : at::Tensor();
}

// Returns the symmetric matrix h [16, 16] in the basis of the rows of q [16, 16], which are
// orthonormal: Q H Q^T.
Square rotated(const Square& h, const Square& q) {
  Square half{}, all{};  // half = Q H
  for (int64_t i = 0; i < kWidth; ++i)
    for (int64_t k = 0; k < kWidth; ++k)
      for (int64_t j = 0; j < kWidth; ++j)
        half[i * kWidth + j] += q[i * kWidth + k] * h[k * kWidth + j];
  for (int64_t i = 0; i < kWidth; ++i)
    for (int64_t j = 0; j < kWidth; ++j)
      for (int64_t k = 0; k < kWidth; ++k)
        all[i * kWidth + j] += half[i * kWidth + k] * q[j * kWidth + k];
  return all;
}

// What G and H know of the Ritz triplets.
struct RitzValues {
  Square q;              // the eigenvectors of G, by rows
  Values squares, s;     // s^2, s
  Values inverse;        // 1 / s, of a small s 1 / (kMinRatio s_1)
  Values residuals;      // |A^T A v - s^2 v|
  Values values_of_uta;  // the singular values of U^T A, U = A V q / s
};

// Returns the singular values [16] of U^T A, descending, for U = A V q / s, the left Ritz vectors:
// h [16, 16] is H = Z^T Z, Z = A^T A V, in the basis of the eigenvectors q of G = (A V)^T A V, and
// inverse = 1 / s: their squares are the eigenvalues of D H D, D = diag(inverse).
Values values_of_uta(Square h, const Values& inverse) {
  for (int64_t i = 0; i < kWidth; ++i)
    for (int64_t j = 0; j < kWidth; ++j) h[i * kWidth + j] *= inverse[i] * inverse[j];
  Values s(kWidth);
  Square q;
  small_eigen(h.data(), kWidth, s.data(), q.data());
  return roots(s);
}

// Returns the Ritz values of A in the span of an orthonormal V [c, 16], with their residuals, from
// y [r, 16] = A V and z [c, 16] = A^T A V. Nothing where |A V|_F is out of float32's range for
// squares, or not finite.
std::optional<RitzValues> ritz_values(const at::Tensor& y, const at::Tensor& z) {
  Square g = gram(y), h = gram(z);
  double trace = 0;
  for (int64_t i = 0; i < kWidth; ++i) trace += g[i * kWidth + i];
  if (!is_size_in_range(std::sqrt(trace))) return {};

  RitzValues found{{}, Values(kWidth), Values(kWidth), Values(kWidth), Values(kWidth), {}};
  auto& [q, squares, s, inverse, residuals, of_uta] = found;
  small_eigen(g.data(), kWidth, squares.data(), q.data());
  h = rotated(h, q);
  for (int64_t i = 0; i < kWidth; ++i) {
    squares[i] = std::max(squares[i], 0.0), s[i] = std::sqrt(squares[i]);
    residuals[i] = std::sqrt(std::max(0.0, h[i * kWidth + i] - squares[i] * squares[i]));
    inverse[i] = 1 / std::max(s[i], kMinRatio * s[0]);
  }
  of_uta = values_of_uta(h, inverse);
  return found;
}

// Returns X Q^T diag(factors) [n, 16] in float32 of x [n, 16]: column i is the combination of x's
// columns that row i of q, an eigenvector, tells, times factors_i.
at::Tensor product(const at::Tensor& x, const Square& q, const Values& factors) {
  FloatSquare t{};
  for (int64_t i = 0; i < kWidth; ++i)
    for (int64_t j = 0; j < kWidth; ++j)
      t[j * kWidth + i] = static_cast<float>(q[i * kWidth + j] * factors[i]);
  const auto y = at::empty_like(x);
  kernels_of(x).blocks->product(x, t.data(), y);
  return y;
}

// Returns the first k columns of x [n, 16] times T^T, [n, k] in float32, for t = T [k, k]
// row-major; summed in float64.
at::Tensor combined(const at::Tensor& x, int64_t k, const std::vector<double>& t) {
  const auto y = at::empty({x.size(0), k}, x.options());
  const auto* from = x.const_data_ptr<float>();
  auto* to = y.mutable_data_ptr<float>();
  for (int64_t n = 0; n < x.size(0); ++n, from += kWidth, to += k) {
    for (int64_t i = 0; i < k; ++i) {
      double sum = 0;
      for (int64_t j = 0; j < k; ++j) sum += static_cast<double>(from[j]) * t[i * k + j];
      to[i] = static_cast<float>(sum);
    }
  }
  return y;
}

// Returns the numbers as a tensor [p] float64 on the CPU.
at::Tensor as_tensor(const Values& x) {
  const auto out = at::empty({std::ssize(x)}, at::TensorOptions(at::kDouble));
  std::copy(x.begin(), x.end(), out.mutable_data_ptr<double>());
  return out;
}
// Returns the number as a tensor [] float64 on the CPU.
at::Tensor as_tensor(double x) { return at::scalar_tensor(x, at::TensorOptions(at::kDouble)); }

// Returns the k leading triplets of U^T A, for the left Ritz vectors U = A V q / s, given as u [r,
// 16], and b [c, 16] = A^T u: half a step nearer to A's than the Ritz triplets of A V. They are
// those of the k x k Gram matrix of b's first columns. Nothing where the k-th value is too small
// beside the first for a Gram matrix.
std::optional<Result> leading_triplets(const at::Tensor& u, const at::Tensor& b, int64_t k) {
  const Square g = gram(b);
  std::vector<double> h(k * k), rows(k * k);
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < k; ++j) h[i * k + j] = g[i * kWidth + j];
  Values s(k);
  small_eigen(h.data(), k, s.data(), rows.data());
  s = roots(s);
  if (!(s[k - 1] > kMinRatio * s[0])) return {};
  const auto left = combined(u, k, rows);
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < k; ++j) rows[i * k + j] /= s[i];
  return Result{.u = left,
                .s = as_tensor(s),
                .v = combined(b, k, rows),
                .tau = as_tensor(shrinkage_threshold(s))};
}

// Returns the k triplets above tau, the threshold of shrinkage, by the Gram matrix G = (A V)^T A V
// alone: u [r, 16] has the left vectors, v [c, 16] the basis V of the right ones, and `ritz` the
// eigenvectors of G and their values.
Result shrunk_triplets(const at::Tensor& u, const at::Tensor& v, const RitzValues& ritz,
                       int64_t k) {
  const Values ones(kWidth, 1);
  return {.u = u.narrow(1, 0, k),
          .s = as_tensor({ritz.s.begin(), ritz.s.begin() + k}),
          .v = product(v, ritz.q, ones).narrow(1, 0, k),
          .tau = as_tensor(shrinkage_threshold(ritz.s))};
}

// Whether warm_ritz() may be tried for a [r, c]: a small matrix, neither side below two blocks, in
// memory that the host reads, with a start that fills a block, and few enough wanted triplets.
bool warm_ritz_applies(const at::Tensor& a, const Problem& problem) {
  if (!kernels_of(a).host_reads) return false;
  const bool few = problem.target.shrink || problem.target.k <= kWidth / 2;
  return few && problem.start.size(1) == kWidth && a.numel() <= kMaxOneThreadElements &&
         std::min(a.size(0), a.size(1)) >= 2 * kWidth;
}

}  // namespace

std::optional<Result> warm_ritz(const at::Tensor& a, const Problem& problem) {
  if (!warm_ritz_applies(a, problem)) return {};
  const auto v = orthonormal_start(problem.start);
  if (!v.defined()) return {};
  const auto y = at::empty({a.size(0), kWidth}, v.options()), z = at::empty_like(v);
  kernels_of(a).blocks->gram_apply(a, v, y, z);
  const auto ritz = ritz_values(y, z);
  if (!ritz || !has_provably_converged(ritz->squares, ritz->residuals, ritz->values_of_uta,
                                       kWidth - 1, problem))
    return {};
  const Target& target = problem.target;
  const Values& s = ritz->s;
  const int64_t k = target.shrink ? std::max<int64_t>(target.count(s), 1) : target.k;
  if (!(s[k - 1] > kMinRatio * s[0])) return {};

  const auto u = product(y, ritz->q, ritz->inverse), b = product(z, ritz->q, ritz->inverse);
  std::optional<Result> result;
  if (target.shrink) {
    result = shrunk_triplets(u, v, *ritz, k);
  } else {
    result = leading_triplets(u, b, k);
  }
  if (!result) return {};
  result->passes = 2;
  result->warm_start = b;
  return result;
}

}  // namespace steepest::svd
