// SPDX-License-Identifier: Apache-2.0
// The eigenvectors of small symmetric matrices in plain memory, where the overhead of a tensor
// operation would exceed its work.
#pragma once

#include <cstdint>

namespace steepest::svd {

// Writes the eigenvalues of the symmetric g [n, n], row-major, to `values` [n], descending, and
// orthonormal eigenvectors to `vectors` [n, n], by rows: g = sum_i values_i vectors_i vectors_i^T.
// g is destroyed. It applies Jacobi's rotations (1846): the fewer, the closer g is to diagonal, as
// it is in the basis of the eigenvectors of the step before.
void small_eigen(double* g, int64_t n, double* values, double* vectors);

}  // namespace steepest::svd
