// SPDX-License-Identifier: Apache-2.0
// A run from its first step, or from its latest checkpoint, to its last, with everything written.
#pragma once

#include <optional>

#include "trainer/allowed_changes.h"
#include "trainer/distributed/world.h"
#include "trainer/run_spec.h"

namespace steepest::trainer {

struct LoopOptions {
  bool resume = false;
  bool quiet = false;               // no progress on stderr
  AllowedChanges allowed = {};      // at a resumption
  std::optional<World> world = {};  // of the processes that share the steps; nothing: one alone
};

// Runs the training of `spec` to its end and returns an ExitCode; progress goes to stderr, one JSON
// line with the result to stdout. In a world all processes call it, and the first one alone has a
// folder and prints. What its parts throw (ConfigError, DataError, CheckpointError,
// RunError, FileError, LostProcess, errors of torch) is left to the caller.
int run_training(const RunSpec& spec, const LoopOptions& options);

}  // namespace steepest::trainer
