// SPDX-License-Identifier: Apache-2.0
// The blocks of an accelerator whose steps are one list of tensors a stage: they wait for no other
// block, and their numbers are equal, whatever their shapes.
#pragma once

#include <vector>

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

// Takes, out of `blocks`, those that lists serve, and returns them by what they share: on an
// accelerator, in float32 or float64, with a norm that takes lists, a fixed step, and nothing that
// is kept for single matrices. It comes after begin_step(). `rows`: where rates lie on the device,
// those of each of the plan's groups (see DeviceRates); the blocks then are those whose step needs
// no other number that changes.
std::vector<Alike> take_alike(const StepInput& in, std::vector<const Block*>& blocks,
                              const std::vector<int64_t>& rows = {});

// Whether directions are sharp ones, of the size of their duals.
inline bool is_sharp(const StepInput& in) { return in.plan.needs == Needs::sharp; }

// Returns the block's piece of its momentum, undefined without one, or of a slot of its norm.
at::Tensor momentum_of(const StepInput& in, const Block& block);
at::Tensor slot_of(const StepInput& in, const Block& block, const BlockSlot& slot);

// Returns what the block's direction is multiplied by without its radius, where that is the
// batch's.
double coefficient_of(const StepInput& in, const Block& block, bool with_radius);

}  // namespace steepest::engine
