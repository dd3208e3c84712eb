// SPDX-License-Identifier: Apache-2.0
// The folders ckpt-<step>/ of a run: which there are, and removing what the trainer wrote in one,
// and nothing else.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "steepest/io/open_folder.h"

namespace steepest::trainer {

// The name of the folder of a step's checkpoint, "ckpt-12".
std::string checkpoint_name(int64_t step);

// Steps of everything in the run that is named like a checkpoint, complete or not, newest first.
std::vector<int64_t> named_steps(const OpenFolder& run);

// Whether a manifest stands in the folder. Throws FileError where that cannot be told.
bool has_manifest(const std::string& folder);

// Removes the checkpoint's own files, then its folder; does nothing where there is none. Goes
// through no links and touches no file of another program: throws FileError naming what is left,
// with code 0 where that is not the trainer's.
void remove_checkpoint(const OpenFolder& run, int64_t step);

// Makes the folder of the step's checkpoint, or takes the one that is there, in which files of
// another program may have stayed; throws FileError where the name stands for something else, or
// the folder holds something under the name of a checkpoint's file.
void make_checkpoint_folder(const OpenFolder& run, int64_t step);

}  // namespace steepest::trainer
