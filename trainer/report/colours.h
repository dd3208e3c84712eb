// SPDX-License-Identifier: Apache-2.0
// One colour for each arm on the whole page.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "trainer/report/experiment.h"

namespace steepest::trainer {

using Styles = std::map<std::string, size_t>;  // of an arm or of a row of rates

// Returns a style of each name that has a curve. Names of one experiment differ in colour, as far
// as the colours last; names that share one differ in their dashes. Those of most experiments come
// first.
Styles styles_of(const std::vector<Experiment>& experiments);

}  // namespace steepest::trainer
