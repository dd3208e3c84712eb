// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/flight.h"

#include <ATen/ATen.h>

#include "steepest/engine/advance.h"
#include "steepest/engine/apply.h"
#include "steepest/engine/schedule.h"

namespace steepest::engine {
namespace {

using Kind = Item::Kind;

// Calls body for every bucket, on the threads that run_buckets chooses.
void for_each_bucket(const std::vector<Bucket>& buckets, const std::function<void(size_t)>& body) {
  std::vector<const Bucket*> all;
  for (const auto& bucket : buckets) all.push_back(&bucket);
  run_buckets(all, body);
}

// Returns the keys of a map.
std::vector<size_t> keys_of(const auto& map) {
  std::vector<size_t> keys;
  for (const auto& entry : map) keys.push_back(entry.first);
  return keys;
}

}  // namespace

Flight::Flight(const StepInput& in, ProcessGroup& group, std::vector<size_t> blocks)
    : in_(in), sharing_(*in.plan.sharing), group_(group), tensors_(in, group.rank()) {
  for (const size_t index : blocks) {
    const auto options = in.param(block_of(index)).value.options().requires_grad(false);
    travellers_[index] = {
        index, {}, at::ones({1 + block_of(index).batch}, options.dtype(at::kDouble)), {}, {}};
  }
  for (size_t i = 0; i < in.plan.blocks.size(); ++i)
    if (const auto found = travellers_.find(sharing_.whole_of[i]); found != travellers_.end())
      found->second.parts.push_back(&in.plan.blocks[i]);
}

void Flight::measure(LinearModel& model) {
  if (std::exchange(measured_, true)) return;
  advance(model);
  send_out();
  measure_own();
  tensors_.drop_updates();
}

void Flight::advance(LinearModel& model) {
  std::vector<Bucket> buckets;
  for (const auto& [index, traveller] : travellers_)
    for (const auto* part : traveller.parts)
      for (auto& alone : make_buckets(in_, {part})) buckets.push_back(std::move(alone));
  std::vector<Batch> updates(buckets.size());
  for_each_bucket(buckets, [&](size_t i) {
    updates[i] = advance_momenta(in_, buckets[i], Storage::own);
    if (model.needs_products()) model.record_products(buckets[i].first(), updates[i].matrices);
  });
  for (size_t i = 0; i < buckets.size(); ++i) {
    const auto& part = buckets[i].first();
    const auto piece = part.piece(in_.param(part).value);
    tensors_.keep_local(part, Kind::update, part.unmatrices(updates[i].matrices, piece));
    private_[part.param] = part.length >= 0 || updates[i].owned;
    if (in_.plan.rules_of(part).traits.adaptive)
      tensors_.keep_local(part, Kind::gradient, gradient(in_, part));
  }
}

std::vector<Flight::Traveller*> Flight::own() {
  std::vector<Traveller*> all;
  for (auto& [index, traveller] : travellers_)
    if (sharing_.owners[index] == group_.rank()) all.push_back(&traveller);
  return all;
}

at::Tensor Flight::proto(const Parcel& parcel) const {
  if (parcel.is_of_entries())
    return tensors_.proto(param_of(parcel.block), parcel.item, parcel.box);
  const auto t = small(parcel);
  return at::empty(t.sizes(), at::TensorOptions(at::kMeta).dtype(t.dtype()));
}

at::Tensor Flight::small(const Parcel& parcel) const {
  if (parcel.item.kind == Kind::numbers) return travellers_.at(parcel.block).numbers;
  const auto& state = in_.params[param_of(parcel.block)].state->slots[parcel.item.slot];
  return flat_slot(sharing_.whole, parcel).of(state, block_of(parcel.block));
}

void Flight::send_out() {
  const auto into_whole = [&](size_t index, const Item& item, const Box& box, const at::Tensor& t) {
    const size_t param = param_of(index);
    box.of(tensors_.whole(param, item), tensors_.whole_box(param)).copy_(t);
  };
  const auto from_local = [&](size_t index, const Item& item, const Box& box) {
    const size_t param = param_of(index);
    return box.of(tensors_.local(param, item), tensors_.local_box(param));
  };
  for (const auto* traveller : own()) {
    const size_t index = traveller->index;
    const auto box = sharing_.held(index, group_.rank());
    if (tensors_.holds_all(param_of(index)) || box.numel() == 0) continue;
    for (const auto& item : items_out(sharing_.whole, index))
      into_whole(index, item, box, from_local(index, item, box));
  }
  const Parcels parcels(sharing_, keys_of(travellers_));
  exchange(
      group_, [&](int64_t from, int64_t to) { return parcels.out(from, to); },
      {.proto = [&](const Parcel& p) { return proto(p); },
       .source = [&](const Parcel& p) { return from_local(p.block, p.item, p.box); },
       .target = [&](const Parcel& p,
                     const at::Tensor& t) { into_whole(p.block, p.item, p.box, t); }},
      in_.params[0].value.device());
}

// The flat tensors of the state are this process' own, which has them whole; those of the
// parameter's shape are what was gathered.
std::vector<Param> Flight::whole_params(std::vector<ParamState>& states) {
  states.resize(in_.params.size());
  std::vector<Param> params;
  for (auto& state : states) params.push_back({{}, {}, &state});
  for (const auto* traveller : own()) {
    const size_t param = param_of(traveller->index);
    const auto& local = in_.params[param];
    states[param] = *local.state;
    params[param].value = local.value, params[param].grad = local.grad;
    for (const auto& item : items_out(sharing_.whole, traveller->index)) {
      const auto whole = tensors_.whole(param, item);
      if (item.kind == Kind::weight) params[param].value = whole;
      if (item.kind == Kind::momentum) states[param].momentum_buffer = whole;
      if (item.kind == Kind::slot) states[param].slots[item.slot] = whole;
    }
  }
  return params;
}

Flight::Found Flight::measure_bucket(const StepInput& whole, const Bucket& bucket) {
  std::vector<at::Tensor> updates, gradients;
  bool owned = bucket.blocks.size() > 1;
  for (const auto* block : bucket.blocks) {
    const auto param = static_cast<size_t>(block->param);
    updates.push_back(block->matrices(tensors_.whole(param, {Kind::update})));
    owned = owned || !tensors_.holds_all(param) || private_.at(param);
    if (whole.plan.rules_of(*block).traits.adaptive)
      gradients.push_back(block->piece(tensors_.whole(param, {Kind::gradient})));
  }
  const Batch u{joined(updates), owned};
  const BucketState state(whole, bucket);
  observe(whole, bucket, gradients, u.matrices, state);
  const bool extra = in_.measure_duals && in_.plan.needs != Needs::duals;
  const auto kept = extra ? u.matrices.clone() : at::Tensor();
  const auto wanted = wanted_of(in_.plan);
  Found found{measure_and_keep(whole, bucket, u, wanted, state, Keep::all), {}};
  if (extra) found.recorded = dual_of(whole, bucket, kept, found.direction, wanted);
  finish(whole, bucket, found.direction);
  return found;
}

void Flight::measure_own() {
  std::vector<ParamState> states;
  const auto params = whole_params(states);
  const StepInput whole(in_, sharing_.whole, params);
  std::vector<const Block*> blocks;
  for (const auto* traveller : own()) blocks.push_back(&block_of(traveller->index));
  const auto buckets = make_buckets(whole, blocks);
  std::vector<Found> found(buckets.size());
  for_each_bucket(buckets, [&](size_t i) { found[i] = measure_bucket(whole, buckets[i]); });
  for (size_t i = 0; i < buckets.size(); ++i) {
    const auto& direction = found[i].direction;
    each_block(buckets[i], [&](const Block& block, int64_t at) {
      const auto of_block = [&](const at::Tensor& t) {
        return t.defined() ? t.narrow(0, at, block.batch) : t;
      };
      auto& own = travellers_.at(static_cast<size_t>(&block - sharing_.whole.blocks.data()));
      const size_t param = param_of(own.index);
      const auto u = tensors_.whole(param, {Kind::update});
      const auto s = block.unmatrices(of_block(direction.s), block.piece(u));
      tensors_.keep_whole(block, Kind::direction, tensors_.as_sent(param, Kind::direction, s));
      own.numbers[0].fill_(direction.scale);
      if (direction.factor.defined())
        own.numbers.narrow(0, 1, block.batch).copy_(of_block(direction.factor));
      own.dual = of_block(direction.dual), own.recorded = of_block(found[i].recorded);
    });
  }
}

void Flight::write_duals(const at::Tensor& leaves, bool for_record) const {
  for (const auto& [index, traveller] : travellers_) {
    const auto& block = block_of(index);
    const auto& dual = for_record ? traveller.recorded : traveller.dual;
    if (dual.defined()) leaves.narrow(0, block.leaf, block.batch).copy_(dual);
  }
}

void Flight::send_back() {
  const auto from_whole = [&](size_t index, const Item& item, const Box& box) {
    const size_t param = param_of(index);
    return box.of(tensors_.whole(param, item), tensors_.whole_box(param));
  };
  const auto into_local = [&](size_t index, const Item& item, const Box& box, const at::Tensor& t) {
    const size_t param = param_of(index);
    if (item.kind == Kind::direction) return tensors_.keep_local(index, item.kind, t);
    box.of(tensors_.local(param, item), tensors_.local_box(param)).copy_(t);
  };
  for (const auto* traveller : own()) {
    const size_t index = traveller->index;
    const auto box = sharing_.held(index, group_.rank());
    if (box.numel() == 0) continue;
    for (const auto& item : items_back(sharing_.whole, index)) {
      const bool in_place = tensors_.holds_all(param_of(index)) && item.kind != Kind::direction;
      if (item.kind != Kind::numbers && !in_place)
        into_local(index, item, box, from_whole(index, item, box));
    }
  }
  const Parcels parcels(sharing_, keys_of(travellers_));
  exchange(
      group_, [&](int64_t from, int64_t to) { return parcels.back(from, to); },
      {.proto = [&](const Parcel& p) { return proto(p); },
       .source =
           [&](const Parcel& p) {
             return p.is_of_entries() ? from_whole(p.block, p.item, p.box) : small(p);
           },
       .target =
           [&](const Parcel& p, const at::Tensor& t) {
             p.is_of_entries() ? into_local(p.block, p.item, p.box, t) : void(small(p).copy_(t));
           }},
      in_.params[0].value.device());
}

void Flight::apply(const StepScales& scales) {
  send_back();
  const bool sharp = in_.plan.needs == Needs::sharp;
  for (const auto& [index, traveller] : travellers_) {
    const double scale = traveller.numbers[0].item<double>();
    for (const auto* part : traveller.parts) {
      const int64_t first = 1 + part->leaf - block_of(index).leaf;
      const auto factor = sharp ? traveller.numbers.narrow(0, first, part->batch) : at::Tensor();
      const auto s = part->matrices(tensors_.local(param_of(index), {Kind::direction}));
      const auto c = scales.coefficient_of(*part, scale, factor, s.device());
      apply_update(in_, *part, s, c, kernels_of(in_.param(*part).value));
    }
  }
}

}  // namespace steepest::engine
