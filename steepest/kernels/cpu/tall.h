// SPDX-License-Identifier: Apache-2.0
// Tall row-major matrices [n, 16]: blocks of vectors as gram_apply() takes and returns them.
#pragma once

#include <cstdint>

#include "steepest/kernels/cpu/gram_apply.h"

namespace steepest::cpu {

constexpr int64_t kTallWidth = kWideBlock;

// Writes g [16, 16] <- X^T X for the row-major X [n, 16] at x, summed in float64.
void tall_gram(const float* x, int64_t n, double* g);

// Writes y [width, n] <- X^T for X [n, width] at x, whose rows are `stride` elements apart; y is
// other memory.
void transpose_tall(const float* x, int64_t n, int64_t width, int64_t stride, float* y);

// Writes y [n, 16] <- X t for the row-major X [n, 16] at x and t [16, 16]; y may be x.
void tall_product(const float* x, int64_t n, const float* t, float* y);

}  // namespace steepest::cpu
