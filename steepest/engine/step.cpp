// SPDX-License-Identifier: Apache-2.0
// A step in six stages, in at most two rounds over its buckets. Where no block waits for another's
// dual (fixed steps, sharp steps, stale duals) it is one round: a bucket's momentum advances, its
// direction is measured and applied while it is in the cache, and nothing of a model's size is
// kept.

#include "steepest/engine/step.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <optional>

#include "steepest/base/autocast.h"
#include "steepest/engine/auto_rate.h"
#include "steepest/engine/check.h"
#include "steepest/engine/finite.h"
#include "steepest/engine/job.h"
#include "steepest/engine/listed_step.h"
#include "steepest/engine/schedule.h"
#include "steepest/engine/shared_step.h"
#include "steepest/engine/stored_duals.h"

namespace steepest::engine {
namespace {

class Stepper {
 public:
  // Keeps references to the step's input, to the network's state, which the step changes, and to
  // the group of processes that share the model, null where there is one.
  Stepper(const StepInput& in, GlobalState& global, ProcessGroup* group)
      : in_(in),
        of_whole_(
            group ? std::optional<StepInput>(std::in_place, in, in.plan.sharing->whole, in.params)
                  : std::nullopt),
        whole_(of_whole_ ? *of_whole_ : in),
        global_(global),
        group_(group),
        scales_(whole_),
        model_(in) {}

  // Takes the step and returns what it has found, as far as the recipe computes it: the dual norm
  // D, Momo's factor q, and the coefficient of each matrix. Only where the plan needs the duals of
  // all blocks is there a first round, before any block moves. `loss`, 0-dim, is read by Momo
  // alone.
  StepStats run(const at::Tensor& loss) {
    make_jobs();
    StepStats stats;
    if (in_.plan.needs == Needs::duals) {
      for_each_job([&](Job& job) { job.advance_early(model_); });
      for (auto& flight : flights_) flight.measure(model_);
      scales_.combine(group_ ? shared_duals() : collect_duals(), global_);
      scales_.apply_step_size(model_.sum_of_linear_parts(), loss, global_, stats);
    }
    make_stored_duals(whole_);
    move(stats);
    model_.update_intercepts();
    if (in_.measure_duals && !group_ && !stats.dual.defined())
      stats.dual = scales_.dual_norm(measured_duals());
    ++global_.step;
    return stats;
  }

 private:
  // Does the last round: measures what no earlier one has, and moves every block. Where processes
  // share the model they add up the duals that the next step or the record needs.
  void move(StepStats& stats) {
    const bool stores = group_ && in_.plan.recipe.duals == DualAge::stale;
    const bool records = group_ && in_.measure_duals && !stats.dual.defined();
    std::optional<SharedDuals> stored, recorded;
    if (stores) stored.emplace(in_);
    if (records) recorded.emplace(in_);
    const auto note = [&](const auto& found) {
      if (stores) stored->add(found);
      if (records) recorded->add(found, true);
    };
    for_each_job([&](Job& job) {
      job.measure_late();
      note(job);
      job.apply(scales_, model_);
    });
    run_lists(in_, lists_);
    for (auto& flight : flights_) {
      flight.measure(model_);
      note(flight);
      flight.apply(scales_);
    }
    if (stores) store_shared_duals(whole_, stored->sum(*group_));
    if (records) stats.dual = scales_.dual_norm(recorded->sum(*group_));
  }

  // Counts the step in the parameters' states and makes its jobs, a job a bucket: the network's
  // dual norm D waits for every block whose dual the last step has not stored, so these have
  // buckets of their own. Blocks without a gradient are in none.
  void make_jobs() {
    std::vector<const Block*> early, late;
    for (const auto& block : in_.plan.blocks) {
      if (!in_.param(block).grad.defined() || is_owned(block)) continue;
      const bool waits = in_.plan.needs == Needs::duals && !has_stored_dual(in_, block);
      (waits ? early : late).push_back(&block);
    }
    begin_step(in_);
    lists_ = take_alike(in_, late);
    for (auto& bucket : make_buckets(in_, early)) jobs_.emplace_back(in_, std::move(bucket), true);
    for (auto& bucket : make_buckets(in_, late)) jobs_.emplace_back(in_, std::move(bucket), false);
    if (group_) flights_ = make_flights(in_, *group_);
  }

  // Whether the block is a part of one whose direction a process computes for all.
  bool is_owned(const Block& block) const {
    const auto* sharing = in_.plan.sharing.get();
    return sharing && sharing->owners[sharing->whole_of[in_.index(block)]] != kWhereItLies;
  }

