// SPDX-License-Identifier: Apache-2.0
// What travels between the process that holds a part of a block and the one that computes its
// direction, and how it lies in the bytes of one exchange. Both ends list the same.
#pragma once

#include <functional>
#include <vector>

#include "steepest/distributed/process_group.h"
#include "steepest/distributed/sharing.h"
#include "steepest/engine/step_input.h"

namespace steepest::engine {

// A tensor that travels. All but the last two have the parameter's shape, and of them a process
// sends or gets the box that it holds.
struct Item {
  enum class Kind {
    update,     // u, what the norm is given
    gradient,   // for the statistics of an adaptive norm
    weight,     // for transforms that read it
    momentum,   // for transforms that change it
    slot,       // number `slot` of the parameter's state
    direction,  // s
    flat,    // number `slot` of the state, which is not of the parameter's shape: the block's part
    numbers  // float64: the direction's scale, and a factor for each matrix
  };
  Kind kind;
  size_t slot = 0;

  auto operator<=>(const Item&) const = default;
};

// Returns what the owner of the block (number `block` of the whole plan) needs of each process that
// holds a part of it.
std::vector<Item> items_out(const Plan& whole, size_t block);
// Returns what the owner gives back: what it has computed, and what it has changed.
std::vector<Item> items_back(const Plan& whole, size_t block);

// One tensor in the bytes between two processes.
struct Parcel {
  size_t block = 0;  // of the whole plan
  Item item;
  Box box = {};  // of the parameter; unused where the item has not the parameter's shape

  bool is_of_entries() const {
    return item.kind != Item::Kind::flat && item.kind != Item::Kind::numbers;
  }
};

// Returns the flat slot that a parcel is of.
const BlockSlot& flat_slot(const Plan& whole, const Parcel& parcel);

// Lists the parcels of some blocks, from any process to any other: none to the process itself.
class Parcels {
 public:
  // Keeps a reference to `sharing`; the blocks, numbers in its whole plan, have owners.
  Parcels(const Sharing& sharing, std::vector<size_t> blocks)
      : sharing_(sharing), blocks_(std::move(blocks)) {}

  // Returns what process `from` sends to the owner `to`: what it holds of the blocks of that owner,
  // where no other process that holds the same is nearer.
  std::vector<Parcel> out(int64_t from, int64_t to) const;
  // Returns what the owner `from` sends to process `to`: what that one holds of the owner's blocks.
  std::vector<Parcel> back(int64_t from, int64_t to) const;

 private:
  const Sharing& sharing_;
  std::vector<size_t> blocks_;
};

// The parcels of one way, from and to one process.
using ParcelsBetween = std::function<std::vector<Parcel>(int64_t from, int64_t to)>;

// Makes one exchange of this process with all others: of every parcel that it sends,
// source(parcel) is the tensor; every one that it gets is handed to target(parcel, the tensor).
// proto(parcel) is an empty tensor of the parcel's sizes on the meta device, in its dtype, and both
// ends have the same.
struct Ends {
  std::function<at::Tensor(const Parcel&)> proto, source;
  std::function<void(const Parcel&, const at::Tensor&)> target;
};
void exchange(ProcessGroup& group, const ParcelsBetween& between, const Ends& ends,
              const at::Device& device);

}  // namespace steepest::engine
