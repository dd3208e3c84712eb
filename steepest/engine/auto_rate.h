// SPDX-License-Identifier: Apache-2.0
// lr_auto: a run finds its learning rate, and what is no matrix its ratio to it, by the dual norm
// D, the loss and the first weights w_0 alone, for every outer norm |.| of which D is the dual:
//   d_t = max(d_{t-1}, (<u, w_0> - <g, w>_u) / D, at the first 20 steps: .2 (f~ - f*) / D)
//   l_t = d_t / sqrt(t)                      constrained: W moves by l_t
//   l_t D / sqrt(mean of all D^2)            regularized
// with the momentum's weights a_k: u = sum a_k g_k and <g, w>_u = sum a_k <g_k, w_k>. For a convex
// loss f, f(x) >= f~ + <u, x - w> >= f~ - D |x - w|; so the last term is at most the distance of w
// to any x that has come a fifth of the way from f~ to f*, if there is one. With a minimum f(w*),
// sum a_k (f(w_k) - f(w*)) <= sum a_k <g_k, w_k - w*> = <g, w>_u - <u, w_0> + <u, w_0 - w*>; so
// the other is at most |w_0 - w*|, in every norm ("Prodigy", arXiv 2306.06101, has the Euclidean
// one's; l_t is that of "DoG", arXiv 2302.12022, of a normalized gradient). The guess ends, as D
// is near 0 at a minimum above f*; it is made more than once, as D of the first gradients is mostly
// noise. While d is bounded, l_t goes to 0 and sum l_t to infinity, so that f(W_{t+1}) <= f(W_t) -
// l_t (D_t - L l_t / 2) leaves no room for D_t >= e for ever: on a smooth loss that is bounded
// below, without noise and momentum, D_t comes as near to 0 as one likes, in every norm. D must be
// measured exactly; the numbers are of experiments/auto, not of a theorem.
//
// f_star_rule level: Momo's f* is a level of the loss, from f_star to f~, that a step aims at:
//   f~ - f* = min(f~ - f_star, D d_t / (2 sqrt(t))),  d_t = max(d_{t-1}, .2 (f~ - f_star) / D)
// with D at learning rate 1; so a step that lr does not cap has the length d_t / (2 sqrt(t)) at
// most. On a smooth loss with minimum >= f_star, without noise and momentum and while the losses
// are bounded, D_t comes as near to 0 as one likes, in every norm: let D_t >= e for ever. Then d_t
// is bounded, the lengths l_t go to 0, and f(W_{t+1}) <= f(W_t) - l_t (D_t - L l_t / 2) falls. As
// f >= f_star, the sum of l_t is finite, while that of min(lr, d_1 / (2 sqrt(t))) is not; so
// (f - f_star) / D_t, the third bound of l_t, is the least again and again and goes to 0. D_t^2 <=
// 2 L (f - f_star) bounds D_t, so f - f_star goes to 0, and with it D_t. The level is no lower
// bound of the loss: it says how far the model is trusted. As lr is a cap
// that may be far above the steps, weight decay follows them: lr q of the step before stands for
// lr.
#pragma once

#include "steepest/engine/step_size.h"

namespace steepest::engine {

constexpr int64_t kAutoNumbers = 5;  // of GlobalState::auto_rate, float64

// Whether a run of the recipe has these numbers.
inline bool has_auto_numbers(const Recipe& recipe) {
  return recipe.lr_auto || recipe.f_star_rule == FStarRule::level;
}

// Returns the factor [leaves] of each matrix' radius: 1, or for what is no matrix the ratio D_m /
// D_b of the two sides' dual norms at the first step at which both are above 0, so that their
// shares of D were one another's equal there. d [leaves] has the duals times radii of this step.
// Makes `numbers`, GlobalState::auto_rate, where it is undefined, and keeps the ratio in it.
at::Tensor side_factors(const Plan& plan, const at::Tensor& d, at::Tensor& numbers);

// Returns what q may be at most, 0-dim float64: the length l_t of a constrained step, or what makes
// a regularized one as long as the head says; `gap` is f~ - f*. The learning rates of the groups
// are factors of it: their largest, 0 at a schedule's end, is taken out of D. Advances the numbers.
at::Tensor auto_length(const StepSizeInput& input, const at::Tensor& gap, at::Tensor& numbers);

// Returns f~ - f* under f_star_rule level, 0-dim float64, for the gap f~ - f_star. Where all rates
// are 0, at a schedule's end, it is that gap. Makes the numbers where undefined, and advances them.
at::Tensor level_gap(const StepSizeInput& input, const at::Tensor& gap, at::Tensor& numbers);

// Keeps the q of this step, which decays of the next one are proportional to.
void keep_found_rate(const at::Tensor& q, at::Tensor& numbers);
// Sets by which factors of lr the last step has moved matrices (rates[0]) and all else (rates[1]):
// both 0 where there was none.
void read_found_rates(const Plan& plan, const at::Tensor& numbers, double (&rates)[2]);

}  // namespace steepest::engine
