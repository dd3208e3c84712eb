// SPDX-License-Identifier: Apache-2.0
// The closed sets of choices, and their names in options, TOML, Python and checkpoints.
#pragma once

#include <string>
#include <vector>

#include "steepest/base/api.h"
#include "steepest/block.h"

namespace STEEPEST_API steepest {

enum class Outer { max, l2, hybrid };
enum class Update { constrained, regularized };
enum class StepSize { fixed, momo };
enum class Duals { fresh, stale };
enum class Directions {
  stored,     // a fresh direction is kept until it is applied
  recomputed  // or computed twice, which saves its memory
};
enum class BackupBlocks { per_tensor, flattened };
enum class MomoModel { inner_products, recursive };  // of f~: from <m, w>, or from the steps taken
enum class MomentumForm { ema, heavy_ball };
enum class MomentumStart {
  zero,
  corrected,  // zero, with bias correction
  first       // the first gradient
};
enum class MomentumPlace { before, after };  // momentum before the norm, or after it
enum class Decay {
  plain,        // W <- (1 - lr wd) W
  cautious,     // the same where it does not work against the step: entries with s w >= 0
  independent,  // W <- (1 - wd) W, whatever the learning rate
  anchored      // W <- W - lr wd (W - W_0) towards the weights W_0 of the first step
};
enum class Nonfinite { propagate, skip };  // a step with a NaN or Inf gradient or loss

// The names in the order of the enumerators.
const std::vector<std::string>& names_of(Outer);
const std::vector<std::string>& names_of(Update);
const std::vector<std::string>& names_of(StepSize);
const std::vector<std::string>& names_of(Duals);
const std::vector<std::string>& names_of(Directions);
const std::vector<std::string>& names_of(BackupBlocks);
const std::vector<std::string>& names_of(MomoModel);
const std::vector<std::string>& names_of(MomentumForm);
const std::vector<std::string>& names_of(MomentumStart);
const std::vector<std::string>& names_of(MomentumPlace);
const std::vector<std::string>& names_of(Decay);
const std::vector<std::string>& names_of(Nonfinite);
const std::vector<std::string>& names_of(Role);

const std::string& name_of(auto choice) { return names_of(choice)[static_cast<size_t>(choice)]; }

// The place of `text` in `names`; throws c10::ValueError with option, received and allowed.
size_t index_of_name(const std::string& option, const std::string& text,
                     const std::vector<std::string>& names);
// Sets `choice` from its name; throws the same.
void read_choice(auto& choice, const std::string& option, const std::string& text) {
  using Choice = std::remove_reference_t<decltype(choice)>;
  choice = static_cast<Choice>(index_of_name(option, text, names_of(choice)));
}

}  // namespace steepest
