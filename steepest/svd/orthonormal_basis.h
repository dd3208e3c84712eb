// SPDX-License-Identifier: Apache-2.0
// Orthonormal columns that grow, in any dtype and on any device.
#pragma once

#include <ATen/core/Tensor.h>

namespace steepest::svd {

// A block w [n, m] in an orthonormal basis [n, size] and new directions q: w = basis c + q r.
struct Decomposition {
  at::Tensor q;  // [n, m'] orthonormal, orthogonal to the basis; m' = min(m, capacity_left)
  at::Tensor c;  // [size, m] float64
  at::Tensor r;  // [m', m] float64
};

class OrthonormalBasis {
 public:
  // An empty basis of vectors of length `dimension`, n. may_synchronise: whether the host may wait
  // for the device.
  OrthonormalBasis(int64_t dimension, const at::TensorOptions& options, bool may_synchronise);

  // The number of columns.
  int64_t size() const { return size_; }
  // How many columns can still be added: n less those there are.
  int64_t capacity_left() const { return storage_.size(1) - size_; }
  // The columns [from, to) as a view [n, to - from].
  at::Tensor columns(int64_t from, int64_t to) const;
  // All columns as a view [n, size].
  at::Tensor columns() const { return columns(0, size_); }

  // Splits w [n, m] into its part along the basis and new orthonormal directions; the basis stays
  // as it is. Directions of w no longer than `noise` [] are a breakdown: the subspace is invariant.
  // They become pseudo-random directions in q, and zero rows in r.
  Decomposition decompose(const at::Tensor& w, const at::Tensor& noise);

  // Pseudo-random columns [n, columns], others at each call.
  at::Tensor random(int64_t columns);

  // Adds the columns q [n, m], which are orthonormal and orthogonal to the basis.
  void append(const at::Tensor& q);
  // Replaces the whole basis by the orthonormal columns q [n, m].
  void assign(const at::Tensor& q);

 private:
  at::Tensor storage_;  // [capacity, n]: each column of the basis is contiguous
  int64_t size_ = 0;
  int64_t n_random_ = 0;
  bool may_synchronise_;
};

}  // namespace steepest::svd
