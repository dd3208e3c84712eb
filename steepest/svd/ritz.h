// SPDX-License-Identifier: Apache-2.0
// Singular triplets from a subspace (Rayleigh-Ritz). With V [c, p] orthonormal and Y = A V,
//   G = Y^T Y = Q diag(s^2) Q^T   gives   v = V q,   u = Y q / s,   <A, sum u v^T> = sum s.
#pragma once

#include <ATen/core/Tensor.h>

#include <cmath>
#include <optional>

#include "steepest/svd/solver.h"

namespace steepest::svd {

// Pseudo-random columns in a block of a warm start, for what is new in A.
constexpr int64_t kRandomColumns = 2;

// Sizes of A whose squares are in float32's range.
constexpr double kMinSize = 1e-9, kMaxSize = 1e9;
// Whether |A|_F = size lies between kMinSize and kMaxSize, so that float32 holds the squares in the
// Gram matrix of A V for an orthonormal V.
inline bool is_size_in_range(double size) { return size > kMinSize && size < kMaxSize; }

// The least s_k / s_1 of which a G from float32's products knows enough.
constexpr double kMinRatio = 1e-4;
// From this s_k / s_1 on, G's eigenvectors by float32, from float32's Y, are enough.
constexpr double kMinFloatGramRatio = .05;
// Returns the least s_k / s_1 of which a Gram matrix G from float16's products knows enough. They
// change G by about 1e-4 s_1^2, and thereby s_k by the part 5e-5 (s_1 / s_k)^2, which shall be at
// most ten times the tolerance.
inline double min_ratio_of_half(double tol) { return std::sqrt(5e-6 / tol); }

// Returns the singular value up to which a computed one may be float32's rounding of a zero, for a
// matrix with |A|_F = size: eight times float32's relative rounding error 2^-24, times size.
inline double rounding_noise(double size) { return 8 * 0x1p-24 * size; }

// G = sum_i squares_i q_i q_i^T, squares descending and not negative.
struct Eigenpairs {
  at::Tensor squares;  // [p] float64
  at::Tensor vectors;  // [p, p] float64: q_i is row i
};
// Returns the eigenpairs of the symmetric g [p, p], the largest first, computed in g's dtype and
// returned in float64; an eigenvalue that rounding has made negative becomes 0.
Eigenpairs eigenpairs(const at::Tensor& g);

// The eigenvectors of the wanted triplets.
struct RitzVectors {
  at::Tensor rows;    // [k, p] float64: q_i, or zeros where s_i is rounding
  at::Tensor scaled;  // [k, p] float64: q_i / s_i
  at::Tensor s;       // [k] float64
  at::Tensor tau;     // [] float64
};
// Returns, of the eigenpairs of G = V^T A^T A V, those of the triplets that `target` wants. A
// wanted s so small that it may be the rounding of a zero becomes 0, with zero vectors. Nothing,
// where the least of the others is below min_ratio s_1: G does not know it accurately enough.
std::optional<RitzVectors> wanted_vectors(const Eigenpairs& pairs, const Target& target,
                                          double min_ratio = kMinRatio);

// Returns what s_1 + .. + s_k gains at most when V grows (Kato 1949, Temple 1928):
//   sum_{i<=k} r_i^2 / (s_i^2 - lambda) / (2 s_i),   r_i = |A^T A v_i - s_i^2 v_i|,
//   lambda = max_{j>k} s_j^2 + r_j, an estimate of the next eigenvalue of A^T A.
// Nothing where s_k^2 <= lambda: where the values are not apart, as on a flat spectrum, or where
// one of the others may turn out to be larger. A pseudo-random vector in V shows with its r_j what
// V has missed. `squares` and r have one entry for each vector, and more than k.
std::optional<double> max_gain(const Values& squares, const Values& r, int64_t k);

// Returns |A^T u_i - s_i v_i| = r_i / s_i for r_i = |A^T A v_i - s_i^2 v_i| and u_i = A v_i / s_i;
// 0 where s_i is.
Values of_left_vectors(Values r, const Values& s);

// Whether the wanted triplets, at most max_k, have provably converged to the tolerance: max_gain()
// is within it, or the error with the stop "approximation", and so is what the singular values of
// U^T A, U = A V q / s, gain on the Ritz values
// (`squares`, r: as there). The second condition sees a large value that the basis V has missed: a
// random vector's r has its part s^2 / sqrt(c), but U^T A nearly s, unless more of |A|_F is
// elsewhere.
bool has_provably_converged(const Values& squares, const Values& r, const Values& values_of_uta,
                            int64_t max_k, const Problem& problem);

}  // namespace steepest::svd
