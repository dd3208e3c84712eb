// SPDX-License-Identifier: Apache-2.0
// What a truncated SVD is asked, and what it returns.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "steepest/base/api.h"

namespace STEEPEST_API steepest {

struct SvdOptions {
  std::string method = "auto";  // one of svd_methods()
  double tol = 1e-3;            // relative; `stop` says of what
  // "value": the dual norm sum s has converged, so that sum u v^T is a steepest direction to within
  //   tol. On flat spectra vectors have not.
  // "approximation": |U S V^T - A_k|_F <= tol |A_k|_F.
  // "subspace": sum u v^T itself has converged. Both need s_k > s_{k+1}, and passes that grow like
  //   1 / sqrt(gap).
  // Each has to hold at two tests in a row, or by proof at one.
  std::string stop = "value";
  int64_t max_passes = 1000;  // products with A or A^T, per matrix; a block product counts once
  int64_t fixed_passes = 0;   // > 0: exactly so many, without a test or a synchronisation
  std::optional<at::ScalarType> dtype = {};  // of the products; unset: float32, float64 for float64
  bool fallback = true;  // LAPACK's SVD where svd_in_full(), whatever the method; not with
                         // fixed_passes
};

// Whether a matrix has so few rows or columns, or so few more than the k wanted triplets, that all
// of its triplets cost no more than the leading ones. For shrinkage k is 0.
inline bool svd_in_full(int64_t rows, int64_t columns, int64_t k) {
  return std::min(rows, columns) <= std::max<int64_t>(32, 2 * k);
}

enum class SvdStatus { converged, fixed, stopped_early, not_finite };

struct Triplets {
  at::Tensor u;                   // [B, r, k] in the working dtype: float32 or float64
  at::Tensor s;                   // [B, k] float64, descending: Ritz values, never above sigma
  at::Tensor vh;                  // [B, k, c] in the working dtype
  std::vector<SvdStatus> status;  // [B]
  std::vector<int64_t> passes;    // [B]: products made; 0 where all triplets were computed
  at::Tensor attained;            // [B] float64: <A, sum u v^T>, the part of the dual norm attained
  at::Tensor warm_start;  // [B, c, p] or undefined: columns from which the next call converges
                          // sooner than from vh, if A has changed little by then
};

struct Shrinkage {
  Triplets triplets;  // those with s > tau; k is the largest number of them in the batch, and
                      // matrices with fewer have zeros there
  at::Tensor tau;     // [B] float64
};

}  // namespace steepest
