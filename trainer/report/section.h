// SPDX-License-Identifier: Apache-2.0
// One experiment within the report.
#pragma once

#include <string>

#include "trainer/report/colours.h"
#include "trainer/report/experiment.h"
#include "trainer/report/html.h"

namespace steepest::trainer {

// Adds the section of an experiment with results, to which links lead by `anchor`: question, forest
// plots of the tested claims, curves, settings, versions, commands, and what is missing.
void add_section(Html& html, const Experiment& experiment, const std::string& anchor,
                 const Styles& styles);

// Adds one line, to be opened, for the claims that are not tested; of an experiment without results
// with what add_section would tell. Adds nothing where there is nothing of either.
void add_untested(Html& html, const Experiment& experiment);

}  // namespace steepest::trainer
