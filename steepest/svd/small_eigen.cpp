// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/small_eigen.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace steepest::svd {
namespace {

constexpr int kMaxSweeps = 30;
// An element g_ij up to this part of sqrt(g_ii g_jj) counts as zero.
constexpr double kNegligible = 1e-15;

// Rotates the vectors x and y, of n elements each that are `stride` apart, in place: x <- c x - s y
// and y <- s x + c y of the old x, where c and s are the cosine and sine of an angle.
void rotate(double* x, double* y, int64_t n, int64_t stride, double c, double s) {
  for (int64_t i = 0; i < n * stride; i += stride) {
    const double a = x[i], b = y[i];
    x[i] = c * a - s * b, y[i] = s * a + c * b;
  }
}

// Rotates rows and columns i and j of the symmetric g [n, n], row-major, in place, by the angle of
// Jacobi that makes g_ij 0, and the rows i and j of `vectors` [n, n] with them; returns true.
// Returns false, with nothing done, where g_ij is negligible already.
bool annihilate(double* g, int64_t n, int64_t i, int64_t j, double* vectors) {
  const double off = g[i * n + j], first = g[i * n + i], second = g[j * n + j];
  if (!(std::abs(off) > kNegligible * std::sqrt(std::abs(first)) * std::sqrt(std::abs(second))))
    return false;
  const double zeta = (second - first) / (2 * off);
  const double t = std::copysign(1 / (std::abs(zeta) + std::sqrt(1 + zeta * zeta)), zeta);
  const double c = 1 / std::sqrt(1 + t * t), s = c * t;
  rotate(g + i * n, g + j * n, n, 1, c, s);
  rotate(g + i, g + j, n, n, c, s);
  rotate(vectors + i * n, vectors + j * n, n, 1, c, s);
  return true;
}

}  // namespace

void small_eigen(double* g, int64_t n, double* values, double* vectors) {
  std::vector<double> q(n * n);
  for (int64_t i = 0; i < n; ++i) q[i * n + i] = 1;
  bool rotated = true;
  for (int sweep = 0; rotated && sweep < kMaxSweeps; ++sweep) {
    rotated = false;
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = i + 1; j < n; ++j) rotated = annihilate(g, n, i, j, q.data()) || rotated;
  }
  std::vector<int64_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return g[a * n + a] > g[b * n + b]; });
  for (int64_t i = 0; i < n; ++i) {
    values[i] = g[order[i] * n + order[i]];
    std::copy_n(&q[order[i] * n], n, vectors + i * n);
  }
}

}  // namespace steepest::svd
