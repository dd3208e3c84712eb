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
  // Makes an empty basis of vectors of length `dimension`, n, in the dtype and on the device of
  // `options`. may_synchronise: whether the host may wait for the device.
  OrthonormalBasis(int64_t dimension, const at::TensorOptions& options, bool may_synchronise);

  // Returns the number of columns.
  int64_t size() const { return size_; }
  // Returns how many columns can still be added: n less those there are.
  int64_t capacity_left() const { return storage_.size(1) - size_; }
  // Returns the columns [from, to) as a view [n, to - from].
  at::Tensor columns(int64_t from, int64_t to) const;
  // Returns all columns as a view [n, size].
  at::Tensor columns() const { return columns(0, size_); }

  // Returns w [n, m] as its part along the basis and new orthonormal directions, basis c + q r (see
  // Decomposition); the basis stays as it is. Directions of w no longer than `noise` [] are a
  // breakdown: the subspace is invariant. They become pseudo-random directions in q, and zero rows
  // in r.
  Decomposition decompose(const at::Tensor& w, const at::Tensor& noise);

  // Returns pseudo-random columns [n, columns], others at each call.
  at::Tensor random(int64_t columns);

  // Adds a copy of the columns q [n, m], which have to be orthonormal and orthogonal to the basis.
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
