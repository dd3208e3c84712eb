// SPDX-License-Identifier: Apache-2.0
// The memory of a step's intermediate results on an accelerator, as one piece: a step that is given
// it allocates nothing, so that it can be captured into a graph and replayed at the same addresses.
#pragma once

#include <ATen/core/Tensor.h>

namespace steepest {

class Arena {
 public:
  // `memory` [bytes] uint8 is what take() gives tensors of; undefined: each has memory of its own.
  explicit Arena(at::Tensor memory = {}) : memory_(std::move(memory)) {}

  // Returns an uninitialized tensor of these sizes, dtype and device: a part of the memory that is
  // not in use, or, where too little is left, new memory.
  at::Tensor take(at::IntArrayRef sizes, const at::TensorOptions& options);
  // Returns how much is in use; release() gives back what was taken since then.
  int64_t used() const { return used_; }
  void release(int64_t used) { used_ = used; }

  // Whether tensors are given from memory that its owner keeps.
  bool is_kept() const { return memory_.defined(); }
  // Returns the bytes of memory that would have been enough for all calls so far.
  int64_t needed() const { return needed_; }

 private:
  at::Tensor memory_;
  int64_t used_ = 0, needed_ = 0;
};

}  // namespace steepest
