// SPDX-License-Identifier: Apache-2.0
// The singular values of one matrix, and what is said of them in a few numbers.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace steepest::trainer {

// The singular values s_1 >= s_2 >= .. of a matrix X [r, c] as roots of the eigenvalues of X X' or
// X' X, whichever is smaller, in float64. That is exact to rounding, 1e-16 s_1^2, in the squares:
// those below 1e-8 s_1 are lost.
struct Spectrum {
  std::vector<double> values;  // those that are not lost; none where X is zero or not finite
  int64_t lost = 0;            // how many are, of min(r, c)
  bool finite = true;          // whether all entries of X are

  // s_1^2 + s_2^2 + .., the energy.
  double energy() const;
  // energy / s_1^2; NaN without values.
  double stable_rank() const;
  // exp(-sum p_i ln p_i) with p_i = s_i^2 / energy; NaN without values.
  double entropy_rank() const;
  // s_1 / s_k, k being the least number of values with .99 of the energy; NaN without values.
  double condition_99() const;
};

// Returns the spectrum of a dense matrix [r, c] of any floating type on any device.
Spectrum spectrum_of(const at::Tensor& matrix);

// Returns sqrt(mean of x^2) over a tensor's entries, in float64.
double root_mean_square(const at::Tensor& x);

// Returns <x, y> / (|x| |y|) over the entries of two tensors of one shape, in float64; NaN where
// one of them is zero.
double cosine(const at::Tensor& x, const at::Tensor& y);

}  // namespace steepest::trainer
