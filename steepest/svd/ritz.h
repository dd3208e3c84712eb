// SPDX-License-Identifier: Apache-2.0
// Singular triplets from a space: with Y = A V and V orthonormal, G = Y^T Y = Q diag(s^2) Q^T gives
//   v = V q,   u = Y q / s,   <A, sum u v^T> = sum s.
#pragma once

#include <cmath>
#include <optional>

#include "steepest/svd/answer.h"

namespace steepest::svd {

constexpr int64_t kRandom = 2;  // pseudo-random vectors in a warm block, for what is new in A
constexpr double kLeastSize = 1e-9, kMostSize = 1e9;  // of A, whose square is in float32's range

// s_k / s_1, below which G is too inexact: by products in float32; and in float16, where G is off
// by about 1e-4 s_1^2, so that of s_k it is a part of 5e-5 (s_1 / s_k)^2, which is not to be more
// than ten times the tolerance.
constexpr double kLeastRatio = 1e-4;
inline double half_ratio(double tol) { return std::sqrt(5e-6 / tol); }

// What rounding leaves of what is zero.
inline double noise(double size) { return 8 * 0x1p-24 * size; }

struct Eigen {
  at::Tensor squares;  // [p] float64, descending
  at::Tensor vectors;  // [p, p] by rows
};
Eigen eigen(const at::Tensor& g);  // in g's dtype

// The wanted ones of G's eigenvectors, by rows, as they are and divided by s; zeros where s is
// noise.
struct Leading {
  at::Tensor vectors, scaled, s, tau;
};

// None where a wanted s is known too badly. most: the columns of V that there may be.
std::optional<Leading> leading(const Eigen& eigen, int64_t most, const Target& target,
                               double least_ratio = kLeastRatio);

// What s_1 .. s_k still gain is at most sum r_i^2 / (s_i^2 - lambda_{k+1}) / (2 s_i), where
// r_i = |A^T A v_i - s_i^2 v_i| and lambda_{k+1} ~ max_{j>k} s_j^2 + r_j (Kato 1949, Temple 1928).
// None where the values are not apart, as on a flat spectrum, or where one of the others may yet
// turn out to be larger: a pseudo-random vector among them sees what V has missed. squares and r
// have one entry a vector, more than k.
std::optional<double> gain_to_come(const Values& squares, const Values& r, int64_t k);

// That is within the tolerance, for the at most `most` triplets that the target counts; and so is
// what half a sweep more has found: `further` are the values of U^T A, U = A V q / s. Of a large
// value that V has missed a random vector shows s^2 / sqrt(columns) in r, but nearly s in U^T A,
// unless more of |A|_F is elsewhere.
bool proved(const Values& squares, const Values& r, const Values& further, int64_t most,
            const Task& task);

// By rows: V^T, (A V)^T, (A^T A V)^T. Of a fixed number k the triplets of U^T A = S^-1 Q^T Z^T,
// half a sweep further than those of G; to shrink, those of G, as what is below tau counts too.
struct Space {
  at::Tensor v, y, z;
  double least_ratio = kLeastRatio;
};
std::optional<Answer> triplets(const Leading& found, const Space& space, int64_t most,
                               const Task& task);

// By rows, of x as of V, A V or A^T A V: what belongs to the first Ritz vectors.
at::Tensor ritz_rows(const Eigen& eigen, int64_t count, const at::Tensor& x);

// By rows: A^T A v - s^2 v of as many as there are of z = ritz_rows(A^T A V).
at::Tensor residuals(const Eigen& eigen, const at::Tensor& v, const at::Tensor& z);

// The `width` columns along which most of these residuals lies [c, <= width].
at::Tensor leading_columns(const at::Tensor& residuals, int64_t width);

// Columns [c, <= 16] to begin with when A has changed a little: A^T A v / s^2 of the largest ones.
at::Tensor next_start(const Eigen& eigen, const at::Tensor& z);

}  // namespace steepest::svd
