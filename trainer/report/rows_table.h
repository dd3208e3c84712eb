// SPDX-License-Identifier: Apache-2.0
// The rows of an experiment: what was chosen, and what it came to.
#pragma once

#include <vector>

#include "trainer/report/html.h"
#include "trainer/report/runs.h"

namespace steepest::trainer {

// Adds the table of the rows, to be opened, without the columns that would be empty.
void add_rows(Html& html, const std::vector<RunsOfRow>& rows);

}  // namespace steepest::trainer
