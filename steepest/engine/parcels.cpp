// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/parcels.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

#include "steepest/transforms/transform.h"

namespace steepest::engine {
namespace {

using Kind = Item::Kind;

// Calls body(slot) for each slot of the block's norm and transforms.
void each_slot(const Plan& whole, size_t block, const auto& body) {
  const auto& layout = whole.block_layouts[block];
  for (const auto& own : layout.norm) body(own);
  for (const auto& slots : layout.transforms)
    for (const auto& own : slots) body(own);
}

// Whether one of the block's transforms says so.
bool any_transform(const Plan& whole, size_t block, bool (Transform::*says)() const) {
  const auto& transforms = whole.rules_of(whole.blocks[block]).transforms;
  return std::any_of(transforms.begin(), transforms.end(),
                     [&](const auto& transform) { return (*transform.*says)(); });
}

// Returns the bytes of a parcel in an exchange: rounded up, so that each begins where a tensor of
// any dtype may.
int64_t bytes_of(const at::Tensor& proto) {
  constexpr int64_t kAlign = 16;
  return (proto.numel() * proto.element_size() + kAlign - 1) / kAlign * kAlign;
}

// Returns the parcel that begins at byte `at` as a tensor.
at::Tensor view_of(const at::Tensor& bytes, int64_t at, const at::Tensor& proto) {
  return bytes.narrow(0, at, proto.numel() * proto.element_size())
      .view(proto.scalar_type())
      .view(proto.sizes());
}

}  // namespace

std::vector<Item> items_out(const Plan& whole, size_t block) {
  std::vector<Item> items{{Kind::update}};
  if (whole.rules_of(whole.blocks[block]).traits.adaptive) items.push_back({Kind::gradient});
  if (any_transform(whole, block, &Transform::uses_weight)) items.push_back({Kind::weight});
  if (any_transform(whole, block, &Transform::uses_momentum)) items.push_back({Kind::momentum});
  each_slot(whole, block, [&](const BlockSlot& own) {
    if (own.slot.like_param()) items.push_back({Kind::slot, own.index});
  });
  return items;
}

std::vector<Item> items_back(const Plan& whole, size_t block) {
  std::vector<Item> items{{Kind::direction}};
  if (any_transform(whole, block, &Transform::uses_momentum)) items.push_back({Kind::momentum});
  each_slot(whole, block, [&](const BlockSlot& own) {
    if (own.slot.like_param()) items.push_back({Kind::slot, own.index});
  });
  items.push_back({Kind::numbers});
  return items;
}

const BlockSlot& flat_slot(const Plan& whole, const Parcel& parcel) {
  const BlockSlot* found = nullptr;
  each_slot(whole, parcel.block, [&](const BlockSlot& own) {
    if (own.index == parcel.item.slot && !own.slot.like_param()) found = &own;
  });
  TORCH_INTERNAL_ASSERT(found);
  return *found;
}

std::vector<Parcel> Parcels::out(int64_t from, int64_t to) const {
  std::vector<Parcel> parcels;
  if (from == to) return parcels;
  for (const size_t block : blocks_) {
    if (sharing_.owners[block] != to) continue;
    const auto param = static_cast<size_t>(sharing_.whole.blocks[block].param);
    const auto box = sharing_.held(block, from);
    if (box.numel() == 0 || sharing_.source(param, from, to) != from) continue;
    for (const auto& item : items_out(sharing_.whole, block)) parcels.push_back({block, item, box});
  }
  return parcels;
}

// A process without a part of the block gets its flat slots all the same: as they are not sharded,
// every process keeps them.
std::vector<Parcel> Parcels::back(int64_t from, int64_t to) const {
  std::vector<Parcel> parcels;
  if (from == to) return parcels;
  for (const size_t block : blocks_) {
    if (sharing_.owners[block] != from) continue;
    const auto box = sharing_.held(block, to);
    if (box.numel() > 0)
      for (const auto& item : items_back(sharing_.whole, block))
        parcels.push_back({block, item, box});
    each_slot(sharing_.whole, block, [&](const BlockSlot& own) {
      if (!own.slot.like_param()) parcels.push_back({block, {Kind::flat, own.index}, {}});
    });
  }
  return parcels;
}

void exchange(ProcessGroup& group, const ParcelsBetween& between, const Ends& ends,
              const at::Device& device) {
  struct Placed {
    Parcel parcel;
    at::Tensor proto;
  };
  const int64_t rank = group.rank(), size = group.size();
  std::vector<Placed> going, coming;
  std::vector<int64_t> sent(size), received(size);
  const auto list = [&](int64_t from, int64_t to, std::vector<Placed>& all, int64_t& bytes) {
    for (auto& parcel : between(from, to)) {
      auto proto = ends.proto(parcel);
      bytes += bytes_of(proto);
      all.push_back({std::move(parcel), std::move(proto)});
    }
  };
  for (int64_t r = 0; r < size; ++r) {
    list(rank, r, going, sent[r]);
    list(r, rank, coming, received[r]);
  }
  const auto total = std::accumulate(sent.begin(), sent.end(), int64_t{0});
  const auto buffer = at::empty({total}, at::TensorOptions(at::kByte).device(device));
  int64_t at = 0;
  for (const auto& [parcel, proto] : going) {
    view_of(buffer, at, proto).copy_(ends.source(parcel));
    at += bytes_of(proto);
  }
  const auto arrived = group.exchange(buffer, sent, received);
  at = 0;
  for (const auto& [parcel, proto] : coming) {
    ends.target(parcel, view_of(arrived, at, proto));
    at += bytes_of(proto);
  }
}

}  // namespace steepest::engine
