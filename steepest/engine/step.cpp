// SPDX-License-Identifier: Apache-2.0
// A step in at most two rounds over its buckets. Where no block waits for another's dual (fixed
// steps, sharp steps, stale duals) it is one round: a bucket's momentum advances, its direction is
// found and its weights move while they are in the cache, and nothing of a model's size is kept.

#include "steepest/engine/step.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include "steepest/engine/check.h"
#include "steepest/engine/coefficients.h"
#include "steepest/engine/entries.h"
#include "steepest/engine/finite.h"
#include "steepest/engine/gather.h"
#include "steepest/engine/linear_model.h"
#include "steepest/engine/momentum.h"
#include "steepest/engine/schedule.h"

namespace steepest {
namespace {

// A bucket on its way through the step.
struct Task {
  Bucket bucket;
  bool early = false;     // measured before anything moves, because D needs its duals
  bool gathered = false;  // its momentum has advanced
  Direction direction;    // once measured
};

class Stepper {
 public:
  Stepper(const StepInput& in, GlobalState& global)
      : in_(in), plan_(in.plan), global_(global), coefficients_(in), model_(in) {}

  StepStats run(const at::Tensor& loss) {
    make_tasks();
    StepStats stats;
    if (plan_.needs == Needs::duals) {
      each([&](Task& task) { look(task); });
      auto duals = collect_duals();
      coefficients_.combine_duals(std::move(duals), model_.linear(), loss, global_, stats);
    }
    make_duals();
    each([&](Task& task) { move(task); });
    model_.close();
    ++global_.step;
    return stats;
  }

 private:
  bool noted(const Block& block) const {  // for the next step
    return plan_.recipe.duals == Duals::stale && block.role == Role::matrix;
  }

  void make_tasks() {
    std::vector<const Block*> early, late;
    first_leaf_.resize(plan_.blocks.size());
    std::vector<int64_t> leaves(in_.params.size());
    for (const auto& block : plan_.blocks) {
      first_leaf_[in_.index(block)] = leaves[block.param];
      leaves[block.param] += block.batch;
      if (!in_.param(block).grad.defined()) continue;
      const bool stored = noted(block) && in_.param(block).state->dual.defined();
      (plan_.needs == Needs::duals && !stored ? early : late).push_back(&block);
    }
    begin_step(in_);
    for (auto& bucket : make_buckets(in_, early)) tasks_.push_back({std::move(bucket), true});
    for (auto& bucket : make_buckets(in_, late)) tasks_.push_back({std::move(bucket), false});
  }

  void each(const std::function<void(Task&)>& body) {
    std::vector<const Bucket*> buckets;
    for (const auto& task : tasks_) buckets.push_back(&task.bucket);
    run_buckets(buckets, [&](size_t i) { body(tasks_[i]); });
  }

  // body(block, its first matrix in the bucket).
  static void each_block(const Bucket& bucket, const auto& body) {
    int64_t at = 0;
    for (const auto* block : bucket.blocks) body(*block, at), at += block->batch;
  }

  // What D and Momo's model need of a bucket.
  void look(Task& task) {
    if (!task.early && !model_.needs_products()) return;
    const auto u = gather(in_, task.bucket, Room::own);  // its direction may be stored in it
    task.gathered = true;
    if (model_.needs_products()) {
      each_block(task.bucket, [&](const Block& block, int64_t at) {
        model_.note_products(block, u.narrow(0, at, block.batch));
      });
    }
    if (!task.early) return;
    task.direction = measure_warm(task.bucket, u, Wanted::both);
    // Recomputed directions are dropped and measured again when their turn comes.
    if (plan_.recipe.directions == Directions::recomputed &&
        task.bucket.blocks[0]->role == Role::matrix)
      task.direction.s = at::Tensor();
  }

  // The block's [batch, c, p] of its parameter's bases; undefined where its norm keeps none.
  at::Tensor basis_of(const Block& block) const {
    const auto columns_of = [&](const Block& b) {
      return plan_.norms[b.group]->warm_columns(b.rows, b.cols);
    };
    const int64_t columns = columns_of(block);
    if (columns == 0) return {};
    int64_t at = 0;
    for (const auto* b = &block; b != plan_.blocks.data() && (--b)->param == block.param;)
      at += b->batch * b->cols * columns_of(*b);
    const int64_t numbers = block.batch * block.cols * columns;
    return in_.param(block)
        .state->basis.narrow(0, at, numbers)
        .view({block.batch, block.cols, columns});
  }

