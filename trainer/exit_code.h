// SPDX-License-Identifier: Apache-2.0
// What the command's exit code tells a script.
#pragma once

namespace steepest::trainer {

enum ExitCode {
  kDone = 0,
  kFailed = 1,         // anything that no other code names
  kUsage = 2,          // command line, run file, recipe
  kData = 3,           // a data file
  kCheckpoint = 4,     // a checkpoint, the run folder, the disk
  kNumeric = 5,        // too many steps in a row were refused for NaN or Inf
  kInterrupted = 130,  // SIGINT: the step was finished and saved
  kTerminated = 143,   // SIGTERM: the same
};

}  // namespace steepest::trainer
