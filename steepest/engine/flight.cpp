// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/flight.h"

#include <ATen/ATen.h>

#include "steepest/engine/advance.h"
#include "steepest/engine/apply.h"
#include "steepest/engine/schedule.h"

namespace steepest::engine {
namespace {

// Calls body for every bucket, on the threads that run_buckets chooses.
void for_each_bucket(const std::vector<Bucket>& buckets, const std::function<void(size_t)>& body) {
  std::vector<const Bucket*> all;
  for (const auto& bucket : buckets) all.push_back(&bucket);
  run_buckets(all, body);
}

}  // namespace

Flight::Flight(const StepInput& in, ProcessGroup& group, std::vector<size_t> blocks)
    : in_(in), sharing_(*in.plan.sharing), group_(group), blocks_(std::move(blocks)) {
  for (const size_t block : blocks_) {
    const auto& planned = sharing_.whole.blocks[block];
    parts_[block] = {};
    numbers_[block] = at::ones({1 + planned.batch}, in.param(planned).value.options().requires_grad(false).dtype(at::kDouble));
  }
  for (size_t i = 0; i < in.plan.blocks.size(); ++i)
    if (const auto found = parts_.find(sharing_.whole_of[i]); found != parts_.end())
      found->second.push_back(&in.plan.blocks[i]);
}

void Flight::measure(LinearModel& model) {
  if (std::exchange(measured_, true)) return;
  advance(model);
  send_out();
  make_whole_params();
  measure_own();
  std::erase_if(whole_, [](const auto& kept) {
    const auto kind = kept.first.second.kind;
    return kind == Kind::update || kind == Kind::gradient || kind == Kind::weight;
  });
  std::erase_if(local_, [](const auto& kept) { return kept.first.second.kind != Kind::direction; });
}

void Flight::advance(LinearModel& model) {
  std::vector<Bucket> buckets;
  for (const auto& [block, parts] : parts_)
    for (const auto* part : parts)
      for (auto& alone : make_buckets(in_, {part})) buckets.push_back(std::move(alone));
  std::vector<Batch> updates(buckets.size());
  for_each_bucket(buckets, [&](size_t i) {
    updates[i] = advance_momenta(in_, buckets[i], Storage::own);
    if (model.needs_products()) model.record_products(buckets[i].first(), updates[i].matrices);
  });
  const auto keep = [&](const Block& part, Kind kind, const at::Tensor& t, const at::Tensor& like) {
    const auto param = static_cast<size_t>(part.param);
    auto& kept = local_[{param, {kind}}];
    if (part.length < 0) {
      kept = t;
    } else {
      if (!kept.defined()) kept = at::empty_like(like, t.options(), at::MemoryFormat::Contiguous);
      part.piece(kept).copy_(t);
    }
  };
  for (size_t i = 0; i < buckets.size(); ++i) {
    const auto& part = buckets[i].first();
    const auto& value = in_.param(part).value;
    keep(part, Kind::update, part.unmatrices(updates[i].matrices, part.piece(value)), value);
    private_[part.param] = part.length >= 0 || updates[i].owned;
    if (in_.plan.rules_of(part).traits.adaptive)
      keep(part, Kind::gradient, gradient(in_, part), value);
  }
}

at::Tensor Flight::local(size_t param, const Item& item) const {
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

at::Tensor Flight::whole(size_t param, const Item& item) {
  if (holds_all(param) && item.kind != Kind::direction) return local(param, item);
  auto& t = whole_[{param, item}];
  if (!t.defined())
    t = at::empty(sharing_.whole.params[param].shape,
                  in_.params[param].value.options().requires_grad(false).dtype(dtype_of(param, item)));
  return t;
}

at::ScalarType Flight::dtype_of(size_t param, const Item& item) const {
  const auto& own = in_.params[param];
  switch (item.kind) {
    case Kind::gradient:
      return own.grad.scalar_type();
    case Kind::weight:
    case Kind::momentum:
    case Kind::slot:
      return local(param, item).scalar_type();
    default:
      return dtype_of_update(in_, sharing_.whole.blocks[sharing_.whole.layouts[param].blocks[0]]);
  }
}

at::Tensor Flight::proto(const Parcel& parcel) const {
  const auto meta = at::TensorOptions(at::kMeta);
  if (!parcel.is_of_entries()) {
    const auto t = small(parcel);
    return at::empty(t.sizes(), meta.dtype(t.dtype()));
  }
  const auto param = static_cast<size_t>(sharing_.whole.blocks[parcel.block].param);
  return at::empty(parcel.box.size, meta.dtype(dtype_of(param, parcel.item)));
}

at::Tensor Flight::small(const Parcel& parcel) const {
  if (parcel.item.kind == Kind::numbers) return numbers_.at(parcel.block);
  const auto& block = sharing_.whole.blocks[parcel.block];
  const auto& layout = sharing_.whole.block_layouts[parcel.block];
  const auto& state = in_.param(block).state->slots[parcel.item.slot];
  const auto fits = [&](const BlockSlot& own) {
    return own.index == parcel.item.slot && !own.slot.like_param();
  };
  for (const auto& own : layout.norm)
    if (fits(own)) return own.of(state, block);
  for (const auto& slots : layout.transforms)
    for (const auto& own : slots)
      if (fits(own)) return own.of(state, block);
  TORCH_INTERNAL_ASSERT(false, "a parcel of no slot");
}

std::vector<size_t> Flight::own_blocks() const {
  std::vector<size_t> own;
  for (const size_t block : blocks_)
    if (owns(block)) own.push_back(block);
  return own;
}

void Flight::send_out() {
  const Parcels parcels(sharing_, blocks_);
  const auto param_of = [&](size_t block) {
    return static_cast<size_t>(sharing_.whole.blocks[block].param);
  };
  const auto into_whole = [&](size_t block, const Item& item, const Box& box, const at::Tensor& t) {
    const size_t param = param_of(block);
    box.of(whole(param, item), whole_box_of(param)).copy_(t);
  };
  for (const size_t block : own_blocks()) {
    const size_t param = param_of(block);
    const auto box = sharing_.held(block, group_.rank());
    if (holds_all(param) || box.numel() == 0) continue;
    for (const auto& item : items_out(sharing_.whole, block))
      into_whole(block, item, box, box.of(local(param, item), local_box(param)));
  }
  const Ends ends{.proto = [&](const Parcel& p) { return proto(p); },
                  .source =
                      [&](const Parcel& p) {
                        const size_t param = param_of(p.block);
                        return p.box.of(local(param, p.item), local_box(param));
                      },
                  .target = [&](const Parcel& p, const at::Tensor& t) {
                    into_whole(p.block, p.item, p.box, t);
                  }};
  exchange(group_, [&](int64_t from, int64_t to) { return parcels.out(from, to); }, ends,
           device());
}

// The flat tensors of the state are this process' own, which has them whole; those of the
// parameter's shape are what was gathered.
void Flight::make_whole_params() {
  const size_t count = in_.params.size();
  states_.resize(count);
  for (size_t i = 0; i < count; ++i) params_.push_back({{}, {}, &states_[i]});
  for (const size_t block : own_blocks()) {
    const auto param = static_cast<size_t>(sharing_.whole.blocks[block].param);
    const auto& own = in_.params[param];
    states_[param] = *own.state;
    const auto items = items_out(sharing_.whole, block);
    params_[param].value = whole_.contains({param, {Kind::weight}}) || holds_all(param)
                               ? whole(param, {Kind::weight})
                               : own.value;
    params_[param].grad = own.grad;
    for (const auto& item : items) {
      if (item.kind == Kind::momentum) states_[param].momentum_buffer = whole(param, item);
      if (item.kind == Kind::slot) states_[param].slots[item.slot] = whole(param, item);
    }
  }
}

Flight::Found Flight::measure_bucket(const StepInput& whole_in, const Bucket& bucket) {
  std::vector<at::Tensor> updates, gradients;
  bool owned = bucket.blocks.size() > 1;
  for (const auto* block : bucket.blocks) {
    const auto param = static_cast<size_t>(block->param);
    updates.push_back(block->matrices(whole_.at({param, {Kind::update}})));
    owned = owned || !holds_all(param) || private_.at(param);
    if (whole_in.plan.rules_of(*block).traits.adaptive)
      gradients.push_back(block->piece(whole_.at({param, {Kind::gradient}})));
  }
  const Batch u{joined(updates), owned};
  const BucketState state(whole_in, bucket);
  observe(whole_in, bucket, gradients, u.matrices, state);
  const bool extra = in_.measure_duals && in_.plan.needs != Needs::duals;
  const auto kept = extra ? u.matrices.clone() : at::Tensor();
  const auto wanted = wanted_of(in_.plan);
  Found found{measure_and_keep(whole_in, bucket, u, wanted, state, Keep::all), {}};
  if (extra) found.recorded = dual_of(whole_in, bucket, kept, found.direction, wanted);
  finish(whole_in, bucket, found.direction);
  return found;
}

void Flight::measure_own() {
  const StepInput whole_in(in_, sharing_.whole, params_);
  std::vector<const Block*> blocks;
  for (const size_t block : own_blocks()) {
    blocks.push_back(&sharing_.whole.blocks[block]);
    const auto param = static_cast<size_t>(blocks.back()->param);
    whole_[{param, {Kind::update}}] = whole(param, {Kind::update});
    if (in_.plan.rules_of(*blocks.back()).traits.adaptive)
      whole_[{param, {Kind::gradient}}] = whole(param, {Kind::gradient});
  }
  const auto buckets = make_buckets(whole_in, blocks);
  std::vector<Found> found(buckets.size());
  for_each_bucket(buckets, [&](size_t i) { found[i] = measure_bucket(whole_in, buckets[i]); });
  for (size_t i = 0; i < buckets.size(); ++i) keep_directions(buckets[i], found[i]);
}

void Flight::keep_directions(const Bucket& bucket, const Found& found) {
  const auto& direction = found.direction;
  each_block(bucket, [&](const Block& block, int64_t at) {
    const auto index = static_cast<size_t>(&block - sharing_.whole.blocks.data());
    const auto param = static_cast<size_t>(block.param);
    const auto of_block = [&](const at::Tensor& t) { return t.narrow(0, at, block.batch); };
    const auto piece = block.piece(whole_.at({param, {Kind::update}}));
    const auto s = block.unmatrices(of_block(direction.s), piece).to(piece.scalar_type());
    if (block.length < 0)
      whole_[{param, {Kind::direction}}] = s;
    else
      block.piece(whole(param, {Kind::direction})).copy_(s);
    auto& numbers = numbers_.at(index);
    numbers[0] = direction.scale;
    if (direction.factor.defined()) numbers.narrow(0, 1, block.batch).copy_(of_block(direction.factor));
    if (direction.dual.defined()) duals_[index] = of_block(direction.dual);
    if (found.recorded.defined()) recorded_[index] = of_block(found.recorded);
  });
}

void Flight::write_duals(const at::Tensor& leaves, bool for_record) const {
  for (const auto& [index, dual] : for_record ? recorded_ : duals_) {
    const auto& block = sharing_.whole.blocks[index];
    leaves.narrow(0, block.leaf, block.batch).copy_(dual);
  }
}

void Flight::take_direction(size_t block, const at::Tensor& s) {
  const auto param = static_cast<size_t>(sharing_.whole.blocks[block].param);
  const auto box = sharing_.held(block, group_.rank());
  auto& kept = local_[{param, {Kind::direction}}];
  if (box == local_box(param)) {
    kept = s;
    return;
  }
  if (!kept.defined()) kept = at::empty(local_box(param).size, s.options());
  box.of(kept, local_box(param)).copy_(s);
}

void Flight::send_back() {
  const Parcels parcels(sharing_, blocks_);
  const auto param_of = [&](size_t block) {
    return static_cast<size_t>(sharing_.whole.blocks[block].param);
  };
  const auto from_whole = [&](size_t block, const Item& item, const Box& box) {
    return box.of(whole(param_of(block), item), whole_box_of(param_of(block)));
  };
  const auto into_local = [&](size_t block, const Item& item, const Box& box, const at::Tensor& t) {
    const size_t param = param_of(block);
    if (item.kind == Kind::direction) return take_direction(block, t);
    box.of(local(param, item), local_box(param)).copy_(t);
  };
  for (const size_t block : own_blocks()) {
    const auto box = sharing_.held(block, group_.rank());
    if (box.numel() == 0) continue;
    for (const auto& item : items_back(sharing_.whole, block)) {
      const bool in_place = holds_all(param_of(block)) && item.kind != Kind::direction;
      if (item.kind != Kind::numbers && !in_place)
        into_local(block, item, box, from_whole(block, item, box));
    }
  }
  const Ends ends{.proto = [&](const Parcel& p) { return proto(p); },
                  .source =
                      [&](const Parcel& p) {
                        return p.is_of_entries() ? from_whole(p.block, p.item, p.box) : small(p);
                      },
                  .target =
                      [&](const Parcel& p, const at::Tensor& t) {
                        if (p.is_of_entries())
                          into_local(p.block, p.item, p.box, t);
                        else
                          small(p).copy_(t);
                      }};
  exchange(group_, [&](int64_t from, int64_t to) { return parcels.back(from, to); }, ends,
           device());
}

void Flight::apply(const StepScales& scales) {
  send_back();
  for (const auto& [index, parts] : parts_) {
    const auto numbers = numbers_.at(index);
    const double scale = numbers[0].item<double>();
    for (const auto* part : parts) {
      const int64_t first = part->leaf - sharing_.whole.blocks[index].leaf;
      const auto factor = in_.plan.needs == Needs::sharp ? numbers.narrow(0, 1 + first, part->batch)
                                                         : at::Tensor();
      const auto s = part->matrices(local(part->param, {Kind::direction}));
      const auto c = scales.coefficient_of(*part, scale, factor, s.device());
      apply_update(in_, *part, s, c, kernels_of(in_.param(*part).value));
    }
  }
  local_.clear(), whole_.clear(), duals_.clear(), recorded_.clear();
}

}  // namespace steepest::engine
