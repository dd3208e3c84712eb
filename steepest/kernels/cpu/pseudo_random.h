// SPDX-License-Identifier: Apache-2.0
// svd/pseudo_random.h's numbers without a pass over memory for each operation of their hash.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace steepest::cpu {

// Writes svd::pseudo_random()'s columns from number first_column on to `out` [rows, columns].
// False, with nothing written, where `out` is not contiguous float32 in this process' memory.
bool fill_pseudo_random(const at::Tensor& out, int64_t first_column);

}  // namespace steepest::cpu
