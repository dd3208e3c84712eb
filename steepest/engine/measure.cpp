// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/measure.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "steepest/base/tensor.h"
#include "steepest/engine/advance.h"

namespace steepest::engine {
namespace {

// Returns the weights of the bucket's blocks as one batch [B, r, c], as they are now.
at::Tensor weights_of(const StepInput& in, const Bucket& bucket) {
  std::vector<at::Tensor> weights;
  for (const auto* block : bucket.blocks)
    weights.push_back(block->matrices(in.param(*block).value));
  return joined(weights);
}

// Returns what transform number `transform` of the bucket's group is given beside the direction:
// its slots, the momenta (`momentum`, empty where it uses none; the caller writes it back), the
// weights where it uses them, the momentum map, `forget` = 1 - b for the momentum b, and the
// factors of a low-rank direction U V^T.
TransformContext transform_context(const StepInput& in, const Bucket& bucket,
                                   const BucketState& state, size_t transform,
                                   const Factors& factors, const StateBatch& momentum) {
  const auto& first = bucket.first();
  const auto& rules = in.plan.rules_of(first);
  return {
      .slots = tensors_of(state.transforms[transform]),
      .momentum = momentum.tensor(),
      .weight = rules.transforms[transform]->uses_weight() ? weights_of(in, bucket) : at::Tensor(),
      .map = in.map(first),
      .forget = 1 - in.numbers_of(first).momentum,
      .right = factors.right,
      .used = factors.used};
}

// Returns the bucket's momenta [B, r, c] where the transform uses them, else an empty batch.
StateBatch momentum_for(const StepInput& in, const Bucket& bucket, const Transform& transform) {
  return transform.uses_momentum() ? momentum_batch(in, bucket) : StateBatch();
}

// Sets the direction's inner_product <u, s> [B] and from it its dual [B], that of the
// bias-corrected u^ = u / rho: with s(u^) = rho^-degree s(u), `degree` being the norm's, it is
// rho^-(degree + 1) <u, s>.
void set_dual(Direction& direction, const at::Tensor& inner_product, double rho, int degree) {
  direction.inner_product = inner_product;
  direction.dual = rho == 1 ? inner_product : inner_product * std::pow(rho, -degree - 1);
}

// One bucket on its way through the norm and the transforms.
class Measurement {
 public:
  // Keeps references to its arguments, which have to outlive it, and looks up the rules of the
  // bucket's group and this step's bias correction rho.
  Measurement(const StepInput& in, const Bucket& bucket, const BucketState& state)
      : in_(in),
        bucket_(bucket),
        state_(state),
        rules_(in.plan.rules_of(bucket.first())),
        rho_(in.correction(bucket.first())) {}

  // Returns the norm's direction of u [B, r, c] after the transforms and, where it is wanted, its
  // dual: <u, s> of the transformed s, what is really moved. `observes` says that the transforms
  // take the direction into their state. An owned u may be overwritten.
  Direction run(const Batch& u, Wanted wanted, bool observes) const {
    const bool changes =
        std::any_of(rules_.transforms.begin(), rules_.transforms.end(),
                    [](const auto& transform) { return !transform->keeps_direction(); });
    if (!changes) return of_norm(u, wanted);
    const bool alone = wanted == Wanted::direction;
    const bool again = u.owned && can_recompute_update(in_, bucket_);
    auto direction = of_norm({u.matrices, u.owned && (alone || again)}, Wanted::direction);
    direction = transformed(std::move(direction), observes);
    if (alone) return direction;
    direction.inner_product =
        again ? inner_product_with_update(in_, bucket_, direction.s.contiguous())
              : inner_product(u.matrices, direction.s);
    direction.dual = direction.inner_product * (direction.scale / rho_);
    if (wanted == Wanted::sharp) direction.factor = direction.dual;
    return direction;
  }

