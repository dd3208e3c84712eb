// SPDX-License-Identifier: Apache-2.0
// Orthonormal columns that grow, and the splitting of a block along and across them.
#pragma once

#include <ATen/core/Tensor.h>

namespace steepest::svd {

// Numbers in [-1, 1) made of (row, column) by an integer hash: deterministic, equal on every
// device, independent of every random generator.
at::Tensor pseudo_random(int64_t rows, int64_t first_column, int64_t columns,
                         const at::TensorOptions& options);

// The columns of `start`, and pseudo-random ones up to `width`.
at::Tensor starting_block(const at::Tensor& start, int64_t width, int64_t rows,
                          const at::TensorOptions& options);

struct Split {
  at::Tensor q;  // [n, w'] orthonormal, orthogonal to the basis
  at::Tensor c;  // [size, w] float64
  at::Tensor r;  // [w', w] float64
};

class Basis {
 public:
  Basis(int64_t dimension, const at::TensorOptions& options, bool may_synchronise);

  int64_t size() const { return size_; }
  int64_t room() const { return storage_.size(1) - size_; }
  at::Tensor columns(int64_t from, int64_t to) const;
  at::Tensor columns() const { return columns(0, size_); }

  // w = basis c + q r with w' = min(w, room). Directions of w no longer than `noise` (a breakdown:
  // the subspace is invariant) become pseudo-random ones in q, and zero rows in r.
  Split split(const at::Tensor& w, const at::Tensor& noise);

  // Pseudo-random columns, others at each call.
  at::Tensor fresh(int64_t columns);

  void append(const at::Tensor& q);
  void assign(const at::Tensor& q);  // the basis is q now

 private:
  at::Tensor storage_;  // [capacity, n]: each column of the basis is contiguous
  int64_t size_ = 0;
  int64_t drawn_ = 0;
  bool may_synchronise_;
};

}  // namespace steepest::svd
