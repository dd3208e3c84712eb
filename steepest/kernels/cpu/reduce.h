// SPDX-License-Identifier: Apache-2.0
// Sums over float32 elements, accumulated in float64 in one pass over memory. They are added piece
// by piece in the order of the pieces, which gives the same bits on any number of threads.
#pragma once

#include <cstdint>

namespace steepest::cpu {

// Writes sums[k] <- sum_i a_i b_i, in float64, over the k-th of `batch` segments of `size` elements
// each, which lie one after another in a and b.
void inner_products(const float* a, const float* b, int64_t batch, int64_t size, double* sums);

// Returns max |x_i| over `size` elements: 0 of none, NaN where one is NaN.
float largest_magnitude(const float* x, int64_t size);

// u = g + w (m - g), torch's lerp from g to m, whose elements are formed as they are read:
//   fma(w, m - g, g) where w is near 0 (below 1/2),   fma(w - 1, m - g, m) elsewhere.
struct LerpView {
  const float *m, *g;
  float weight;  // w, or w - 1
  bool near;     // whether w is near 0
};
// Writes sums[k] <- sum_i u_i s_i, in float64, over the k-th of `batch` segments of `size` elements
// each, which lie one after another in u's arrays and in s.
void inner_products(const LerpView& u, const float* s, int64_t batch, int64_t size, double* sums);

}  // namespace steepest::cpu
