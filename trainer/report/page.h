// SPDX-License-Identifier: Apache-2.0
// All experiments as one HTML page that needs no network and no script.
#pragma once

#include <string>
#include <vector>

#include "trainer/report/experiment.h"

namespace steepest::trainer {

// Returns the page: how many claims have which verdict, the table of all claims, and a section for
// each experiment.
std::string page_of(const std::vector<Experiment>& experiments);

}  // namespace steepest::trainer
