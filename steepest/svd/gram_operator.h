// SPDX-License-Identifier: Apache-2.0
// The operator X -> A^T A X on blocks of columns, in float32 or with A rounded to 16 bits.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "steepest/kernels/kernels.h"

namespace steepest::svd {

class GramOperator {
 public:
  // Makes the operator of A = a [r, c], contiguous float32 on a device with BlockKernels. `width`:
  // the columns of a block, a number that these kernels take. `rounded`: makes the products with A
  // rounded to 16 bits; an empty function where there are none.
  GramOperator(const at::Tensor& a, int64_t width, GramApply rounded);

  struct Products {
    at::Tensor y, z;  // A X [r, m], A^T A X [c, m]
  };
  // Returns A x [r, m] and A^T A x [c, m] in float32 for x [c, m], m <= width, and counts two
  // passes. A is rounded to 16 bits where the operator has such products, unless in_float32.
  // Nothing where A's elements do not fit into 16 bits.
  std::optional<Products> apply(const at::Tensor& x, bool in_float32 = false);

  // Returns the number of products with A or A^T so far.
  int64_t passes() const { return passes_; }
  // Whether some of the products were made with A rounded to 16 bits.
  bool has_rounded() const { return has_rounded_; }

 private:
  at::Tensor a_;
  int64_t width_;
  GramApply rounded_;
  bool has_rounded_ = false;
  int64_t passes_ = 0;
};

}  // namespace steepest::svd
