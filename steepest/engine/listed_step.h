// SPDX-License-Identifier: Apache-2.0
// The step of blocks on an accelerator that wait for no other: a list for each stage, of blocks of
// all shapes whose numbers are equal, so that a model of any depth takes the same few launches.
#pragma once

#include <vector>

#include "steepest/base/arena.h"
#include "steepest/engine/step_input.h"
#include "steepest/norms/listed.h"

namespace steepest::engine {

// Blocks that go through the stages together.
struct Alike {
  std::vector<const Block*> blocks;
  const ListedEntries* entries = nullptr;  // the norm, which is either of the two
  const ListedBatches* batches = nullptr;
  int64_t bytes = 0;  // of their weights

  const Block& first() const { return *blocks[0]; }
};

// What a step multiplies by, of blocks that are alike: numbers of the host, or tensors on the
// device in the dtype of the blocks.
struct ListedNumbers {
  StepNumber keep;                // of the weights
  StepNumber coefficient;         // -R_l of the directions, but for the radius of `batches`
  StepNumber root_of_correction;  // see ListedContext
};

class ListedStep {
 public:
  // Keeps a reference to the step's input.
  explicit ListedStep(const StepInput& in) : in_(in) {}

  // Takes, out of the list, the blocks that it serves: on an accelerator, in float32 or float64,
  // with a norm that takes lists, a fixed step, and nothing that is kept for single matrices. It
  // comes after begin_step().
  void take(std::vector<const Block*>& blocks);
  // Returns the blocks that were taken, by what they share.
  const std::vector<Alike>& lists() const { return lists_; }

  // Steps them: momenta, statistics and weights change in place.
  void run() const;
  // Steps blocks that are alike with these numbers.
  void run(const Alike& alike, const ListedNumbers& numbers, Arena& arena) const;

 private:
  bool serves(const Block& block) const;
  const StepInput& in_;
  std::vector<Alike> lists_;
};

}  // namespace steepest::engine
