// SPDX-License-Identifier: Apache-2.0
// One experiment within the report.
#pragma once

#include <string>

#include "trainer/report/experiment.h"
#include "trainer/report/html.h"

namespace steepest::trainer {

// Adds the section of an experiment, to which links lead by `anchor`: question, forest plots,
// curves, settings, versions, commands, and what is missing.
void add_section(Html& html, const Experiment& experiment, const std::string& anchor);

}  // namespace steepest::trainer
