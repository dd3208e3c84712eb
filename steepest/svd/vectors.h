// SPDX-License-Identifier: Apache-2.0
// A growing set of long float32 vectors, and blocks that are made orthogonal to it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "steepest/kernels/kernels.h"

namespace steepest::svd {

// Vectors by rows, in memory that this thread keeps for the next call where the device has such.
class Vectors {
 public:
  // Makes an empty set of vectors, each to have `length` elements, on the device of `like` and in
  // float32 as it is. `use` says which of the thread's workspaces holds them: two sets that live at
  // the same time need two.
  Vectors(Workspace use, int64_t length, const at::Tensor& like)
      : use_(use), length_(length), like_(like) {}

  // Returns the number of vectors.
  int64_t size() const { return rows_.defined() ? rows_.size(0) : 0; }
  // Returns the vectors as rows [size, length], a view of the memory; undefined while there are
  // none.
  const at::Tensor& rows() const { return rows_; }

  // Makes memory for `vectors` vectors in all, and the first time for at least `first` ones; when
  // it grows, it doubles at least. The vectors there are stay, but rows() is then another view.
  void reserve(int64_t vectors, int64_t first);
  // Adds the columns [length, m], a copy of them, for which memory has to be reserved.
  void append(const at::Tensor& columns);
  // Replaces all vectors by the rows [m, length], a copy of them, for which memory has to be
  // reserved.
  void assign(const at::Tensor& rows);

 private:
  Workspace use_;
  int64_t length_;
  at::Tensor like_;
  at::Tensor rows_, storage_;
};

// Returns the part of the block x [length, m] that is orthogonal to v, with orthonormal columns;
// fewer of them where that part has a lower rank. `recent` is the number of the newest vectors in v
// along which most of x lies. *residual_fraction, where given, receives the largest part of the
// length of a column of x that is orthogonal to v: near 0 where v held all of x.
at::Tensor orthogonalized(const Vectors& v, at::Tensor x, int64_t recent,
                          double* residual_fraction = nullptr);

}  // namespace steepest::svd
