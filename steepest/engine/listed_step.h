// SPDX-License-Identifier: Apache-2.0
// The step of blocks that are alike: a list for each stage, so that a model of any depth takes the
// same few launches.
#pragma once

#include <vector>

#include "steepest/base/arena.h"
#include "steepest/engine/alike.h"

namespace steepest::engine {

// What a step multiplies by, of blocks that are alike: numbers of the host, or tensors on the
// device in the dtype of the blocks.
struct ListedNumbers {
  StepNumber keep;                // of the weights
  StepNumber coefficient;         // -R_l of the directions, but for the radius of `batches`
  StepNumber coupled_decay;       // times the weights goes into the gradient; 0 without
  StepNumber root_of_correction;  // see ListedContext
};

// Steps the blocks of the lists: momenta, statistics and weights change in place.
void run_lists(const StepInput& in, const std::vector<Alike>& lists);

// Steps blocks that are alike with these numbers; what it takes of the arena, its caller releases.
void run_list(const StepInput& in, const Alike& alike, const ListedNumbers& numbers, Arena& arena);

}  // namespace steepest::engine
