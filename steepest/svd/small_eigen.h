// SPDX-License-Identifier: Apache-2.0
// The eigenvectors of small symmetric matrices in plain memory, where a tensor operation would take
// longer than the numbers.
#pragma once

#include <cstdint>

namespace steepest::svd {

// g [n, n] = sum_i values_i vectors_i vectors_i^T, values descending, vectors by rows; g is
// destroyed. Jacobi's rotations (1846): the fewer, the closer g is to diagonal, as it is where its
// basis has been an eigenbasis a step ago.
void small_eigen(double* g, int64_t n, double* values, double* vectors);

}  // namespace steepest::svd
