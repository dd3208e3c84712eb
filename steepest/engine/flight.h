// SPDX-License-Identifier: Apache-2.0
// Blocks on their way through a step that processes share: from what each holds of u to the owner,
// who has the norm measure whole matrices as one process would, and back with the directions. Every
// process takes part in every flight, in the same order.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "steepest/engine/linear_model.h"
#include "steepest/engine/measure.h"
#include "steepest/engine/parcels.h"
#include "steepest/engine/scales.h"

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
  using Kind = Item::Kind;

  // Advances the momenta and keeps u, and for adaptive norms the gradients, of what this process
  // holds.
  void advance(LinearModel& model);
  // Exchanges what the owners need, and joins this process' own part of what it owns.
  void send_out();
  // Sets params_ and states_ to the whole parameters that this process owns blocks of.
  void make_whole_params();
  // Returns the numbers of the blocks that this process owns.
  std::vector<size_t> own_blocks() const;
  // Measures the directions of the blocks that this process owns.
  void measure_own();
  // What is kept of a bucket's directions.
  struct Found {
    Direction direction;
    at::Tensor recorded;  // duals for the record, where they are asked for
  };
  // Measures the directions of one bucket of `whole`, and lets transforms finish with them.
  Found measure_bucket(const StepInput& whole, const Bucket& bucket);
  // Keeps what was found of the bucket's blocks, as whole tensors.
  void keep_directions(const Bucket& bucket, const Found& found);
  // Exchanges directions and changed state, and takes over this process' own.
  void send_back();

  // Returns where the bytes of an exchange lie: with the parameters.
  at::Device device() const { return in_.params[0].value.device(); }
  // Whether this process computes the block's direction.
  bool owns(size_t block) const { return sharing_.owners[block] == group_.rank(); }
  // Returns what this process holds of the parameter.
  const Box& local_box(size_t param) const { return sharing_.boxes[param][group_.rank()]; }
  // Returns the box of the whole parameter.
  Box whole_box_of(size_t param) const { return whole_box(sharing_.whole.params[param].shape); }
  // Whether this process holds the whole parameter, so that what is local is whole.
  bool holds_all(size_t param) const { return local_box(param) == whole_box_of(param); }
  // Returns the parameter's tensor of an item, of the shape that this process holds.
  at::Tensor local(size_t param, const Item& item) const;
  // Returns the parameter's tensor of an item, of its whole shape; made when first asked for.
  at::Tensor whole(size_t param, const Item& item);
  // Returns the dtype in which the parameter's tensor of an item travels.
  at::ScalarType dtype_of(size_t param, const Item& item) const;
  // Returns an empty tensor, on no device, of a parcel's sizes and dtype.
  at::Tensor proto(const Parcel& parcel) const;
  // Returns this process' tensor of a parcel that has not the parameter's shape.
  at::Tensor small(const Parcel& parcel) const;
  // Takes over s, what this process holds of a block's direction, without a copy where that is all
  // that it holds of the parameter.
  void take_direction(size_t block, const at::Tensor& s);

  const StepInput& in_;
  const Sharing& sharing_;
  ProcessGroup& group_;
  std::vector<size_t> blocks_;                     // of the whole plan
  std::map<size_t, std::vector<const Block*>> parts_;  // of each, what this process holds
  bool measured_ = false;

  using Key = std::pair<size_t, Item>;     // a parameter's tensor
  std::map<Key, at::Tensor> local_;        // u, gradients and directions, of the local shape
  std::map<Key, at::Tensor> whole_;        // of those that this process owns blocks of
  std::map<size_t, bool> private_;         // by parameter: whether u may be overwritten
  std::map<size_t, at::Tensor> numbers_;   // of each block: see Item::Kind::numbers
  std::map<size_t, at::Tensor> duals_, recorded_;  // of each own block
  std::vector<ParamState> states_;         // of the whole parameters
  std::vector<Param> params_;
};

}  // namespace steepest::engine
