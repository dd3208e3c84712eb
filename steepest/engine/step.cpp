// SPDX-License-Identifier: Apache-2.0
// A step in six stages, in at most two rounds over its buckets. Where no block waits for another's
// dual (fixed steps, sharp steps, stale duals) it is one round: a bucket's momentum advances, its
// direction is measured and applied while it is in the cache, and nothing of a model's size is
// kept.

#include "steepest/engine/step.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include "steepest/engine/advance.h"
#include "steepest/engine/check.h"
#include "steepest/engine/entries.h"
#include "steepest/engine/finite.h"
#include "steepest/engine/linear_model.h"
#include "steepest/engine/measure.h"
#include "steepest/engine/scales.h"
#include "steepest/engine/schedule.h"

namespace steepest {
namespace {

// A bucket on its way through the step.
struct Job {
  Bucket bucket;
  bool needed_for_dual = false;  // D cannot be known before it is measured
  BucketState state = {};
  Batch update = {};  // u, between advance and measure
  bool advanced = false;
  bool measured = false;     // at least once
  Direction direction = {};  // once measured
};

class Stepper {
 public:
  Stepper(const StepInput& in, GlobalState& global)
      : in_(in), plan_(in.plan), global_(global), scales_(in), model_(in) {}

  StepStats run(const at::Tensor& loss) {
    make_jobs();
    StepStats stats;
    if (plan_.needs == Needs::duals) {
      each([&](Job& job) {
        if (job.needed_for_dual || model_.needs_products()) advance(job, Storage::own);
        if (job.needed_for_dual) measure_early(job);
      });
      auto duals = share(collect_duals());
      scales_.combine(std::move(duals));
      scales_.size(model_.linear(), loss, global_, stats);
    }
    make_stored_duals();
    each([&](Job& job) {
      measure_late(job);
      apply(job);
    });
    model_.finish();
    ++global_.step;
    return stats;
  }

 private:
  bool stores_dual(const Block& block) const {  // for the next step
    return plan_.recipe.duals == Duals::stale && block.role == Role::matrix;
  }

  void make_jobs() {
    std::vector<const Block*> early, late;
    for (const auto& block : plan_.blocks) {
      if (!in_.param(block).grad.defined()) continue;
      const bool stored = stores_dual(block) && in_.param(block).state->dual.defined();
      (plan_.needs == Needs::duals && !stored ? early : late).push_back(&block);
    }
    begin_step(in_);
    for (auto& bucket : make_buckets(in_, early)) jobs_.push_back({std::move(bucket), true});
    for (auto& bucket : make_buckets(in_, late)) jobs_.push_back({std::move(bucket), false});
  }

  void each(const std::function<void(Job&)>& body) {
    std::vector<const Bucket*> buckets;
    for (const auto& job : jobs_) buckets.push_back(&job.bucket);
    run_buckets(buckets, [&](size_t i) { body(jobs_[i]); });
  }

  // Stage 1. Momo's model takes its inner products of u while that is at hand.
  void advance(Job& job, Storage storage) {
    job.state = BucketState(in_, job.bucket);
    job.update = steepest::advance(in_, job.bucket, job.state, storage);
    job.advanced = true;
    if (!model_.needs_products()) return;
    each_block(job.bucket, [&](const Block& block, int64_t at) {
      model_.record_products(block, job.update.matrices.narrow(0, at, block.batch));
    });
    if (!job.needed_for_dual) job.update = {}, job.state = {};  // made again when its turn comes
  }

  // Stage 2, of a bucket whose dual D waits for. A direction that is to be recomputed is dropped,
  // and measured again when its turn comes.
  void measure_early(Job& job) {
    job.update.owned = false;  // D is summed of inner_product()'s bits
    measure(job, Wanted::both);
    if (plan_.recipe.directions == Directions::recomputed &&
        job.bucket.first().role == Role::matrix)
      job.direction.s = at::Tensor();
  }

  // Stages 1 and 2, of all other buckets.
  void measure_late(Job& job) {
    if (job.direction.s.defined()) return;
    if (!job.advanced)
      advance(job, Storage::scratch);
    else
      update_again(job);
    measure(job, wanted());
  }

  void update_again(Job& job) {
    job.state = BucketState(in_, job.bucket);
    job.update = steepest::update_again(in_, job.bucket, Storage::scratch);
  }

  void measure(Job& job, Wanted wanted) {
    const auto keep = std::exchange(job.measured, true) ? Keep::warm_start : Keep::all;
    job.direction = measure_and_keep(in_, job.bucket, job.update, wanted, job.state, keep);
    job.update = {}, job.state = {};
  }

  Wanted wanted() const {
    if (plan_.needs == Needs::sharp) return Wanted::sharp;
    const bool dual = plan_.needs == Needs::duals || plan_.recipe.duals == Duals::stale;
    return dual ? Wanted::both : Wanted::direction;
  }

  std::vector<at::Tensor> collect_duals() const {
    std::vector<at::Tensor> duals(plan_.blocks.size());
    for (const auto& job : jobs_) {
      each_block(job.bucket, [&](const Block& block, int64_t at) {
        duals[in_.index(block)] = job.needed_for_dual
                                      ? job.direction.dual.narrow(0, at, block.batch)
                                      : stored_dual(block);
      });
    }
    return duals;
  }

  // Stage 3. One process has every block's dual; a group of processes would exchange theirs here,
  // outside of any worker thread and in the plan's order on all of them.
  static std::vector<at::Tensor> share(std::vector<at::Tensor> duals) { return duals; }

  at::Tensor stored_dual(const Block& block) const {
    return in_.param(block).state->dual.narrow(0, plan_.layout_of(block).first_dual, block.batch);
  }

  void make_stored_duals() const {
    for (const auto& block : plan_.blocks) {
      const auto& param = in_.param(block);
      if (!stores_dual(block) || !param.grad.defined() || param.state->dual.defined()) continue;
      for (const auto& entry : state_entries(plan_, block.param)) {
        if (entry.kind == EntryKind::dual)
          param.state->dual = initial_state(entry, plan_, block.param, param.value);
      }
    }
  }

  // Stage 6.
  void apply(Job& job) {
    const auto& direction = job.direction;
    each_block(job.bucket, [&](const Block& block, int64_t at) {
      const auto of_block = [&](const at::Tensor& t) {
        return t.defined() ? t.narrow(0, at, block.batch) : t;
      };
      const auto s = of_block(direction.s);
      const auto c = scales_.of(block, direction.scale, of_block(direction.factor), s.device());
      if (model_.tracks_steps())
        model_.record_step(block, s, of_block(direction.inner_product), c.tensor);
      apply_update(in_, block, s, c, *job.bucket.kernels);
      if (stores_dual(block) && direction.dual.defined())
        stored_dual(block).copy_(of_block(direction.dual));
    });
    finish(in_, job.bucket, direction);
    job.direction = {};
  }

  const StepInput& in_;
  const Plan& plan_;
  GlobalState& global_;
  StepScales scales_;
  LinearModel model_;
  std::vector<Job> jobs_;
};

// Refused, with nothing changed, where the gradients or what came of them is not finite.
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
               const std::vector<Rates>& rates, const at::Tensor& loss) {
  at::NoGradGuard no_grad;
  // Under autocast a product of two float32 matrices would come back in half precision.
  c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  check_step(plan, params, rates, loss);
  if (!has_gradients(params)) return {};
  const StepInput in(plan, params, rates);
  if (plan.recipe.nonfinite == Nonfinite::propagate) return Stepper(in, global).run(loss);
  return checked_step(in, global, loss);
}

}  // namespace steepest
