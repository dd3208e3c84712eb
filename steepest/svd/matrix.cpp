// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/matrix.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mv.h>

namespace steepest::svd {

namespace {

// Returns the distance from 1 to the next number of a floating dtype that the solvers compute with.
double epsilon(at::ScalarType dtype) {
  switch (dtype) {
    case at::kDouble:
      return 0x1p-52;
    case at::kFloat:
      return 0x1p-23;
    case at::kHalf:
      return 0x1p-10;
    default:
      return 0x1p-7;  // bfloat16
  }
}

}  // namespace

Matrix::Matrix(const at::Tensor& a, at::ScalarType product_dtype)
    : a_(a.to(product_dtype)),
      options_(a.options()),
      noise_(at::linalg_vector_norm(a).to(at::kDouble) * (8 * epsilon(a.scalar_type()))) {}

double Matrix::product_epsilon() const { return epsilon(a_.scalar_type()); }

at::Tensor Matrix::times(const at::Tensor& x) { return multiply(a_, x); }

at::Tensor Matrix::transposed_times(const at::Tensor& x) { return multiply(a_.mT(), x); }

at::Tensor Matrix::multiply(const at::Tensor& a, const at::Tensor& x) {
  ++passes_;
  const auto y = x.to(a.scalar_type());
  const auto product = x.size(1) == 1 ? at::mv(a, y.select(1, 0)).unsqueeze(1) : at::mm(a, y);
  return product.to(options_.dtype());
}

}  // namespace steepest::svd
