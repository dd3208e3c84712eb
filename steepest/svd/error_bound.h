// SPDX-License-Identifier: Apache-2.0
// How far approximate triplets are from the exact ones: bounds by their residuals.
#pragma once

#include <cstdint>

#include "steepest/svd/target.h"

namespace steepest::svd {

// Returns x^2.
inline double square(double x) { return x * x; }

// The next two take p Ritz triplets of A: u_i = U p_i, s_i, v_i = V q_i, descending, for
// orthonormal bases with A V = U B and B = sum s_i p_i q_i^T; residual_i = |A^T u_i - s_i v_i|.
// They bound the error of triplets of U^T A, half a step nearer to A.
//
// They take for granted that A has no larger singular values than the bases show: A_2, the part of
// A orthogonal to the wanted u_i and v_i, has none above t_j = sqrt(s_j^2 + s_j residual_j), j > k,
// as each of these intervals [s_j, t_j] holds one (Weyl, for A^T A). What is orthogonal to the
// bases cannot be seen: the pseudo-random columns in them, and a second test, are to show it.

// Returns a bound of |X - A_k|_F / |A_k|_F for k triplets, X = sum s_i u_i v_i^T, and A's best
// approximation A_k of rank k < p, or k = p where A has no more rows or columns. It is infinite
// where s_k does not stand out from t_{k+1} and is not small beside s_1 either.
double truncation_error(const Values& s, const Values& residual, int64_t k);

// Returns a bound of |X - D|_F / |D|_F and of |X / |X|_* - D / |D|_*|_F / |D / |D|_*|_F for the
// shrunk triplets X = U [s - tau]+ V^T and D the same of A's own triplets, |.|_* being the F* norm
// of norms/f_star.cpp. It is infinite where the residuals are as large as X.
double shrinkage_error(const Values& s, const Values& residual);

}  // namespace steepest::svd
