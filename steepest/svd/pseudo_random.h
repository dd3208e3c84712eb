// SPDX-License-Identifier: Apache-2.0
// Pseudo-random columns to begin an iteration with.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace steepest::svd {

// Returns [rows, columns] in the dtype and on the device of `options`, with elements in [-1, 1):
// element (i, j) is an integer hash of i and first_column + j, so that columns with other numbers
// are new ones. It is deterministic, equal on every device, and independent of every random
// generator.
at::Tensor pseudo_random(int64_t rows, int64_t first_column, int64_t columns,
                         const at::TensorOptions& options);

// Returns the block [rows, max(width, p)] to begin an iteration with: the columns of `start` [rows,
// p], if it is defined, which are of unit length, and pseudo-random ones of about unit length.
// Without a start all are pseudo_random().
at::Tensor starting_block(const at::Tensor& start, int64_t width, int64_t rows,
                          const at::TensorOptions& options);

}  // namespace steepest::svd
