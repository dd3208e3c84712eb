// SPDX-License-Identifier: Apache-2.0
// A checkpoint is a folder of its own, ckpt-<step>/, that exists from the moment its manifest does:
// whatever happens before, the checkpoints that were there remain the ones to resume from.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "steepest/safetensors.h"
#include "trainer/manifest.h"

namespace steepest::trainer {

struct Checkpoint {
  int64_t step = 0;
  std::string config_hash;  // of the options that must not change within a run
  bool finite = true;       // weights, state and loss; where false, it never counts as a good one
  SafeTensors model;        // model.safetensors
  SafeTensors optimizer;    // optimizer.safetensors; what it is, in the metadata
  SafeTensors state;        // state.safetensors: random generators, the data's position, counters
};

struct Saved {
  std::string folder;
  std::vector<std::string> warnings;  // older checkpoints that could not be removed
};

// Returns when the checkpoint is durable. Then keeps the newest `keep` valid ones and removes every
// other: older, damaged, left over, or ahead of this step. A valid one of the same step and config
// is left as it is. Throws FileError or CheckpointError; what was there before is then still there.
Saved save_checkpoint(const std::string& run, const Checkpoint& checkpoint, int keep = 2);

// One checkpoint, every byte of it verified. Throws CheckpointError.
Checkpoint load_checkpoint(const std::string& folder);

struct Latest {
  Checkpoint checkpoint;
  std::string folder;
  std::vector<std::string> damaged;  // one line for each newer one: what is wrong, what is used
};

// The newest valid checkpoint of a run; nothing when none was ever completed. Throws
// CheckpointError when all are damaged, and ForeignCheckpoint when the newest undamaged one is of
// another format.
std::optional<Latest> latest_checkpoint(const std::string& run);

// The steps of the run's checkpoints that have a manifest, ascending.
std::vector<int64_t> checkpoint_steps(const std::string& run);
std::string checkpoint_folder(const std::string& run, int64_t step);

// Throws ForeignCheckpoint with the first thing in which `found` is not what the run that wants to
// resume needs: the model's or the optimizer's tensors (names, shapes, dtypes), the optimizer
// metadata that `expected` gives, the config hash. Values and `expected.state` are not looked at.
void require_same_run(const std::string& folder, const Checkpoint& found,
                      const Checkpoint& expected);

}  // namespace steepest::trainer
