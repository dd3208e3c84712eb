// SPDX-License-Identifier: Apache-2.0
// svd/pseudo_random.h's numbers without a pass over memory for each operation of their hash.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace steepest::cpu {

// Fills `out` [rows, columns] with the columns of svd::pseudo_random() whose numbers begin at
// first_column: vectors with which truncated SVDs begin, the same on every device. False, with
// nothing written, where `out` is not contiguous float32 in this process' memory; the caller then
// computes them by ATen.
bool fill_pseudo_random(const at::Tensor& out, int64_t first_column);

}  // namespace steepest::cpu
