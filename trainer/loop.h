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

// Runs the training of `spec` to its end and returns an ExitCode; progress on stderr, one JSON line
// with the result on stdout. Throws what the parts throw.
int run_training(const RunSpec& spec, const LoopOptions& options);

}  // namespace steepest::trainer
