// SPDX-License-Identifier: Apache-2.0
// Blocks of one shape, dtype, device and norm are stacked, so that a norm sees one batch.
#pragma once

#include "steepest/engine/step_input.h"

namespace steepest::engine {

struct Bucket {
  std::vector<const Block*> blocks;
  int64_t batch = 0;                 // the sum of the blocks' batches
  double estimated_flops = 0;        // of its norm
  double workspace_bytes = 0;        // that it takes while it is computed, roughly
  bool single_threaded = false;      // one thread computes it, whoever else may wait
  bool in_memory = true;             // this process', not an accelerator's: see is_in_memory
  const Kernels* kernels = nullptr;  // of the blocks' device

  // Returns the block that stands for all: they have matrix shape, dtype and device in common, and
  // one group, or groups with the same choices and numbers.
  const Block& first() const { return *blocks[0]; }
};

// Sorts the blocks, which are given in the plan's order, into buckets that a norm computes in one
// call; what is in a bucket does not depend on threads. On the CPU a bucket is cut where it would
// outgrow a core's cache: a large matrix is a bucket.
std::vector<Bucket> make_buckets(const StepInput& in, const std::vector<const Block*>& blocks);

// Returns the blocks' tensors [b, ..] as the bucket's [B, ..]; that of one block is the tensor
// itself.
at::Tensor joined(const std::vector<at::Tensor>& of_blocks);

// Returns the number of each of the bucket's matrices [B] among all of the network.
std::vector<int64_t> leaves_of(const Bucket& bucket);

// Calls body(block, index of its first matrix in the bucket) for each block.
void each_block(const Bucket& bucket, const auto& body) {
  int64_t at = 0;
  for (const auto* block : bucket.blocks) {
    body(*block, at);
    at += block->batch;
  }
}

}  // namespace steepest::engine
