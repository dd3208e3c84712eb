// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/job.h"

#include <ATen/core/Tensor.h>

#include <utility>

#include "steepest/engine/apply.h"
#include "steepest/engine/stored_duals.h"

namespace steepest::engine {

void Job::advance(Storage storage) {
  state_ = BucketState(in_, bucket_);
  update_ = std::exchange(advanced_, true) ? update_again(in_, bucket_, storage)
                                           : engine::advance(in_, bucket_, state_, storage);
}

// Momo's model gets its inner products while u is at hand. A u that is not measured now is made
// again when its turn comes, and so is a direction that is to be recomputed.
void Job::advance_early(LinearModel& model) {
  if (!needed_for_dual_ && !model.needs_products()) return;
  advance(Storage::own);
  if (model.needs_products()) model.record_products(bucket_, update_.matrices);
  update_.owned = false;  // D is summed of inner_product()'s bits
  if (needed_for_dual_) measure(Wanted::both);
  update_ = {}, state_ = {};
  const bool matrix = bucket_.first().role == Role::matrix;
  if (matrix && in_.plan.recipe.directions == DirectionStorage::recomputed)
    direction_.s = at::Tensor();
}

void Job::measure_late() {
  if (direction_.s.defined()) return;
  advance(Storage::scratch);
  // The norm may overwrite u, and is asked as without the measuring: so not a bit changes.
  const bool extra = in_.measure_duals && in_.plan.needs != Needs::duals;
  const auto u = extra ? update_.matrices.clone() : at::Tensor();
  measure(wanted_of(in_.plan));
  if (extra) measured_dual_ = dual_of(in_, bucket_, u, direction_, wanted_of(in_.plan));
  update_ = {}, state_ = {};
}

void Job::measure(Wanted wanted) {
  const auto keep = std::exchange(measured_, true) ? Keep::warm_start : Keep::all;
  direction_ = measure_and_keep(in_, bucket_, update_, wanted, state_, keep);
}

void Job::apply(StepScales& scales, LinearModel& model) {
  if (!model.tracks_steps() && can_apply_together(in_, bucket_))
    apply_updates(
        in_, bucket_, direction_.s,
        scales.coefficient_of(bucket_, direction_.scale, direction_.factor, direction_.s.device()));
  else
    apply_each(scales, model);
  if (direction_.dual.defined()) store_duals(in_, bucket_, direction_.dual);
  finish(in_, bucket_, direction_);
  direction_ = {};
}

void Job::apply_each(const StepScales& scales, LinearModel& model) {
  each_block(bucket_, [&](const Block& block, int64_t at) {
    const auto of_block = [&](const at::Tensor& t) {
      return t.defined() ? t.narrow(0, at, block.batch) : t;
    };
    const auto s = of_block(direction_.s);
    const auto c =
        scales.coefficient_of(block, direction_.scale, of_block(direction_.factor), s.device());
    if (model.tracks_steps())
      model.record_step(block, s, of_block(direction_.inner_product), c.tensor);
    apply_update(in_, block, s, c, *bucket_.kernels);
  });
}

}  // namespace steepest::engine
