// SPDX-License-Identifier: Apache-2.0
// What the report says first.
#pragma once

#include <string>
#include <vector>

#include "trainer/report/experiment.h"
#include "trainer/report/html.h"

namespace steepest::trainer {

constexpr char kUntestedAnchor[] = "not-tested";

// Returns the anchor of experiment number `i`.
std::string anchor_of(size_t i);

// Adds how many claims there are, and how many of them have which verdict.
void add_counts(Html& html, const std::vector<Experiment>& experiments);

// Adds the tested claims, a sentence each, below their experiments' titles.
void add_tested(Html& html, const std::vector<Experiment>& experiments);

}  // namespace steepest::trainer
