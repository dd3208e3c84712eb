// SPDX-License-Identifier: Apache-2.0
// From the solvers' Ritz triplets to what the caller gets.
#pragma once

#include "steepest/svd/scale.h"
#include "steepest/svd/solver.h"

namespace steepest::svd {

struct Answer {
  at::Tensor u, s, v;  // [r, p], [p] float64, [c, p]
  at::Tensor tau;      // [] float64
  SvdStatus status;
  int64_t passes;
  at::Tensor basis;  // [c, p], see Triplets; may be undefined
};

// Keeps the triplets that were asked for; those within rounding of zero become zeros.
Answer finish(const Solution& solution, const Matrix& a, const Target& target);

// The same value throughout: zeros for a zero matrix, NaN for one that is not finite.
Answer constant(double value, const at::Tensor& a, int64_t k, SvdStatus status);

// One batch, every answer cut or padded with zeros to k triplets. scale: what the matrices were
// multiplied by, if they were.
Shrinkage assemble(const std::vector<Answer>& answers, int64_t k, const Scale* scale);

}  // namespace steepest::svd
