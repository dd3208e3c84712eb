// SPDX-License-Identifier: Apache-2.0
// The SVD of the small projected matrices, in float64: b = u diag(s) v^T, s descending.
#pragma once

#include <ATen/core/Tensor.h>

namespace steepest::svd {

struct SmallSvd {
  at::Tensor u, s, v;  // [m, p], [p], [n, p] with p = min(m, n)
};

// LAPACK on the host; where the host may not wait for the device, Jacobi on the device.
SmallSvd small_svd(const at::Tensor& b, bool may_synchronise);

// One-sided Jacobi (Hestenes 1958) in tensor operations only: no branch on a value, so no
// synchronisation. A fixed number of sweeps: 12 bring 200 columns to 1e-14.
SmallSvd jacobi_svd(const at::Tensor& b);

}  // namespace steepest::svd
