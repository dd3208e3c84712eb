// SPDX-License-Identifier: Apache-2.0
// Products of batches [B, n, m] that give a matrix the same bits alone and in any batch.
#pragma once

#include <ATen/core/Tensor.h>

namespace steepest::polar {

// Returns a b for each pair of matrices of a [B, n, k] and b [B, k, m]: [B, n, m]. The device's
// kernel, where it has one, gives a matrix the same bits alone and in any batch.
at::Tensor product(const at::Tensor& a, const at::Tensor& b);

// Returns beta c + alpha a b for each matrix of c [B, n, m], a [B, n, k] and b [B, k, m], as a new
// tensor; as with product(), a matrix has the same bits alone and in any batch.
at::Tensor product_plus(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b, double beta,
                        double alpha);

}  // namespace steepest::polar
