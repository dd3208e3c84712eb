// SPDX-License-Identifier: Apache-2.0
// A run as its folder holds it: for the commands that only read.
#pragma once

#include <memory>
#include <string>

#include "trainer/session.h"

namespace steepest::trainer {

// The session of a run at its latest valid checkpoint; damaged newer ones are named on stderr.
// Throws ConfigError, RunError or CheckpointError.
std::unique_ptr<Session> open_run(const std::string& folder,
                                  const std::vector<std::string>& overrides = {});

}  // namespace steepest::trainer