  Direction measure_warm(const Bucket& bucket, const at::Tensor& u, Wanted wanted) const {
    std::vector<at::Tensor> own;
    for (const auto* block : bucket.blocks)
      if (const auto basis = basis_of(*block); basis.defined()) own.push_back(basis);
    if (own.empty()) return measure(in_, bucket, u, wanted);
    if (own.size() == 1) return measure(in_, bucket, u, wanted, own[0]);
    const auto all = at::cat(own);
    auto direction = measure(in_, bucket, u, wanted, all);
    int64_t at = 0;
    for (const auto& basis : own)
      basis.copy_(all.narrow(0, at, basis.size(0))), at += basis.size(0);
    return direction;
  }

  std::vector<at::Tensor> collect_duals() const {
    std::vector<at::Tensor> duals(plan_.blocks.size());
    for (const auto& task : tasks_) {
      each_block(task.bucket, [&](const Block& block, int64_t at) {
        duals[in_.index(block)] =
            task.early ? task.direction.dual.narrow(0, at, block.batch) : stored_dual(block);
      });
    }
    return duals;
  }

  at::Tensor stored_dual(const Block& block) const {
    return in_.param(block).state->dual.narrow(0, first_leaf_[in_.index(block)], block.batch);
  }

  void make_duals() const {
    for (const auto& block : plan_.blocks) {
      const auto& param = in_.param(block);
      if (!noted(block) || !param.grad.defined() || param.state->dual.defined()) continue;
      for (const auto& entry : state_entries(plan_, block.param)) {
        if (entry.kind == EntryKind::dual)
          param.state->dual = zeros_for(entry, plan_, block.param, param.value);
      }
    }
  }

  Wanted wanted() const {
    if (plan_.needs == Needs::sharp) return Wanted::sharp;
    const bool dual = plan_.needs == Needs::duals || plan_.recipe.duals == Duals::stale;
    return dual ? Wanted::both : Wanted::direction;
  }

  void forget_used(const Block& block, const at::Tensor& s) const {
    auto m = block.piece(in_.param(block).state->momentum_buffer);
    auto right = basis_of(block);
    if (right.defined()) right = right.narrow(2, 0, plan_.norms[block.group]->traits().rank);
    const auto used = used_part(block.matrices_of(m), s, right);
    m.sub_(block.unmatrices(used, m).to(m.scalar_type()), 1 - in_.choices(block).momentum);
  }

  // In u's own memory where that is possible: a step then needs no second matrix.
  Direction measure_last(const Bucket& bucket, const at::Tensor& u) const {
    const auto& norm = *plan_.norms[bucket.blocks[0]->group];
    const bool free = norm.traits().overwrites && is_private(in_, bucket, u);
    if (free && wanted() == Wanted::direction) return measure(in_, bucket, u, wanted(), {}, true);
    if (free && wanted() == Wanted::both && can_look_again(in_, bucket)) {
      const auto direction = measure(in_, bucket, u, Wanted::direction, {}, true);
      return with_dual(in_, bucket, direction, look_products(in_, bucket, direction.s));
    }
    return measure_warm(bucket, u, wanted());
  }

  void move(Task& task) {
    if (!task.direction.s.defined()) {
      const auto u = task.gathered ? gather_again(in_, task.bucket, Room::scratch)
                                   : gather(in_, task.bucket, Room::scratch);
      task.direction = measure_last(task.bucket, u);
    }
    each_block(task.bucket,
               [&](const Block& block, int64_t at) { move(block, task.direction, at); });
    task.direction = {};
  }

  void move(const Block& block, const Direction& direction, int64_t at) {
    const auto of_block = [&](const at::Tensor& t) {
      return t.defined() ? t.narrow(0, at, block.batch) : t;
    };
    auto s = of_block(direction.s);
    const auto c = coefficients_.of(block, direction.scale, of_block(direction.factor), s.device());
    if (in_.choices(block).error_feedback) forget_used(block, s);
    if (in_.choices(block).place == Place::after) s = momentum_of_direction(in_, block, s);
    if (model_.follows_moves()) model_.note_move(block, s, of_block(direction.attained), c.tensor);
    steepest::move(block, in_.param(block).value, s, c, decay_factor(in_, block));
    if (noted(block) && direction.dual.defined())
      stored_dual(block).copy_(of_block(direction.dual));
  }

  const StepInput& in_;
  const Plan& plan_;
  GlobalState& global_;
  Coefficients coefficients_;
  LinearModel model_;
  std::vector<Task> tasks_;
  std::vector<int64_t> first_leaf_;  // of each block: its first dual among its parameter's
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
  const StepInput in{plan, params, rates};
  if (plan.recipe.nonfinite == Nonfinite::propagate) return Stepper(in, global).run(loss);
  return checked_step(in, global, loss);
}

}  // namespace steepest
