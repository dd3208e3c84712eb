// SPDX-License-Identifier: Apache-2.0
// Block Krylov (Musco & Musco 2015) with Rayleigh-Ritz, as block Golub-Kahan. It needs the fewest
// passes over A, which is what counts where A does not fit into a cache. A block has k + max(6, k /
// 10) columns, rounded up to a multiple of 8.
#include <algorithm>

#include "steepest/svd/golub_kahan.h"
#include "steepest/svd/pseudo_random.h"

namespace steepest::svd {
namespace {

// Returns the number of columns of a block for k wanted triplets: k / 10 more, six at least, as the
// wanted ones then converge faster, rounded up to a multiple of 8 for the matrix products.
int64_t block_width(int64_t k) { return (k + std::max<int64_t>(6, k / 10) + 7) / 8 * 8; }

}  // namespace

// Solves by the method "block_krylov": returns leading triplets of a from a Krylov space that grows
// from a block of columns, the problem's start and pseudo-random ones. Once the basis is full, the
// wanted triplets and half as many more, five at least, are kept as a new one.
Result block_krylov(Matrix& a, const Problem& problem) {
  const int64_t width = block_width(problem.target.k);
  const auto block = starting_block(problem.start, width, a.columns(), a.options());
  GolubKahan gk(a, block, problem.may_synchronise);
  return iterate(gk, a, problem, [](int64_t k, int64_t width) {
    const int64_t keep = k + std::max<int64_t>(k / 2, 5);
    return RestartSizes{keep, std::max(2 * k + 1, k + 32) + 4 * width};
  });
}

}  // namespace steepest::svd
