// SPDX-License-Identifier: Apache-2.0
// A block is one parameter, or a piece of one, seen as a batch of matrices [B, r, c].
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "steepest/view.h"

namespace steepest {

// Returns the role as tables show it: "matrix", or "non-matrix" of what is left to the backup norm.
const char* text_of(Role role);

// One parameter, or a piece of one, which a norm sees as a batch of matrices [B, r, c].
struct Block {
  int64_t param = 0;  // index into the step's lists
  int64_t group = 0;  // index into the plan's groups
  Role role = Role::matrix;
  View view;
  int64_t kernel = 1;  // k*k of a flattened convolution
  int64_t dim = 0;     // a piece: param.narrow(dim, offset, length)
  int64_t offset = 0;
  int64_t length = -1;                    // -1: the whole parameter
  int64_t parts = 1;                      // equal parts along view.split_dim of the stored matrix
  int64_t batch = 1, rows = 0, cols = 0;  // of the matrices, after the transposition
  int64_t leaf = 0;  // its duals are leaves [leaf, leaf + batch) of the outer norm
  double radius = 1;

  // Returns the block's piece of t, any tensor of the parameter's shape, as a view: t itself where
  // the block is the whole parameter.
  at::Tensor piece(const at::Tensor& t) const;
  // Returns the matrices [B, r, c] of the block's piece of t, a view where strides allow.
  at::Tensor matrices(const at::Tensor& t) const;
  // Returns the matrices [B, r, c] of what piece() has returned, split into the block's equal
  // `parts` and transposed as its view says: a view where strides allow, else a copy.
  at::Tensor matrices_of(const at::Tensor& piece) const;
  // Inverts matrices_of: returns the matrices s [B, r, c] in the shape of `piece`, a view where
  // strides allow. Nothing but the shape of `piece` is used.
  at::Tensor unmatrices(const at::Tensor& s, const at::Tensor& piece) const;

  // Whether the matrices of a contiguous piece lie one after another in memory, each row by row, so
  // that piece and matrices are two shapes of the same numbers in the same order.
  bool has_contiguous_matrices() const {
    return !view.transposed && (parts == 1 || view.split_dim == 0);
  }
};

// Returns the blocks of a parameter of this shape and role under the view: one, or one for each
// group of neighbouring split sizes that are equal, whose parts are one batch. Their param, group,
// radius and leaf are left to the plan. Throws c10::ValueError, which begins with `name`, where the
// view does not fit the shape.
std::vector<Block> make_blocks(const std::string& name, at::IntArrayRef shape, Role role,
                               const View& view);

}  // namespace steepest
