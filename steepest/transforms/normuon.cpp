// SPDX-License-Identifier: Apache-2.0
// NorMuon (arXiv 2510.05491): every row of a direction, an output neuron's, is divided by the root
// of the mean square that its entries have had so far, v_i <- beta2 v_i + (1 - beta2) mean_j s_ij^2
// (mean_square.h). axis=longer takes the mean for each column of a wide matrix instead, as
// modded-nanogpt, nanochat and Emerging-Optimizers do.
#include "steepest/transforms/mean_square.h"

namespace steepest::transforms {

// Returns the catalog's entry of "normuon", with the arguments beta2, eps, rms and axis.
RescaleEntry normuon() {
  return {.name = "normuon",
          .summary = "rows by the root of their mean square so far (NorMuon)",
          .arguments = {"axis", "beta2", "eps", "rms"},
          .examples = {"normuon", "normuon(beta2=0.9,rms=0.2)", "normuon(axis=longer)"},
          .make = [](const Spec& spec) -> TransformPtr {
            const bool rows = word_argument(spec, "axis", {"rows", "longer"}) == "rows";
            return mean_square(spec, rows ? Mean::row : Mean::longer, 1e-10);
          }};
}

}  // namespace steepest::transforms
