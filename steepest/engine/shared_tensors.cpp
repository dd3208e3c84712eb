// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/shared_tensors.h"

#include <ATen/ATen.h>

#include "steepest/engine/advance.h"

namespace steepest::engine {

at::Tensor SharedTensors::local(size_t param, const Item& item) const {
  const auto& own = in_.params[param];
  switch (item.kind) {
    case Kind::weight:
      return own.value;
    case Kind::momentum:
      return own.state->momentum_buffer;
    case Kind::slot:
      return own.state->slots[item.slot];
    default:
      break;
  }
  const auto found = local_.find({param, item});
  return found == local_.end() ? at::Tensor() : found->second;
}

void SharedTensors::keep_local(const Block& part, Kind kind, const at::Tensor& t) {
  const auto param = static_cast<size_t>(part.param);
  auto& kept = local_[{param, {kind}}];
  if (part.length < 0) {
    kept = t;
    return;
  }
  if (!kept.defined()) kept = at::empty(local_box(param).size, t.options());
  part.piece(kept).copy_(t);
}

void SharedTensors::keep_local(size_t block, Kind kind, const at::Tensor& t) {
  const auto param = static_cast<size_t>(sharing_.whole.blocks[block].param);
  const auto box = sharing_.held(block, rank_);
  auto& kept = local_[{param, {kind}}];
  const auto own = dtype_of(param, {kind});
  if (box == local_box(param)) {
    kept = t.to(own);
    return;
  }
  if (!kept.defined()) kept = at::empty(local_box(param).size, t.options().dtype(own));
  box.of(kept, local_box(param)).copy_(t);
}

at::Tensor SharedTensors::whole(size_t param, const Item& item) {
  if (holds_all(param) && item.kind != Kind::direction) return local(param, item);
  auto& kept = whole_[{param, item}];
  if (!kept.defined()) {
    const auto options = in_.params[param].value.options().requires_grad(false);
    kept = at::empty(sharing_.whole.params[param].shape, options.dtype(dtype_of(param, item)));
  }
  return kept;
}

void SharedTensors::keep_whole(const Block& block, Kind kind, const at::Tensor& t) {
  const auto param = static_cast<size_t>(block.param);
  if (block.length < 0)
    whole_[{param, {kind}}] = t;
  else
    block.piece(whole(param, {kind})).copy_(t);
}

at::ScalarType SharedTensors::dtype_of(size_t param, const Item& item) const {
  switch (item.kind) {
    case Kind::gradient:
      return in_.params[param].grad.scalar_type();
    case Kind::weight:
    case Kind::momentum:
    case Kind::slot:
      return local(param, item).scalar_type();
    default:
      return dtype_of_update(in_, sharing_.whole.blocks[sharing_.whole.layouts[param].blocks[0]]);
  }
}

at::Tensor SharedTensors::proto(size_t param, const Item& item, const Box& box) const {
  return at::empty(box.size, at::TensorOptions(at::kMeta).dtype(wire_dtype(param, item)));
}

// A wider wire than the tensor would carry zeros.
at::ScalarType SharedTensors::wire_dtype(size_t param, const Item& item) const {
  const auto own = dtype_of(param, item), wire = sharing_.member.wire.value_or(own);
  const bool rounds = item.kind == Kind::update || item.kind == Kind::direction;
  return rounds && c10::elementSize(wire) < c10::elementSize(own) ? wire : own;
}

at::Tensor SharedTensors::as_sent(size_t param, Kind kind, const at::Tensor& t) const {
  const auto wire = wire_dtype(param, {kind}), own = dtype_of(param, {kind});
  return wire == own ? t.to(own) : t.to(wire).to(own);
}

void SharedTensors::drop_updates() {
  std::erase_if(local_, [](const auto& kept) { return kept.first.second.kind != Kind::direction; });
  std::erase_if(whole_, [](const auto& kept) {
    const auto kind = kept.first.second.kind;
    return kind == Kind::update || kind == Kind::gradient || kind == Kind::weight;
  });
}

}  // namespace steepest::engine
