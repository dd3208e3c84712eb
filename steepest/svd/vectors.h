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
  // `use`: the memory's. They lie on the device of `like`, in float32 as it is.
  Vectors(Workspace use, int64_t length, const at::Tensor& like)
      : use_(use), length_(length), like_(like) {}

  int64_t size() const { return rows_.defined() ? rows_.size(0) : 0; }
  const at::Tensor& rows() const { return rows_; }  // [size, length], undefined while empty

  // Makes memory for so many vectors in all; for at least `first` ones where there is none yet.
  void reserve(int64_t vectors, int64_t first);
  void append(const at::Tensor& columns);  // [length, m], for which memory is reserved
  void assign(const at::Tensor& rows);     // [m, length], for which memory is reserved

 private:
  Workspace use_;
  int64_t length_;
  at::Tensor like_;
  at::Tensor rows_, storage_;
};

// The part of the block x [length, m] that is orthogonal to v, with orthonormal columns; fewer of
// them where that part has a lower rank. `recent` is the number of the newest vectors in v along
// which most of x lies. `residual_fraction` receives the largest part of the length of a column of
// x that is orthogonal to v.
at::Tensor orthogonalized(const Vectors& v, at::Tensor x, int64_t recent,
                          double* residual_fraction = nullptr);

}  // namespace steepest::svd
