// SPDX-License-Identifier: Apache-2.0
// A step in six stages, in at most two rounds over its buckets. Where no block waits for another's
// dual (fixed steps, sharp steps, stale duals) it is one round: a bucket's momentum advances, its
// direction is measured and applied while it is in the cache, and nothing of a model's size is
// kept.

#include "steepest/engine/step.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "steepest/base/autocast.h"
#include "steepest/engine/auto_rate.h"
#include "steepest/engine/check.h"
#include "steepest/engine/finite.h"
#include "steepest/engine/job.h"
#include "steepest/engine/schedule.h"
#include "steepest/engine/stored_duals.h"

namespace steepest::engine {
namespace {

class Stepper {
 public:
  // Keeps references to both: the step's input, and the network's state, which the step changes.
  Stepper(const StepInput& in, GlobalState& global)
      : in_(in), global_(global), scales_(in), model_(in) {}

  // Takes the step and returns what it has found, as far as the recipe computes it: the dual norm
  // D, Momo's factor q, and the coefficient of each matrix. Only where the plan needs the duals of
  // all blocks is there a first round, before any block moves. `loss`, 0-dim, is read by Momo
  // alone.
  StepStats run(const at::Tensor& loss) {
    make_jobs();
    StepStats stats;
    if (in_.plan.needs == Needs::duals) {
      for_each_job([&](Job& job) { job.advance_early(model_); });
      scales_.combine(exchange_duals(collect_duals()), global_);
      scales_.apply_step_size(model_.sum_of_linear_parts(), loss, global_, stats);
    }
    make_stored_duals(in_);
    for_each_job([&](Job& job) {
      job.measure_late();
      job.apply(scales_, model_);
    });
    model_.update_intercepts();
    if (in_.measure_duals && !stats.dual.defined())
      stats.dual = scales_.dual_norm(measured_duals());
    ++global_.step;
    return stats;
  }

 private:
  // Counts the step in the parameters' states and makes its jobs, a job a bucket: the network's
  // dual norm D waits for every block whose dual the last step has not stored, so these have
  // buckets of their own. Blocks without a gradient are in none.
  void make_jobs() {
    std::vector<const Block*> early, late;
    for (const auto& block : in_.plan.blocks) {
      if (!in_.param(block).grad.defined()) continue;
      const bool waits = in_.plan.needs == Needs::duals && !has_stored_dual(in_, block);
      (waits ? early : late).push_back(&block);
    }
    begin_step(in_);
    for (auto& bucket : make_buckets(in_, early)) jobs_.emplace_back(in_, std::move(bucket), true);
    for (auto& bucket : make_buckets(in_, late)) jobs_.emplace_back(in_, std::move(bucket), false);
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

  // Returns the duals as they are, since one process has every block's. It marks where a group of
  // processes that share a model would exchange theirs: outside of any worker thread, and in the
  // plan's order on all of them.
  static std::vector<at::Tensor> exchange_duals(std::vector<at::Tensor> duals) { return duals; }

  const StepInput& in_;
  GlobalState& global_;
  StepScales scales_;
  LinearModel model_;
  std::vector<Job> jobs_;
};

// Takes the step under the option nonfinite = skip: where the gradients, the loss, or the weights
// and the state after the step are not finite, everything is left or put back as it was, and the
// result has `skipped` set and the names of what is not finite.
StepStats checked_step(const StepInput& in, GlobalState& global, const at::Tensor& loss) {
  const auto largest = largest_gradients(in.params);
  StepStats refused{.skipped = true, .nonfinite = find_nonfinite(in.plan, largest, loss)};
  if (!refused.nonfinite.empty()) return refused;
  if (surely_finite(in, largest)) return Stepper(in, global).run(loss);
  const Saved before(in, global);
  const auto stats = Stepper(in, global).run(loss);
  refused.nonfinite = before.nonfinite();
  if (refused.nonfinite.empty()) return stats;
  before.restore();
  return refused;
}

}  // namespace

StepStats step(const Plan& plan, const std::vector<Param>& params, GlobalState& global,
               const std::vector<Rates>& rates, const at::Tensor& loss, bool measure_duals) {
  at::NoGradGuard no_grad;
  // Under autocast a product of two float32 matrices would come back in half precision.
  const NoAutocastGuard no_autocast;
  check_step(plan, params, rates, loss);
  if (!has_gradients(params)) return {};
  StepInput in(plan, params, rates);
  in.measure_duals = measure_duals;
  if (has_auto_numbers(plan.recipe)) read_found_rates(plan, global.auto_rate, in.found_rate);
  if (plan.recipe.nonfinite == Nonfinite::propagate) return Stepper(in, global).run(loss);
  return checked_step(in, global, loss);
}

}  // namespace steepest::engine
