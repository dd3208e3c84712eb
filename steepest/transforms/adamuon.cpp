// SPDX-License-Identifier: Apache-2.0
// AdaMuon (arXiv 2507.11005, algorithm 1): every entry of a direction is divided by the root of its
// mean square so far, V <- beta2 V + (1 - beta2) O^2, O / (sqrt(V) + eps) (mean_square.h). In the
// paper O is the polar factor of sign(M), the norm spectral_sign; ports often drop the sign. The
// authors' beta2 is the momentum, .95.
#include "steepest/transforms/mean_square.h"

namespace steepest::transforms {

// Returns the catalog's entry of "adamuon", with the arguments beta2, eps and rms.
RescaleEntry adamuon() {
  return {.name = "adamuon",
          .summary = "entries by the root of their mean square so far (AdaMuon)",
          .arguments = {"beta2", "eps", "rms"},
          .examples = {"adamuon", "adamuon(beta2=0.9,rms=0.2)"},
          .make = [](const Spec& spec) { return mean_square(spec, Mean::entry, 1e-8); }};
}

}  // namespace steepest::transforms
