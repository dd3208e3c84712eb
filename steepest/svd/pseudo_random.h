// SPDX-License-Identifier: Apache-2.0
// Pseudo-random columns to begin an iteration with.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace steepest::svd {

// [rows, columns] with elements in [-1, 1) made of (row, first_column + column) by an integer hash:
// deterministic, equal on every device, independent of every random generator.
at::Tensor pseudo_random(int64_t rows, int64_t first_column, int64_t columns,
                         const at::TensorOptions& options);

// The columns of `start` [rows, p], if it is defined, and pseudo-random ones of about unit length
// up to `width`.
at::Tensor starting_block(const at::Tensor& start, int64_t width, int64_t rows,
                          const at::TensorOptions& options);

}  // namespace steepest::svd
