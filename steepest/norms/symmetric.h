// SPDX-License-Identifier: Apache-2.0
// LAPACK's decompositions as norms use them: of batches of symmetric matrices F [B, n, n] >= 0, as
// Shampoo's factors are, and orthonormal bases. Those of F are made in float32 at least; where
// LAPACK fails in float32, in float64, which is counted.
#pragma once

#include <ATen/core/Tensor.h>

namespace steepest::norms {

// LAPACK rounds differently on another number of threads: up to this size of a matrix one thread
// computes it alone.
constexpr int64_t kOneThreadElements = int64_t{1} << 16;

struct Eigen {
  at::Tensor values;   // [B, n], the largest first; NaN of a matrix that is not finite
  at::Tensor vectors;  // [B, n, n], as columns; the identity's of a matrix that is not finite
};

// Returns eigenvalues, the smallest first, and eigenvectors of finite x [B, n, n] by LAPACK in x's
// dtype; undefined ones where it fails, or returns a NaN where the host may look.
Eigen by_lapack(const at::Tensor& x);

// Returns the eigenvalues and eigenvectors of F [B, n, n], in F's dtype, but float32 at least.
// `solve` is what solves before float64 does.
Eigen eigen(const at::Tensor& f, Eigen (*solve)(const at::Tensor&) = by_lapack);

// Returns how many batches this process has had to decompose in float64, as float32 failed.
int64_t float64_eigenproblems();

// Returns (F + eps l I)^-power [B, n, n] with l the largest eigenvalue of each F: the identity
// where F is 0, and 0 along eigenvectors of the eigenvalue 0 where eps is 0.
at::Tensor inverse_power(const at::Tensor& f, double power, double eps);

// Returns a b [B, r, c] of a [B, r, k] and b [B, k, c], whose strides may be any.
at::Tensor product(const at::Tensor& a, const at::Tensor& b);

// Returns x x^T [B, r, r] of x [B, r, c], whose strides may be any.
at::Tensor symmetric_product(const at::Tensor& x);

// Returns an orthonormal basis [B, n, min(n, k)] of the columns of x [B, n, k], from the first to
// the last: Q of x = Q R, up to the columns' signs.
at::Tensor orthonormal(const at::Tensor& x);

}  // namespace steepest::norms
