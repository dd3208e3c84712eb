// SPDX-License-Identifier: Apache-2.0
// All experiments as one HTML page that needs no network and no script.
#pragma once

#include <string>
#include <vector>

#include "trainer/report/experiment.h"
#include "trainer/report/glossary.h"

namespace steepest::trainer {

// Returns the page: how many claims have which verdict, how to read it, the tested claims, a
// section for each experiment with results, and what is not tested.
std::string page_of(const std::vector<Experiment>& experiments, const Glossary& glossary);

}  // namespace steepest::trainer
