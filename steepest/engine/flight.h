// SPDX-License-Identifier: Apache-2.0
// Blocks on their way through a step that processes share: from what each holds of u to the owner,
// who has the norm measure whole matrices as one process would, and back with the directions. Every
// process takes part in every flight, in the same order.
#pragma once

#include <map>
#include <vector>

#include "steepest/engine/linear_model.h"
#include "steepest/engine/measure.h"
#include "steepest/engine/scales.h"
#include "steepest/engine/shared_tensors.h"

namespace steepest::engine {

class Flight {
 public:
  // Takes blocks of the whole plan, by number, that have owners and gradients. Keeps references to
  // the step's input, of what this process holds, and to the group.
  Flight(const StepInput& in, ProcessGroup& group, std::vector<size_t> blocks);

  // Advances the momenta of what this process holds, records Momo's inner products in `model` where
  // it needs them, sends u to the owners, and measures the directions of the blocks that this one
  // owns. Nothing is done where it has been done before.
  void measure(LinearModel& model);
  // Gets the directions from their owners, moves the weights that this process holds by them times
  // what `scales` says, and takes over the state that the owners have changed.
  void apply(const StepScales& scales);

  // Writes the duals of the matrices whose directions this process has measured into `leaves`,
  // [leaves of the network] float64; with `for_record` those of measure_duals.
  void write_duals(const at::Tensor& leaves, bool for_record) const;

 private:
  // What travels of one block.
  struct Traveller {
    size_t index;                     // of the whole plan
    std::vector<const Block*> parts;  // what this process holds of it
    at::Tensor numbers;               // of its direction: see Item::Kind::numbers
    at::Tensor dual, recorded;        // [batch] float64, where this process owns it
  };
  // What was found of a bucket.
  struct Found {
    Direction direction;
    at::Tensor recorded;  // duals for the record, where they are asked for
  };

  // Advances the momenta and keeps u, and for adaptive norms the gradients, of what this process
  // holds.
  void advance(LinearModel& model);
  // Exchanges what the owners need, and joins this process' own part of what it owns.
  void send_out();
  // Measures the directions of the blocks that this process owns.
  void measure_own();
  // Measures those of one bucket of `whole`, and lets transforms finish with them.
  Found measure_bucket(const StepInput& whole, const Bucket& bucket);
  // Exchanges directions and changed state, and takes over this process' own.
  void send_back();

  // Returns the parameters of the whole plan, with `states`, as far as this process computes
  // directions of them.
  std::vector<Param> whole_params(std::vector<ParamState>& states);
  // Returns the travellers that this process owns.
  std::vector<Traveller*> own();
  // Returns the block of the whole plan, and its parameter.
  const Block& block_of(size_t index) const { return sharing_.whole.blocks[index]; }
  size_t param_of(size_t index) const { return static_cast<size_t>(block_of(index).param); }
  // Returns an empty tensor, on no device, of a parcel's sizes and dtype.
  at::Tensor proto(const Parcel& parcel) const;
  // Returns this process' tensor of a parcel that has not the parameter's shape.
  at::Tensor small(const Parcel& parcel) const;

  const StepInput& in_;
  const Sharing& sharing_;
  ProcessGroup& group_;
  SharedTensors tensors_;
  std::map<size_t, Traveller> travellers_;  // by their numbers in the whole plan
  std::map<size_t, bool> private_;          // by parameter: whether its local u may be overwritten
  bool measured_ = false;
};

}  // namespace steepest::engine
