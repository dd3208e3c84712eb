// SPDX-License-Identifier: Apache-2.0
// The state of a bucket's matrices as batches, as norms and transforms are given it.
#pragma once

#include "steepest/engine/bucket.h"

namespace steepest::engine {

// One tensor [B, ..]: a view of the state where the bucket is one block that lies so in memory,
// else a copy, which write_back() returns to where it belongs.
class StateBatch {
 public:
  // Adds the block's matrices of a state tensor of its parameter's shape, behind those added
  // before.
  void add_block(const Block& block, const at::Tensor& state);
  // Adds the block's part of a slot; `state` is the parameter's tensor of it.
  void add_block(const Block& block, const at::Tensor& state, const BlockSlot& slot);
  // Sets tensor() to the batch [B, ..] of what was added; to be called after the last add_block().
  // It is a view of the state where one block was added and its layout allows it, else a copy.
  void join();

  // Returns the batch [B, ..], after join().
  const at::Tensor& tensor() const { return tensor_; }
  // Copies the batch into the parameters' state, where it is not a view of that.
  void write_back() const;

 private:
  struct Part {
    const Block* block;
    at::Tensor own;    // a view of the state, in its layout
    at::Tensor batch;  // the same as [b, ..]
    bool like_param;
  };
  std::vector<Part> parts_;
  at::Tensor tensor_;
};

// What the norm and the transforms of a bucket keep from step to step, one batch for each of their
// slots. It can be made once the blocks' states exist.
struct BucketState {
  BucketState() = default;
  // Collects the slots of the bucket's norm and transforms.
  BucketState(const StepInput& in, const Bucket& bucket);

  std::vector<StateBatch> norm;
  std::vector<std::vector<StateBatch>> transforms;  // of each transform
};

// Returns the momenta of the bucket's blocks as one batch [B, r, c], as they are now.
StateBatch momentum_batch(const StepInput& in, const Bucket& bucket);

// Returns what the geometry of the block keeps of its matrices, a batch for each of its slots.
std::vector<StateBatch> geometry_state(const StepInput& in, const Block& block);
// Returns what the block's geometry is given beside its matrices: its slots and this step's
// numbers.
GeometryContext geometry_context(const StepInput& in, const Block& block,
                                 const std::vector<StateBatch>& state);

// Returns what the bucket's norm is given beside matrices: its slots as batches [B, ..], eps, how
// many gradients they have seen, and the corrections of a bias: 1 - beta2^t, and rho of u itself.
NormContext norm_context(const StepInput& in, const Bucket& bucket, const BucketState& state);

// Returns the batches' tensors [B, ..], as norms and transforms take their slots.
std::vector<at::Tensor> tensors_of(const std::vector<StateBatch>& batches);
// Copies each batch into the parameters' state, where it is not a view of that.
void write_back(const std::vector<StateBatch>& batches);

}  // namespace steepest::engine
