// SPDX-License-Identifier: Apache-2.0
// A matrix that counts the products made with it. The solvers see nothing else of A.
#pragma once

#include <ATen/core/Tensor.h>

namespace steepest::svd {

class Matrix {
 public:
  // Takes a [r, c] in float32 or float64, the dtype of everything but the products, with elements
  // of about 1, so that nothing overflows. product_dtype: what a, here, and the other factor of
  // each product are rounded to.
  Matrix(const at::Tensor& a, at::ScalarType product_dtype);

  int64_t rows() const { return a_.size(0); }
  int64_t columns() const { return a_.size(1); }
  // Returns the number of products with a or its transpose so far; one with a block counts once.
  int64_t passes() const { return passes_; }
  // Returns the dtype and device in which products are returned, and vectors are to be.
  at::TensorOptions options() const { return options_; }
  // Returns 8 eps |A|_F [] float64: what rounding may leave of a zero.
  const at::Tensor& noise() const { return noise_; }
  // Returns the eps of the products' dtype: the distance from 1 to the next number.
  double product_epsilon() const;
  // Returns the matrix itself [r, c], in the products' dtype.
  const at::Tensor& dense() const { return a_; }

  // Returns A x [r, m] for x [c, m], and counts a pass.
  at::Tensor times(const at::Tensor& x);
  // Returns A^T x [c, m] for x [r, m], and counts a pass.
  at::Tensor transposed_times(const at::Tensor& x);

 private:
  // Returns the product of a, which is A or A^T, and x, in options(), made in the products' dtype;
  // counts a pass.
  at::Tensor multiply(const at::Tensor& a, const at::Tensor& x);

  at::Tensor a_;
  at::TensorOptions options_;
  at::Tensor noise_;
  int64_t passes_ = 0;
};

}  // namespace steepest::svd
