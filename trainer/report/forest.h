// SPDX-License-Identifier: Apache-2.0
// Contrasts with their intervals, one below the other on one scale.
#pragma once

#include <vector>

#include "trainer/report/experiment.h"
#include "trainer/report/html.h"

namespace steepest::trainer {

// Adds a forest plot for each unit among the contrasts: of each contrast the claim, our effect and
// its interval, the paper's value as a mark, and shaded where the claim holds. An interval that
// would make the scale more than three times as wide as all else needs ends in an arrow.
void add_forests(Html& html, const std::vector<Contrast>& contrasts);

// Returns our effect and its interval, "+0.091 [+0.082, +0.101]"; "–" where there is none.
std::string effect_text(const Contrast& contrast);

// Returns the paper's number or words; "–" where it has none.
std::string paper_text(const Contrast& contrast);

// Adds the verdict in its colour.
void add_verdict(Html& html, const Contrast& contrast);

}  // namespace steepest::trainer
