// SPDX-License-Identifier: Apache-2.0
// What a claim and its result are in words.
#pragma once

#include <string>

#include "trainer/report/experiment.h"
#include "trainer/report/html.h"

namespace steepest::trainer {

// Returns the unit of what an experiment measures; of an unknown measure its name in words.
Unit unit_of_measure(const std::string& measure);

// Returns the unit of a ratio of two effects.
Unit unit_of_ratio();

// Returns whose claim this is: "claim of NAME", from the beginning of the experiment's `paper`, or
// "own question". That is one which the paper's text names as a prediction of this project, or,
// where the paper has no value for it, one whose id begins with L, Q or C. "" where there is no
// paper.
std::string source_of(const Contrast& contrast, const std::string& paper);

// Returns our effect, its unit and its interval, "+0.091 nats [+0.082, +0.101]"; "–" where there is
// none.
std::string effect_text(const Contrast& contrast);

// Returns the interval of level .9, "90 %: [+0.043, +0.061]"; "" where there is none.
std::string inner_text(const Contrast& contrast);

// Returns the paper's number or words; "" where it has none.
std::string paper_text(const Contrast& contrast);

// Adds the verdict in its colour.
void add_verdict(Html& html, const std::string& verdict);

}  // namespace steepest::trainer
