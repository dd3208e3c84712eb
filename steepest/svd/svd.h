// SPDX-License-Identifier: Apache-2.0
// The k largest singular triplets of each matrix of a batch.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "steepest/base/api.h"

namespace STEEPEST_API steepest {

struct SvdOptions {
  std::string method = "auto";  // see svd_methods()
  double tol = 1e-3;            // see `stop`
  std::string stop = "value";   // "value" or "subspace"
  int64_t max_passes = 1000;    // products with A or A^T, per matrix; a block product counts once
  int64_t fixed_passes = 0;     // > 0: so many, no test, no synchronisation with the host
  std::optional<at::ScalarType> dtype = {};  // of the products; unset: float32, float64 for float64
  bool fallback = true;  // svd_in_full(): exact, whatever the method (not if fixed)
};

// Few rows or columns, or little more than the k triplets that are wanted; to shrink, k is 0.
inline bool svd_in_full(int64_t rows, int64_t columns, int64_t k) {
  return std::min(rows, columns) <= std::max<int64_t>(32, 2 * k);
}

// "value": the dual norm sum s has settled, so sum u v^T is a steepest direction to within tol; the
//   vectors need not have converged (on a flat spectrum they have not, and it does not matter).
// "subspace": sum u v^T itself has settled. Needs s_k > s_{k+1}; passes grow like 1/sqrt(gap).
// Both must hold at two tests in a row.
enum class SvdStatus { converged, fixed, stopped_early, not_finite };

struct Triplets {
  at::Tensor u;                   // [B, r, k] in float32, float64 where that was computed in
  at::Tensor s;                   // [B, k], descending, in float64: Ritz values, never above sigma
  at::Tensor vh;                  // [B, k, c]
  std::vector<SvdStatus> status;  // [B]
  std::vector<int64_t> passes;    // [B]: products made; 0 where the exact SVD was taken
  at::Tensor attained;            // [B] float64: <A, sum u v^T>, what of the dual norm is attained
  at::Tensor basis;  // [B, c, p] or undefined: to begin with, better than vh, when A has
                     // changed a little
};

// a [B, r, c] in float64/32/16/bf16, any strides, entries of any scale from 1e-38 to 3e38; 1 <= k,
// and k is cut to min(r, c). `start` [B, c, p] or undefined: right vectors to begin with, such as
// the last call's vh.mT(). Without it the beginning is pseudo-random, but the same at each call:
// no random generator is used. Missing triplets (rank < k, or more than fixed_passes can find) are
// zeros. A matrix with a NaN or an infinity gives NaNs and the status not_finite.
// What is promised for the value stop, and held by the tests on Gaussian, decaying, low-rank,
// clustered and tied spectra: attained >= (1 - 2 tol) (s_1 + .. + s_k) at tol >= 1e-4 unless
// stopped_early. From a start of 14 columns or more, or of any at tol >= 5e-3, one sweep may be
// taken for enough: what the start has nothing of is seen where it is much of what the start leaves
// of |A|_F^2, else not before the next calls, which `basis` brings nearer.
// Where "auto" takes float16's products, s and `attained` as told are off by 1e-5 to 1e-4 of s_1,
// up to 1e-3 where all values are tied; u and v are as orthonormal as ever.
Triplets top_triplets(const at::Tensor& a, int64_t k, const SvdOptions& options = {},
                      const at::Tensor& start = {});

struct Shrinkage {
  Triplets triplets;  // those with s > tau, k the largest number of them in the batch, zeros beyond
  at::Tensor tau;     // [B] float64
};

// tau = max_k (s_1 + .. + s_k) / (k + 1), so that sum_i [s_i - tau]+ = tau, and the triplets above
// it, however many: the subspace grows until s_{k+1} <= tau. The value stop settles the dual norm
// sqrt(tau^2 + |[s - tau]+|^2), the subspace stop U [s - tau]+ V^T.
Shrinkage shrinkage_triplets(const at::Tensor& a, const SvdOptions& options = {},
                             const at::Tensor& start = {});

// "auto", "exact", "lanczos" (thick-restart Golub-Kahan), "block_krylov", "power". "auto": narrow
// block Krylov on A^T A, which reads A once for two products, where its digits are enough (float32
// on the CPU, value stop, tol >= 1e-4), by float16's products where the processor has AVX-512 FP16
// (tol >= 1e-3, 65,536 numbers); else lanczos below 8 triplets, block_krylov from there on.
std::vector<std::string> svd_methods();

}  // namespace steepest
