// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/gram_convergence.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace steepest::svd {
namespace {

// A proof of convergence is tried up to so many triplets, and while V has up to so many vectors,
// whose residuals cost little.
constexpr int64_t kMaxProvedTriplets = 32, kMaxVectorsInProof = 64;

// From this tolerance on, a first step from fewer vectors than a block may be enough.
constexpr double kLooseTolerance = 5e-3;

// Relative to s_1: float16's error of a Ritz value, and the least value whose u = A v / s is
// formed in a proof.
constexpr double kHalfNoise = 4e-4, kMinSeen = 5e-3;

// Returns the error, relative to s_1, of singular values that were computed by this operator's
// products: kHalfNoise where some of them were made with A rounded to float16, else 0.
double value_noise(const GramOperator& product) { return product.has_rounded() ? kHalfNoise : 0; }

}  // namespace

void GramConvergence::begin(double size, int64_t warm_columns) {
  is_warm_ = warm_columns > 0;
  first_step_may_do_ = is_warm_ && (warm_columns >= width_ - kRandomColumns ||
                                    problem_.options.tol >= kLooseTolerance);
  stop_.emplace(problem_.options, problem_.target, rounding_noise(size));
  if (is_warm_ || problem_.options.stop == "approximation") stop_->require_one_test();
}

bool GramConvergence::is_reached(const KrylovSpace& space, const GramOperator& product,
                                 StartColumns& starts) {
  // A test of many values costs as much as half a product, so it waits until V is large enough.
  const Target& target = problem_.target;
  const int64_t least = std::max(target.needed({}), std::min(target.k * 3 / 2, target.max_rank));
  if (starts.has_pending() || space.size() < least) return false;
  return has_passed_tests(space, product, starts) ||
         (stop_->is_worth_proving() && has_proof(space, starts, value_noise(product)));
}

bool GramConvergence::has_passed_tests(const KrylovSpace& space, const GramOperator& product,
                                       StartColumns& starts) {
  if (!stop_->is_due(product.passes())) return false;
  const auto [s, residuals] = estimates(space);
  wanted_ = std::max(problem_.target.k, problem_.target.count(s));
  if (!stop_->has_converged(product.passes(), s, residuals)) return false;
  // A small matrix is soon exhausted, and then nothing is left to guess.
  const int64_t max_rank = problem_.target.max_rank;
  if (!is_warm_ && max_rank <= kMaxVectorsInProof && space.size() < max_rank) return false;
  if (!may_miss_copies(s, starts, value_noise(product))) return true;
  // Then V has to grow from as many vectors as are wanted.
  starts.add_random(((wanted_ - starts.generators()) / width_ + 1) * width_);
  stop_->reset(product.passes());
  return false;
}

// |A^T u - s v| = |A^T A v - s^2 v| / s for u = A v / s.
GramConvergence::Estimates GramConvergence::estimates(const KrylovSpace& space) const {
  const auto g = half_ ? space.gram().to(at::kFloat) : space.gram();
  auto s = roots(values(at::linalg_eigvalsh(g).flip(0)));
  if (!stop_->needs_residuals(s)) return {s, {}};
  const int64_t all = std::ssize(s), wanted = std::max(problem_.target.k, problem_.target.count(s));
  const int64_t count = std::min(all, wanted + width_);
  // The residuals say what float32 costs.
  const bool is_spread = s[std::min(wanted, all) - 1] < kMinFloatGramRatio * s[0];
  const auto pairs = eigenpairs(is_spread ? g : g.to(at::kFloat));
  const auto rest = residuals(space, pairs, gram_times_ritz_vectors(space, pairs, count));
  auto r = values(at::linalg_vector_norm(rest, 2, {1}, false, at::kDouble));
  s.resize(count);
  return {s, of_left_vectors(r, s)};
}

bool GramConvergence::may_miss_copies(const Values& s, const StartColumns& starts,
                                      double noise) const {
  const bool next_counts = problem_.target.shrink || stop_->needs_residuals();
  const int64_t k = wanted_ + (next_counts ? 1 : 0);
  return may_be_multiple(s, k, starts.generators(), problem_.options.tol, noise);
}

// On a spectrum that decays, no further step is needed to show that nothing more comes. From a cold
// start the space has to have a block more than twice the wanted vectors, as it could miss a value.
bool GramConvergence::has_proof(const KrylovSpace& space, const StartColumns& starts,
                                double noise) const {
  const int64_t p = space.size();
  if (p > kMaxVectorsInProof || (p < 2 * wanted_ + width_ && !first_step_may_do_)) return false;
  const Eigenpairs pairs = eigenpairs(space.gram());
  if (may_miss_copies(values(pairs.squares.sqrt()), starts, noise)) return false;
  const auto z = gram_times_ritz_vectors(space, pairs, p), rest = residuals(space, pairs, z);
  const auto r = values(at::linalg_vector_norm(rest, 2, {1}, false, at::kDouble));
  const auto s = pairs.squares.sqrt(), least = kMinSeen * s.max();
  const auto uta = z / at::maximum(s, least).to(at::kFloat).unsqueeze(1);  // U^T A
  const auto values_of_uta = roots(values(at::linalg_eigvalsh(at::mm(uta, uta.mT())).flip(0)));
  return has_provably_converged(values(pairs.squares), r, values_of_uta, kMaxProvedTriplets,
                                problem_);
}

}  // namespace steepest::svd
