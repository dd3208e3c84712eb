// SPDX-License-Identifier: Apache-2.0
// What an experiment claims and what it has found: expected.json and verdict.json.
#pragma once

#include "trainer/report/experiment.h"

namespace steepest::trainer {

// Takes question, paper and contrasts from the two files in the experiment's folder. A contrast of
// which verdict.json says nothing is not tested; one of which only verdict.json tells is there as
// well. A file that is not there is told in `missing`. Throws RunError, with file and place, for
// what is not of its type; FileError where a file cannot be read.
void read_contrasts(Experiment& experiment);

}  // namespace steepest::trainer
