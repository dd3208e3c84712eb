// SPDX-License-Identifier: Apache-2.0
// A run from its first step, or from its latest checkpoint, to its last, with everything written.
#pragma once

#include "trainer/allowed_changes.h"
#include "trainer/run_spec.h"

namespace steepest::trainer {

struct LoopOptions {
  bool resume = false;
  bool quiet = false;           // no progress on stderr
  AllowedChanges allowed = {};  // at a resumption
};

// Runs the training of `spec` to its end and returns an ExitCode; progress goes to stderr, one JSON
// line with the result to stdout. What its parts throw (ConfigError, DataError, CheckpointError,
// RunError, FileError, errors of torch) is left to the caller.
int run_training(const RunSpec& spec, const LoopOptions& options);

}  // namespace steepest::trainer
