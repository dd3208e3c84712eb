// SPDX-License-Identifier: Apache-2.0
// The state of a bucket's matrices as batches, as norms and transforms are given it.
#pragma once

#include "steepest/engine/bucket.h"

namespace steepest::engine {

// One tensor [B, ..]: a view of the state where the bucket is one block that lies so in memory,
// else a copy, which write_back() returns to where it belongs.
class StateBatch {
 public:
  // The block's matrices of a state tensor of its parameter's shape, or of one of its slots.
  void add(const Block& block, const at::Tensor& state);
  void add(const Block& block, const at::Tensor& state, const BlockSlot& slot);
  void join();  // makes the batch, after the last add()

  const at::Tensor& tensor() const { return tensor_; }
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

// What the norm and the transforms of a bucket keep. Made when the blocks' states exist.
struct BucketState {
  BucketState() = default;
  BucketState(const StepInput& in, const Bucket& bucket);

  std::vector<StateBatch> norm;
  std::vector<std::vector<StateBatch>> transforms;
};

// The momenta of a bucket as they are now.
StateBatch momentum_batch(const StepInput& in, const Bucket& bucket);

std::vector<at::Tensor> tensors_of(const std::vector<StateBatch>& batches);
void write_back(const std::vector<StateBatch>& batches);

}  // namespace steepest::engine
