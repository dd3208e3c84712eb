// SPDX-License-Identifier: Apache-2.0
// How to read the report.
#pragma once

#include "trainer/report/experiment.h"
#include "trainer/report/glossary.h"
#include "trainer/report/html.h"

namespace steepest::trainer {

// Adds what the numbers and intervals are, and, to be opened, the rules of the verdicts and the
// words.
void add_guide(Html& html, const Glossary& glossary);

}  // namespace steepest::trainer
