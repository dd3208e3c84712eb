// SPDX-License-Identifier: Apache-2.0
// The SVD of small projected matrices in float64: b = u diag(s) v^T, s descending.
#pragma once

#include <ATen/core/Tensor.h>

namespace steepest::svd {

struct SmallSvd {
  at::Tensor u, s, v;  // [m, p], [p], [n, p] with p = min(m, n)
};

// Returns the SVD of b [m, n], a small float64 matrix, on b's device: by LAPACK on the host where
// that reads the device without waiting or may_synchronise allows it to wait; else by jacobi_svd().
SmallSvd small_svd(const at::Tensor& b, bool may_synchronise);

// Returns the SVD of b [m, n] in float64 by one-sided Jacobi (Hestenes 1958) after two QRs (Drmac &
// Veselic 2008). It has tensor operations only and no branch on a value, so that nothing
// synchronises: ten sweeps are made, of which 200 columns need eight.
SmallSvd jacobi_svd(const at::Tensor& b);

}  // namespace steepest::svd
