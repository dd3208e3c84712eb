// SPDX-License-Identifier: Apache-2.0
// The processes of a run as one of them sees them: what they tell each other beside the optimizer's
// step. Its functions are collectives: all processes call them, in the same order. A process that
// is alone has nobody to ask.
#pragma once

#include <memory>
#include <vector>

#include "steepest/distributed/process_group.h"

namespace steepest::trainer {

class Team {
 public:
  // Of one process; or of the processes of the group.
  Team() = default;
  explicit Team(std::shared_ptr<ProcessGroup> group) : group_(std::move(group)) {}

  int64_t rank() const { return group_ ? group_->rank() : 0; }
  int64_t size() const { return group_ ? group_->size() : 1; }
  // Null where this process is alone.
  const std::shared_ptr<ProcessGroup>& group() const { return group_; }

  // What all have heard.
  struct Heard {
    int64_t word = 0;  // of process 0
    int signal = 0;    // the first process' that has received one; 0: none has
  };
  // Tells the others this process' word, which counts for process 0 alone, and the signal that it
  // has received.
  Heard hear(int64_t word, int signal = 0) const;

  // Replaces each tensor by its sum over the processes, added up in the order of their numbers, the
  // same bits on each: in flat buckets, so that many small ones take few messages.
  void sum(const std::vector<at::Tensor>& tensors) const;

 private:
  std::shared_ptr<ProcessGroup> group_;
};

}  // namespace steepest::trainer
