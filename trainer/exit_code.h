// SPDX-License-Identifier: Apache-2.0
// What the command's exit code tells a script.
#pragma once

namespace steepest::trainer {

enum ExitCode {
  kDone = 0,
  kFailed = 1,      // anything that no other code names: memory, a result that cannot be printed
  kUsage = 2,       // command line, run file, recipe
  kData = 3,        // a data file, or data that changed
  kCheckpoint = 4,  // a checkpoint, the run folder, the disk
  kNumeric = 5,     // NaN or Inf: too many steps in a row refused, or in weights or validation loss
  kLost = 6,        // another process of the run was lost; the last checkpoint is there
  kSignal = 128     // and the signal's number (130 SIGINT, 143 SIGTERM, ..): the step was finished
                    // and saved
};

}  // namespace steepest::trainer