  // Calls body for every job, on the threads that run_buckets chooses.
  void for_each_job(const std::function<void(Job&)>& body) {
    std::vector<const Bucket*> buckets;
    for (const auto& job : jobs_) buckets.push_back(&job.bucket());
    run_buckets(buckets, [&](size_t i) { body(jobs_[i]); });
  }

  // Returns the duals [batch] of each block, this step's or the stored ones; undefined where a
  // block has no gradient.
  std::vector<at::Tensor> collect_duals() const {
    std::vector<at::Tensor> duals(in_.plan.blocks.size());
    for (const auto& job : jobs_) {
      each_block(job.bucket(), [&](const Block& block, int64_t at) {
        duals[in_.index(block)] =
            job.needed_for_dual() ? job.dual(at, block.batch) : stored_dual(in_, block);
      });
    }
    return duals;
  }

  // Returns the duals [batch] of each block that were measured for D alone, after the last round;
  // undefined where a block has no gradient.
  std::vector<at::Tensor> measured_duals() const {
    std::vector<at::Tensor> duals(in_.plan.blocks.size());
    for (const auto& job : jobs_) {
      each_block(job.bucket(), [&](const Block& block, int64_t at) {
        duals[in_.index(block)] = job.measured_dual(at, block.batch);
      });
    }
    return duals;
  }

  // Returns the duals [batch] of each block of the whole plan, this step's, which the processes
  // have measured between them, or the stored ones; and gives the model all their products.
  std::vector<at::Tensor> shared_duals() {
    SharedDuals found(in_);
    for (const auto& job : jobs_)
      if (job.needed_for_dual()) found.add(job);
    for (const auto& flight : flights_) found.add(flight);
    auto products = model_.own_products();
    auto duals = found.sum(*group_, products);
    model_.take_products(products);
    for (size_t i = 0; i < duals.size(); ++i)
      if (const auto& block = whole_.plan.blocks[i];
          duals[i].defined() && has_stored_dual(whole_, block))
        duals[i] = stored_dual(whole_, block);
    return duals;
  }

  const StepInput& in_;
  const std::optional<StepInput> of_whole_;  // of the whole parameters, where processes share them
  const StepInput& whole_;                   // that, or in_
  GlobalState& global_;
  ProcessGroup* group_;
  StepScales scales_;
  LinearModel model_;
  std::vector<Alike> lists_;  // of an accelerator's blocks that wait for no other
  std::vector<Job> jobs_;
  std::vector<Flight> flights_;
};
// Takes the step under the option nonfinite = skip: where the gradients, the loss, or the weights
// and the state after the step are not finite, everything is left or put back as it was, and the
// result has `skipped` set and the names of what is not finite.
StepStats checked_step(const StepInput& in, GlobalState& global, const at::Tensor& loss,
                       ProcessGroup* group) {
  const auto largest = largest_gradients(in.params);
  StepStats refused{.skipped = true, .nonfinite = find_nonfinite(in.plan, largest, loss)};
  if (holds_anywhere(!refused.nonfinite.empty(), group)) return refused;
  // The bounds are of whole parameters, of which a process that shares them sees a part.
  if (!group && surely_finite(in, largest)) return Stepper(in, global, group).run(loss);
  const Saved before(in, global);
  const auto stats = Stepper(in, global, group).run(loss);
  refused.nonfinite = before.nonfinite();
  if (!holds_anywhere(!refused.nonfinite.empty(), group)) return stats;
  before.restore();
  return refused;
}

}  // namespace

StepStats step(const Plan& plan, const std::vector<Param>& params, GlobalState& global,
               const std::vector<Rates>& rates, const at::Tensor& loss, bool measure_duals,
               ProcessGroup* group) {
  at::NoGradGuard no_grad;
  // Under autocast a product of two float32 matrices would come back in half precision.
  const NoAutocastGuard no_autocast;
  check_step(plan, params, rates, loss);
  std::shared_ptr<ProcessGroup> own;
  if (plan.sharing && !group) {
    const auto& member = plan.sharing->member;
    own = process_group_of(member.group, member.rank, member.layout.processes());
    group = own.get();
  }
  if (group) agree_on_gradients(plan, params, *group);
  if (!has_gradients(params)) return {};
  StepInput in(plan, params, rates);
  in.measure_duals = measure_duals;
  if (has_auto_numbers(plan.recipe)) read_found_rates(plan, global.auto_rate, in.found_rate);
  if (plan.recipe.nonfinite == Nonfinite::propagate) return Stepper(in, global, group).run(loss);
  return checked_step(in, global, loss, group);
}

}  // namespace steepest::engine
