// SPDX-License-Identifier: Apache-2.0
// A matrix that counts the products made with it. The solvers see nothing else of A.
#pragma once

#include <ATen/core/Tensor.h>

namespace steepest::svd {

class Matrix {
 public:
  // a [r, c] in float32 or float64, the dtype of everything but the products, with elements of
  // about 1, so that nothing overflows. product_dtype: what a and x are rounded to for each
  // product.
  Matrix(const at::Tensor& a, at::ScalarType product_dtype);

  int64_t rows() const { return a_.size(0); }
  int64_t columns() const { return a_.size(1); }
  // The number of products with a or its transpose so far; one with a block counts once.
  int64_t passes() const { return passes_; }
  // The dtype and device in which products are returned, and vectors are to be.
  at::TensorOptions options() const { return options_; }
  // 8 eps |A|_F [] float64: what rounding may leave of a zero.
  const at::Tensor& noise() const { return noise_; }
  // The eps of the products' dtype: the distance from 1 to the next number.
  double product_epsilon() const;
  // The matrix itself [r, c], in the products' dtype.
  const at::Tensor& dense() const { return a_; }

  // A x [r, m] for x [c, m].
  at::Tensor times(const at::Tensor& x);
  // A^T x [c, m] for x [r, m].
  at::Tensor transposed_times(const at::Tensor& x);

 private:
  // The product of a, which is A or A^T, and x, in options(); counts a pass.
  at::Tensor multiply(const at::Tensor& a, const at::Tensor& x);

  at::Tensor a_;
  at::TensorOptions options_;
  at::Tensor noise_;
  int64_t passes_ = 0;
};

}  // namespace steepest::svd
