// SPDX-License-Identifier: Apache-2.0
// Thick-restart Golub-Kahan-Lanczos, one vector at a time: the fewest flops for a given accuracy.
// A restart is made when max(2 k + 1, k + 32) columns are reached; k + max(k / 2, 5) triplets
// survive it.
#include <ATen/TensorOperators.h>

#include <algorithm>

#include "steepest/svd/golub_kahan.h"
#include "steepest/svd/pseudo_random.h"

namespace steepest::svd {
namespace {

// So much of a warm start is made pseudo-random, so that no direction of A is out of its reach.
constexpr double kRandomPart = 0.05;

// Returns the vector [c, 1] to begin with: the sum of the start's columns, if there is one, at unit
// length with a pseudo-random part, else a pseudo-random vector alone.
at::Tensor first_vector(const Matrix& a, const at::Tensor& start) {
  const auto random = pseudo_random(a.columns(), 0, 1, a.options());
  if (!start.defined()) return random;
  const auto sum = start.sum(1, /*keepdim=*/true);
  return sum / sum.norm().clamp_min(1e-6) + random * (kRandomPart / random.norm());
}

}  // namespace

// Solves by the method "lanczos": returns leading triplets of a, from a basis of right vectors that
// grows by one vector at a time, with thick restarts: once it is full, the wanted triplets and half
// as many more, five at least, are kept as a new one.
Result lanczos(Matrix& a, const Problem& problem) {
  GolubKahan gk(a, first_vector(a, problem.start), problem.may_synchronise);
  return iterate(gk, a, problem, [](int64_t k, int64_t width) {
    const int64_t keep = k + std::max<int64_t>(k / 2, 5);
    return RestartSizes{keep, std::max({2 * k + 1, k + 32, keep + 2 * width})};
  });
}

}  // namespace steepest::svd
