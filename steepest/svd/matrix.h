// SPDX-License-Identifier: Apache-2.0
// A matrix that counts the products made with it. The solvers see nothing else of A.
#pragma once

#include <ATen/core/Tensor.h>

namespace steepest::svd {

class Matrix {
 public:
  // a [r, c] in float32 or float64, the dtype of everything but the products, with elements of
  // about 1.
  Matrix(const at::Tensor& a, at::ScalarType product_dtype);

  int64_t rows() const { return a_.size(0); }
  int64_t columns() const { return a_.size(1); }
  int64_t passes() const { return passes_; }
  at::TensorOptions options() const { return options_; }
  // 8 eps |A|_F [] float64: what rounding may leave of a zero.
  const at::Tensor& noise() const { return noise_; }
  double product_epsilon() const;  // the eps of the products' dtype
  const at::Tensor& dense() const { return a_; }

  at::Tensor times(const at::Tensor& x);             // A x
  at::Tensor transposed_times(const at::Tensor& x);  // A^T x

 private:
  at::Tensor multiply(const at::Tensor& a, const at::Tensor& x);

  at::Tensor a_;
  at::TensorOptions options_;
  at::Tensor noise_;
  int64_t passes_ = 0;
};

}  // namespace steepest::svd
