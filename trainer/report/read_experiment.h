// SPDX-License-Identifier: Apache-2.0
// Experiments from their folders.
#pragma once

#include <string>
#include <vector>

#include "trainer/report/experiment.h"

namespace steepest::trainer {

// Returns the experiments in `folder` and below it: each folder with an expected.json or a
// verdict.json, in the order of their paths; runs' own folders ("runs") and links are not looked
// into. Last come the claims of `folder`/not_run.json, if there is one, which have no experiment.
// What an experiment lacks is in its `missing`. Throws ConfigError where there is none;
// RunError or FileError, in one line that names the file, for one that cannot be read.
std::vector<Experiment> read_experiments(const std::string& folder);

// Returns the experiment in this folder, under this name.
Experiment read_experiment(const std::string& folder, const std::string& name);

}  // namespace steepest::trainer
