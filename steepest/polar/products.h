// SPDX-License-Identifier: Apache-2.0
// Products of batches [B, n, m] that give a matrix the same bits alone and in any batch.
#pragma once

#include <ATen/core/Tensor.h>

namespace steepest::polar {

// a b for each matrix of a batch.
at::Tensor product(const at::Tensor& a, const at::Tensor& b);

// beta c + alpha a b for each matrix of a batch.
at::Tensor product_plus(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b, double beta,
                        double alpha);

}  // namespace steepest::polar