 private:
  // Returns what the norm alone makes of u [B, r, c], before any transform: its direction and,
  // where it is wanted, its dual. The norm is asked of u; `scale` and set_dual() bring the answer
  // to the bias-corrected u^ = u / rho, for a norm with s(t u) = t^degree s(u).
  Direction of_norm(const Batch& u, Wanted wanted) const {
    const auto& norm = *rules_.norm;
    const int degree = rules_.traits.degree;
    const auto context = norm_context(in_, bucket_, state_);
    if (wanted == Wanted::sharp) {
      const auto sharp = norm.sharp(u.matrices, context);
      return {.s = sharp.direction,
              .scale = std::pow(rho_, -2 * degree - 1),
              .factor = sharp.factor,
              .factors = sharp.factors};
    }
    // In u's own memory a step needs no second matrix; <u, s> then takes u from where it came.
    const bool inplace = rules_.traits.supports_inplace && u.owned;
    const bool again = inplace && can_recompute_update(in_, bucket_);
    if (wanted == Wanted::direction || again) {
      const auto measured = norm.direction({u.matrices, inplace}, context);
      Direction direction{.s = measured.matrices(u.matrices.scalar_type()),
                          .scale = std::pow(rho_, -degree),
                          .factors = measured.factors};
      if (wanted == Wanted::both)
        set_dual(direction, inner_product_with_update(in_, bucket_, direction.s), rho_, degree);
      return direction;
    }
    const auto measured = norm.steepest(u.matrices, context);
    Direction direction{
        .s = measured.direction, .scale = std::pow(rho_, -degree), .factors = measured.factors};
    set_dual(direction, measured.dual, rho_, degree);
    return direction;
  }

  // Returns the direction after all transforms that change it. With `observes` each of them first
  // takes the direction that it is given into its slots and momenta, which are written back to the
  // parameters' state.
  Direction transformed(Direction direction, bool observes) const {
    for (size_t t = 0; t < rules_.transforms.size(); ++t) {
      const auto& transform = *rules_.transforms[t];
      if (transform.keeps_direction()) continue;
      if (direction.scale != 1 && !transform.uses_momentum())  // its state is of whole directions
        direction.s = direction.s * std::exchange(direction.scale, 1);
      const auto momentum = momentum_for(in_, bucket_, transform);
      const auto context = transform_context(in_, bucket_, state_, t, direction.factors, momentum);
      if (observes) {
        transform.observe(direction.s, context);
        write_back(state_.transforms[t]);
        momentum.write_back();
      }
      direction.s = transform.apply(direction.s, context);
    }
    return direction;
  }

  const StepInput& in_;
  const Bucket& bucket_;
  const BucketState& state_;
  const GroupRules& rules_;
  double rho_;
};

// Writes the right singular vectors [B, c, p] from which the next step's decomposition begins into
// the first slot of a low-rank norm, and back to the parameters' state; other norms give none.
void keep_warm_start(const Direction& direction, const BucketState& state) {
  const auto& next = direction.factors.warm_start;
  if (!next.defined()) return;
  state.norm[0].tensor().copy_(next);
  state.norm[0].write_back();
}

}  // namespace

Wanted wanted_of(const Plan& plan) {
  if (plan.needs == Needs::sharp) return Wanted::sharp;
  const bool dual = plan.needs == Needs::duals || plan.recipe.duals == DualAge::stale;
  return dual ? Wanted::both : Wanted::direction;
}

Direction measure(const StepInput& in, const Bucket& bucket, const Batch& u, Wanted wanted,
                  const BucketState& state) {
  return Measurement(in, bucket, state).run(u, wanted, /*observes=*/false);
}

Direction measure_and_keep(const StepInput& in, const Bucket& bucket, const Batch& u, Wanted wanted,
                           const BucketState& state, Keep keep) {
  auto direction = Measurement(in, bucket, state).run(u, wanted, keep == Keep::all);
  keep_warm_start(direction, state);
  return direction;
}

// What is moved along is s * scale * factor; of a sharp direction, which is dual * s^, its inner
// product with u^ = u / rho is the square of the dual.
at::Tensor dual_of(const StepInput& in, const Bucket& bucket, const at::Tensor& u,
                   const Direction& direction, Wanted wanted) {
  if (wanted == Wanted::both) return direction.dual;
  const double rho = in.correction(bucket.first());
  auto product = inner_product(u, direction.s) * (direction.scale / rho);
  if (direction.factor.defined()) product = product * direction.factor;
  return wanted == Wanted::sharp ? product.clamp_min(0).sqrt() : product;
}

void finish(const StepInput& in, const Bucket& bucket, const Direction& direction) {
  const auto& transforms = in.plan.rules_of(bucket.first()).transforms;
  for (size_t t = 0; t < transforms.size(); ++t) {
    if (!transforms[t]->keeps_direction()) continue;
    const BucketState state(in, bucket);
    const auto momentum = momentum_for(in, bucket, *transforms[t]);
    transforms[t]->finish(direction.s,
                          transform_context(in, bucket, state, t, direction.factors, momentum));
    momentum.write_back();
  }
}

}  // namespace steepest::engine
