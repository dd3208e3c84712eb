// SPDX-License-Identifier: Apache-2.0
// What a step does beside the others' where processes share a model: they agree on what takes part,
// and add up their duals. Every function is a collective: all processes of the group call it.
#pragma once

#include <vector>

#include "steepest/distributed/process_group.h"
#include "steepest/engine/flight.h"
#include "steepest/engine/job.h"

namespace steepest::engine {

// Throws c10::ValueError, the same on every process, where a parameter has a gradient on some of
// them only.
void agree_on_gradients(const Plan& plan, const std::vector<Param>& params, ProcessGroup& group);

// Whether the condition holds on any process; `group` is null where there is one process.
bool holds_anywhere(bool condition, ProcessGroup* group);

// Returns the flights of a step: the blocks that have owners and gradients, in the plan's order,
// cut where more bytes would be on their way than a process should hold.
std::vector<Flight> make_flights(const StepInput& in, ProcessGroup& group);

// The duals of a step as every process finds a part of them.
class SharedDuals {
 public:
  // Begins with zeros for the leaves of the whole network. Keeps a reference to `in`.
  explicit SharedDuals(const StepInput& in);

  // Adds the duals of a bucket that is computed where it lies: this step's own, or with
  // `for_record` those of measure_duals. Buckets may be added at the same time.
  void add(const Job& job, bool for_record = false);
  // Adds those of a flight's blocks that this process owns.
  void add(const Flight& flight, bool for_record = false);

  // Returns the sum over the processes, as duals [batch] of each block of the whole plan; undefined
  // where a block has no gradient. `products`, LinearModel::own_products(), where it is defined, is
  // replaced by its sum in the same collective.
  std::vector<at::Tensor> sum(ProcessGroup& group, at::Tensor& products) const;
  std::vector<at::Tensor> sum(ProcessGroup& group) const {
    at::Tensor none;
    return sum(group, none);
  }

 private:
  const StepInput& in_;
  at::Tensor leaves_;  // [leaves] float64
};

// Stores the duals, of each block of the whole plan, in the parameters' states, where the next step
// reads them.
void store_shared_duals(const StepInput& whole, const std::vector<at::Tensor>& duals);

}  // namespace steepest::engine
