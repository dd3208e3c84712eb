// SPDX-License-Identifier: Apache-2.0
// Rescales that divide a direction by the root of the mean square that it has had so far,
//   v <- beta2 v + (1 - beta2) mean s^2,     s^ = s / (sqrt(v) + eps),
// the mean being that of a row's, a column's or no more than one entry, and then set the size:
//   s' = s^ |s|_F / |s^|_F           keeps the norm, so that a learning rate carries over from
//   Muon; s' = s^ rms sqrt(r c) / |s^|_F   is what the papers write, with rms = 0.2.
// The bias of v cancels in the last line, and what has been zero so far stays zero.
#pragma once

#include "steepest/transforms/transform.h"

namespace steepest::transforms {

// Whose entries share a mean: a row's, a column's, those of a line across the longer side (a row
// where there are at least as many rows as columns, else a column), or each entry has its own.
enum class Mean { row, column, longer, entry };

// Makes the rescale of a spec whose arguments are beta2 (.95), eps, added to the roots (`eps`), and
// rms, the root mean square of an entry of s', or 0, which keeps the norm of s. Throws
// c10::ValueError where one is out of range.
TransformPtr mean_square(const Spec& spec, Mean mean, double eps);

// Returns scaled [B, r, c] times a number for each matrix that gives it the Frobenius norm of s
// [B, r, c], or where rms > 0 entries of that root mean square. A zero matrix stays zero.
at::Tensor with_size(const at::Tensor& scaled, const at::Tensor& s, double rms = 0);

}  // namespace steepest::transforms
