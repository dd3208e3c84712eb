// SPDX-License-Identifier: Apache-2.0
// Tall matrices [n, 16], row-major: a block of vectors as a sweep leaves it.
#pragma once

#include <cstdint>

#include "steepest/kernels/cpu/sweep.h"

namespace steepest::cpu {

constexpr int64_t kTallWidth = kSweepWide;

// g = X^T X [16, 16], added up in float64.
void tall_gram(const float* x, int64_t n, double* g);

// The rows of y [width, n] are the columns of x [n, width], whose rows are `stride` apart.
void transpose_tall(const float* x, int64_t n, int64_t width, int64_t stride, float* y);

// y = X t for t [16, 16]; y may be x.
void tall_product(const float* x, int64_t n, const float* t, float* y);

}  // namespace steepest::cpu
