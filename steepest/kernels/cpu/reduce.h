// SPDX-License-Identifier: Apache-2.0
// Sums over float32 numbers, accumulated in float64 in one pass over memory. They are added piece
// by piece in the pieces' order: the same bits on any number of threads.
#pragma once

#include <cstdint>

namespace steepest::cpu {

// sum_i a_i b_i of each of `batch` stretches of `size` numbers, one after another in memory.
void inner_products(const float* a, const float* b, int64_t batch, int64_t size, double* sums);

// The largest |x_i|; NaN where there is one.
float largest_magnitude(const float* x, int64_t size);

// sum_i u_i s_i with u = fma(carry, m - g, near ? g : m): torch's lerp from g to m, as
// fused_momentum writes it, without a u.
struct Looked {
  const float *m, *g;
  float carry;
  bool near;
};
void inner_products(const Looked& u, const float* s, int64_t batch, int64_t size, double* sums);

}  // namespace steepest::cpu
