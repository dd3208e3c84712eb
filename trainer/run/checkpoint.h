// SPDX-License-Identifier: Apache-2.0
// A checkpoint is a folder of its own, ckpt-<step>/, that exists from the moment its manifest does:
// whatever happens before, the checkpoints that were there remain the ones to resume from.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "steepest/io/safetensors.h"
#include "trainer/run/manifest.h"

namespace steepest::trainer {

struct Checkpoint {
  int64_t step = 0;
  std::string config_hash;  // of the options that must not change within a run
  SafeTensors model;        // model.safetensors
  SafeTensors optimizer;    // optimizer.safetensors; what it is, in the metadata
  SafeTensors state;        // state.safetensors: random generators, the data's position, counters
  bool finite = true;       // weights and loss; saving looks at the weights itself
};

struct Saved {
  std::string folder;
  // Checkpoints that could not be removed; what stays because it is not the trainer's, once.
  std::vector<std::string> warnings;
};

// Saves a checkpoint; returns when it is durable. Then keeps this one, the newest `keep` good ones
// (valid and finite, this one counted) and what cannot be read now, and removes every other: older,
// damaged, not finite, left over, or ahead of this step. Nothing is removed through a link, and no
// file that is not a checkpoint's own. A valid one of the same step and config is left as it is.
// Throws FileError or CheckpointError; what was there before is then still there.
Saved save_checkpoint(const std::string& run, const Checkpoint& checkpoint, int keep = 2);

// Reads one checkpoint, every byte of it verified. Throws CheckpointError where it is wrong,
// FileError where it could not be read.
Checkpoint load_checkpoint(const std::string& folder);

struct Latest {
  Checkpoint checkpoint;
  std::string folder;
  // One line for each newer one that is passed over: what is wrong with it, what is used.
  std::vector<std::string> damaged;
};

enum class Want { finite, newest };

// The newest valid checkpoint of a run, of those whose weights and loss are finite where that is
// wanted and there is one; nothing when none was ever completed. Throws CheckpointError when all
// are damaged, ForeignCheckpoint when the newest undamaged one is of another format, and FileError
// when one could not be read: an older one would then be the wrong one. Another process may save
// and remove checkpoints meanwhile.
std::optional<Latest> latest_checkpoint(const std::string& run, Want want = Want::finite);

// The steps of the run's checkpoints that have a manifest, ascending.
std::vector<int64_t> checkpoint_steps(const std::string& run);
// The path of the folder of a step's checkpoint in the folder `run`.
std::string checkpoint_folder(const std::string& run, int64_t step);

// Throws ForeignCheckpoint with the first thing in which `found` is not what the run that wants to
// resume needs: the model's or the optimizer's tensors (names, shapes, dtypes), the optimizer
// metadata that `expected` gives, the config hash. Values and `expected.state` are not looked at.
void require_same_run(const std::string& folder, const Checkpoint& found,
                      const Checkpoint& expected);

}  // namespace steepest::trainer
