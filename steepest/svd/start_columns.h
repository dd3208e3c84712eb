// SPDX-License-Identifier: Apache-2.0
// The columns with which a block Krylov space begins, and begins anew: those of a warm start first,
// then pseudo-random ones.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace steepest::svd {

class StartColumns {
 public:
  // Keeps the columns of a warm start [c, p], none where it is undefined, as those that wait (are
  // pending) to begin a block of `width` columns. Of a [r, c] only c, dtype and device are used.
  StartColumns(const at::Tensor& warm, const at::Tensor& a, int64_t width);

  // Whether columns are waiting to begin a block.
  bool has_pending() const { return pending_.defined() && pending_.size(1) > 0; }
  // Returns how many columns are waiting to begin a block.
  int64_t pending() const { return has_pending() ? pending_.size(1) : 0; }
  // Returns the first of the columns that wait to begin a block, [c, at most max], which then wait
  // no longer. There must be a warm start, or columns that were added.
  at::Tensor take(int64_t max);
  // Forgets the columns that wait to begin a block, where they are so few that a block of their own
  // would not pay.
  void drop_pending() { pending_ = at::Tensor(); }

  // Returns x [c, m], or nothing where it is undefined, completed to a block [c, width] by new
  // pseudo-random columns; x itself where it has as many.
  at::Tensor filled(const at::Tensor& x);

  // Lets the space grow from so many more pseudo-random columns: they become the pending ones, in
  // place of any that still wait, and count among the generators().
  void add_random(int64_t columns);
  // Returns the number of columns from which the space grows: the first block and what add_random()
  // has added. It holds at most so many copies of a multiple singular value.
  int64_t generators() const { return generators_; }

 private:
  // Returns pseudo-random columns [c, columns], others at each call.
  at::Tensor random(int64_t columns);

  at::Tensor a_;
  int64_t width_;
  at::Tensor pending_;
  int64_t n_random_ = 0;  // pseudo-random columns made so far
  int64_t generators_;    // see generators()
};

}  // namespace steepest::svd
