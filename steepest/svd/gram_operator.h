// SPDX-License-Identifier: Apache-2.0
// The operator X -> A^T A X on blocks of columns, in float32 or in float16.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "steepest/kernels/cpu/gram_apply.h"

namespace steepest::svd {

class GramOperator {
 public:
  // a [r, c] plain float32; `width`: the columns of a block, of which the kernels have some. With
  // `half`, A is rounded to float16 at the first product that may be made with it.
  GramOperator(const at::Tensor& a, int64_t width, bool half);

  struct Products {
    at::Tensor y, z;  // A X [r, m], A^T A X [c, m]
  };
  // x [c, m], m <= width. None where A's elements do not fit into float16.
  std::optional<Products> apply(const at::Tensor& x, bool in_float32 = false);

  int64_t passes() const { return passes_; }                     // products with A or A^T so far
  bool has_rounded() const { return half_matrix_.has_value(); }  // some were made in float16

 private:
  at::Tensor a_;
  int64_t width_;
  bool half_;
  std::optional<cpu::HalfMatrix> half_matrix_;
  int64_t passes_ = 0;
};

}  // namespace steepest::svd
