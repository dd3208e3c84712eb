// SPDX-License-Identifier: Apache-2.0
// The part of a run that all processes but the first take: steps, and no files.
#pragma once

#include "trainer/distributed/team.h"
#include "trainer/run_spec.h"

namespace steepest::trainer {

// What process 0 says before each step.
constexpr int64_t kEnd = 0, kGoOn = 1;

// Takes the steps of the run of `spec` beside process 0, until that one says kEnd; returns kDone.
// With `resumes` it begins where process 0 says that it does, with the checkpoint that this one has
// read. Throws as run_training.
int follow(const RunSpec& spec, bool resumes, const Team& team);

}  // namespace steepest::trainer
