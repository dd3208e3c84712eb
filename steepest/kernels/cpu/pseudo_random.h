// SPDX-License-Identifier: Apache-2.0
// svd/pseudo_random.h's numbers without a pass over memory for each operation of their hash.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace steepest::cpu {

// Fills out [rows, columns], where it is plain, with the columns from first_column on. False where
// it is not.
bool fill_pseudo_random(const at::Tensor& out, int64_t first_column);

}  // namespace steepest::cpu
