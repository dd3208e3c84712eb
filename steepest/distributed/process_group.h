// SPDX-License-Identifier: Apache-2.0
// The two collectives of a step, over whatever carries them.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

namespace steepest {

class ProcessGroup {
 public:
  virtual ~ProcessGroup() = default;

  // Returns this process' number, from 0 to below size().
  virtual int64_t rank() const = 0;
  virtual int64_t size() const = 0;

  // Sends sent[r] bytes to process r, one part after another in `bytes`, uint8 [sum of sent], and
  // returns what the others have sent, received[r] bytes of process r: uint8 [sum of received], on
  // the device of `bytes`. Every process calls it, in the same order as the other collectives.
  virtual at::Tensor exchange(const at::Tensor& bytes, at::IntArrayRef sent,
                              at::IntArrayRef received) = 0;

  // Returns the sum of x, of one shape and dtype on all processes, over the processes: the same
  // bits on each.
  virtual at::Tensor sum(const at::Tensor& x) = 0;
};

// Returns the group of torch.distributed that has this name (group.group_name in Python). Its
// collectives throw c10::Error where another process has failed.
std::shared_ptr<ProcessGroup> process_group_of(const std::string& name, int64_t rank, int64_t size);

}  // namespace steepest
