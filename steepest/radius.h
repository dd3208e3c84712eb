// SPDX-License-Identifier: Apache-2.0
// The radius of a block's unit ball.
#pragma once

#include <string>

#include "steepest/block.h"

namespace steepest {

// Returns the radius r of a block's unit ball by a rule: "none" (1), torch's adjust_lr_fn
// ("original" = sqrt(max(1, out/in)), "match_rms_adamw" = .2 sqrt(max(out, in)),
// "spectral_unclamped" = sqrt(out/in)), "scion" (by `norm`, the norm's name, arXiv 2502.07529 table
// 3), a number above 0, or a product "50*scion". Throws c10::ValueError at any other.
double radius_of(const std::string& rule, const Block& block, const std::string& norm);

}  // namespace steepest
