// SPDX-License-Identifier: Apache-2.0
// The tensors of a step that processes share: of each parameter what this process holds, and, of
// those whose directions it computes, the whole.
#pragma once

#include <map>
#include <utility>

#include "steepest/engine/parcels.h"

namespace steepest::engine {

class SharedTensors {
 public:
  using Kind = Item::Kind;

  // Keeps a reference to the step's input, of what process number `rank` holds.
  SharedTensors(const StepInput& in, int64_t rank)
      : in_(in), sharing_(*in.plan.sharing), rank_(rank) {}

  // Returns what this process holds of the parameter, and all of it, as boxes.
  const Box& local_box(size_t param) const { return sharing_.box(param, rank_); }
  Box whole_box(size_t param) const {
    return steepest::whole_box(sharing_.whole.params[param].shape);
  }
  // Whether this process holds the whole parameter: then what is local is whole, but for
  // directions.
  bool holds_all(size_t param) const { return local_box(param) == whole_box(param); }

  // Returns the parameter's tensor of an item, of the shape that this process holds; undefined
  // where it has none.
  at::Tensor local(size_t param, const Item& item) const;
  // Keeps t, of the shape of the part's piece, as that part of the local tensor of a kind.
  void keep_local(const Block& part, Kind kind, const at::Tensor& t);
  // Keeps t, which is what this process holds of a block (number `block` of the whole plan),
  // likewise: without a copy where that is all that it holds of the parameter.
  void keep_local(size_t block, Kind kind, const at::Tensor& t);

  // Returns the parameter's tensor of an item, of its whole shape; made when first asked for.
  at::Tensor whole(size_t param, const Item& item);
  // Keeps t, of the shape of the block's piece, as that part of the whole tensor of a kind.
  void keep_whole(const Block& block, Kind kind, const at::Tensor& t);

  // Returns an empty tensor, on no device, of the sizes and dtype in which an item of a box of the
  // parameter travels.
  at::Tensor proto(size_t param, const Item& item, const Box& box) const;

  // Returns t as it is once it has travelled as an item of this kind: rounded to the dtype on the
  // wire, in its own dtype.
  at::Tensor as_sent(size_t param, Kind kind, const at::Tensor& t) const;

  // Drops all but the directions of the local ones, and what was gathered for measuring.
  void drop_updates();

 private:
  // Returns the dtype of the parameter's tensor of an item, and that in which it travels.
  at::ScalarType dtype_of(size_t param, const Item& item) const;
  at::ScalarType wire_dtype(size_t param, const Item& item) const;

  const StepInput& in_;
  const Sharing& sharing_;
  int64_t rank_;
  std::map<std::pair<size_t, Item>, at::Tensor> local_, whole_;  // by parameter
};

}  // namespace steepest::engine
