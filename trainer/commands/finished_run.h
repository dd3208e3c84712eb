// SPDX-License-Identifier: Apache-2.0
// A run as its folder holds it: for the commands that only read.
#pragma once

#include <memory>
#include <string>

#include "trainer/session.h"

namespace steepest::trainer {

// Returns the session of the run in this folder, at its latest valid checkpoint. On stderr it names
// newer ones that are damaged, and data that `overrides` have put in the place of the run's. Throws
// ConfigError, RunError, CheckpointError or, where the data have changed since the run, DataError.
std::unique_ptr<Session> open_run(const std::string& folder,
                                  const std::vector<std::string>& overrides, DataUse use);

}  // namespace steepest::trainer
