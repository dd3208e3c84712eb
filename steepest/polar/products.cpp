// SPDX-License-Identifier: Apache-2.0
#include "steepest/polar/products.h"

#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>

#include "steepest/kernels/kernels.h"

namespace steepest::polar {

at::Tensor product(const at::Tensor& a, const at::Tensor& b) {
  const auto own = try_kernel(kernels_of(a).product, a, b);
  return own.defined() ? own : at::bmm(a, b);
}

at::Tensor product_plus(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b, double beta,
                        double alpha) {
  const auto own = try_kernel(kernels_of(a).product_plus, c, a, b, beta, alpha);
  return own.defined() ? own : at::baddbmm(c, a, b, beta, alpha);
}

}  // namespace steepest::polar
