// SPDX-License-Identifier: Apache-2.0
// The leading singular triplets of each matrix of a batch.
#pragma once

#include "steepest/svd/types.h"

#include "steepest/base/api.h"

namespace STEEPEST_API steepest {

// The k largest triplets of a [B, r, c] in float64, float32, bfloat16 or float16, of any strides
// and any scale from 1e-38 to 3e38; k >= 1 is cut to min(r, c). `start` [B, c, p] or undefined:
// right vectors to begin with, such as the last call's vh.mT(). Without it the iteration begins
// with pseudo-random vectors, the same at each call: no random generator is used. Missing triplets
// (rank < k, or more than fixed_passes can find) are zeros. A matrix with a NaN or an infinity
// gives NaNs and the status not_finite.
//
// The value stop promises attained >= (1 - 2 tol) (s_1 + .. + s_k) at tol >= 1e-4, unless the
// status is stopped_early; the tests hold it to that on Gaussian, decaying, low-rank, clustered and
// tied spectra. From a start of 14 columns or more, or of any number at tol >= 5e-3, one pair of
// products A^T (A X) may be accepted as enough. A singular vector orthogonal to the start is then
// seen only if it has a large part of what the start leaves of |A|_F^2, else in later calls.
// Where "auto" multiplies in float16, the reported s and `attained` are off by 1e-5 to 1e-4 of s_1,
// up to 1e-3 where all values are equal; u and v are as orthonormal as ever.
Triplets top_triplets(const at::Tensor& a, int64_t k, const SvdOptions& options = {},
                      const at::Tensor& start = {});

// Soft thresholding: tau = max_k (s_1 + .. + s_k) / (k + 1), so that sum_i [s_i - tau]+ = tau, and
// all triplets with s > tau: the subspace grows until s_{k+1} <= tau. The value stop waits for the
// dual norm sqrt(tau^2 + |[s - tau]+|^2), the others for U [s - tau]+ V^T.
Shrinkage shrinkage_triplets(const at::Tensor& a, const SvdOptions& options = {},
                             const at::Tensor& start = {});

// "auto", "exact" (LAPACK), "lanczos" (thick-restart Golub-Kahan), "block_krylov", "power",
// "randomized". "auto" is block Krylov on A^T A where the digits of a Gram matrix do: float32 on
// the CPU, no subspace stop, tol >= 1e-4 (with AVX-512 FP16 in float16 by the value stop from tol
// >= 1e-3 on, if not small). Elsewhere it is lanczos below 8 triplets, else block_krylov.
std::vector<std::string> svd_methods();

}  // namespace steepest
