// SPDX-License-Identifier: Apache-2.0
// The update floor of modded-nanogpt's track 3 ("u/w floor", record 9): where a direction is small
// beside the weights, |s|_F < ratio |W|_F, it is lifted to that, s' = s max(1, ratio |W|_F /
// |s|_F). It stands in for weight decay: large weights take larger steps, which shrinks what they
// mean. axis=rows lifts every row (output neuron) for itself, "RowFloor" of record 46, where ratio
// is .3825. There s has its radius sqrt(max(1, r/c)) before the floor; here a radius multiplies s'
// after it, so that the ratio means the same with radius "none".
#include "steepest/transforms/to_weight.h"

namespace steepest::transforms {

// Returns the catalog's entry of "floor", with the arguments ratio and axis.
RescaleEntry floor() {
  return {.name = "floor",
          .summary = "no smaller than a share of the weights: max(1, ratio |W| / |s|) s",
          .arguments = {"axis", "ratio"},
          .examples = {"floor", "floor(axis=rows,ratio=0.3825)", "floor(ratio=2)"},
          .make = [](const Spec& spec) { return to_weight(spec, 0.35, /*only_lifts=*/true); }};
}

}  // namespace steepest::transforms
