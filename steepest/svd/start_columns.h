// SPDX-License-Identifier: Apache-2.0
// The columns with which a block Krylov space begins, and begins anew: those of a warm start first,
// then pseudo-random ones.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace steepest::svd {

class StartColumns {
 public:
  // For a [r, c]; `warm` [c, p] or undefined. `width`: the columns of a block.
  StartColumns(const at::Tensor& warm, const at::Tensor& a, int64_t width);

  // Whether columns are waiting to begin a block.
  bool has_pending() const { return pending_.defined() && pending_.size(1) > 0; }
  int64_t pending() const { return has_pending() ? pending_.size(1) : 0; }
  at::Tensor take(int64_t max);  // [c, at most max] of them
  void drop_pending() { pending_ = at::Tensor(); }

  // x [c, m] or undefined, completed to a block by pseudo-random columns.
  at::Tensor filled(const at::Tensor& x);

  // Lets the space grow from so many more pseudo-random columns.
  void add_random(int64_t columns);
  // The number of columns from which the space has grown: it holds at most so many copies of a
  // multiple singular value.
  int64_t generators() const { return generators_; }

 private:
  at::Tensor random(int64_t columns);

  at::Tensor a_;
  int64_t width_;
  at::Tensor pending_;
  int64_t n_random_ = 0;  // pseudo-random columns made so far: each call makes others
  int64_t generators_;
};

}  // namespace steepest::svd
