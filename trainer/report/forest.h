// SPDX-License-Identifier: Apache-2.0
// Contrasts with their intervals, one below the other.
#pragma once

#include <vector>

#include "trainer/report/experiment.h"
#include "trainer/report/html.h"

namespace steepest::trainer {

// Adds a forest plot of the contrasts: of each the claim, our effect and its interval, the paper's
// value as a mark above it, and shaded where the claim holds. Neighbours of one unit share a scale
// where each of them can be read on it. An interval that would make the scale more than three times
// as wide as all else needs ends in an arrow. Adds nothing where there are none.
void add_forests(Html& html, const std::vector<const Contrast*>& contrasts);

}  // namespace steepest::trainer
