// SPDX-License-Identifier: Apache-2.0
// A direction of the weights' size, as LARS (arXiv 1708.03888) takes it, s' = ratio |W|_F s /
// |s|_F: the learning rate is then the relative change of a matrix, whatever its size, and with the
// geometry hyperball the angle by which it turns. A zero matrix takes s as it is, as in LARS: it
// would never move else.
#include "steepest/transforms/to_weight.h"

namespace steepest::transforms {

// Returns the catalog's entry of "relative", with the arguments ratio and axis.
RescaleEntry relative() {
  return {.name = "relative",
          .summary = "of the weights' size: ratio |W| s / |s| (LARS)",
          .arguments = {"axis", "ratio"},
          .examples = {"relative", "relative(axis=rows,ratio=0.5)"},
          .make = [](const Spec& spec) { return to_weight(spec, 1, /*only_lifts=*/false); }};
}

}  // namespace steepest::transforms
