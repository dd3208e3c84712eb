// SPDX-License-Identifier: Apache-2.0
// Powers of two that bring each matrix of a batch to 1/2 <= max|a| < 1, so that no square and no
// sum leaves float32's range. To multiply by them is exact: no digit of a result depends on the
// scale of a.
#pragma once

#include <ATen/core/Tensor.h>

namespace steepest::svd {

class Scale {
 public:
  // Finds, for each of the matrices a [B, r, c], which are not empty, the power of two that brings
  // its largest element to about 1; of a matrix that is zero or not finite it means nothing. a is
  // not kept.
  explicit Scale(const at::Tensor& a);

  // Returns max|a| of each matrix, [B] float64; NaN or infinite where an element is.
  const at::Tensor& largest() const { return largest_; }
  // Returns matrix number b of a [B, r, c] times its power of two, [r, c] in `dtype`, as a new
  // tensor.
  at::Tensor scaled(const at::Tensor& a, int64_t b, at::ScalarType dtype) const;
  // Returns the singular values s [B] or [B, k] float64 of the scaled matrices divided by their
  // powers of two: those of a.
  at::Tensor restored(const at::Tensor& s) const;

 private:
  at::Tensor largest_;
  at::Tensor first_, second_;  // two factors, as one may overflow: 2^149 for a denormal float
};

}  // namespace steepest::svd
