// SPDX-License-Identifier: Apache-2.0
// V = [V_1, V_2, ..] is orthonormal; a step takes V_j to Y_j = A V_j and Z_j = A^T Y_j, and V_{j+1}
// is the part of Z_j that is orthogonal to V. The triplets come from G = Y^T Y as in ritz.h (block
// Lanczos on A^T A: Golub & Underwood 1977; Musco & Musco 2015). Squaring costs digits: s is known
// to sqrt(eps) |A|, which a value stop at 1e-4 and above does not notice. Narrow blocks make a
// deep Krylov space of few columns, and the products cost by the column.
//
// Where the processor has AVX-512 FP16 and the tolerance allows it, A is rounded to float16 once.
// An element of Y is then off by 1e-4 |a_i|, an error with hardly a direction in common with the
// singular vectors, so that the attained value loses by its square only. But it hides small
// values, and it bounds the range of A's elements: where that matters, the solver begins again in
// float32. The stop "approximation" asks for the vectors, by whose residuals the loss is no square.

#include "steepest/svd/gram_krylov.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "steepest/base/tensor.h"
#include "steepest/svd/gram_convergence.h"
#include "steepest/svd/gram_operator.h"
#include "steepest/svd/gram_svd.h"
#include "steepest/svd/krylov_space.h"
#include "steepest/svd/start_columns.h"
#include "steepest/svd/warm_start.h"

namespace steepest::svd {
namespace {

constexpr double kMinTolerance = 1e-4, kMinHalfTolerance = 1e-3;
constexpr int64_t kMinHalfElements = 1 << 16;  // below, rounding A to float16 takes too long

constexpr int64_t kMinExpectedVectors = 128;  // memory is made for so many at first
constexpr int64_t kMinCapacity = 256;         // vectors of V, beyond which it is restarted
constexpr int64_t kMaxNarrowTriplets = 16;    // up to so many, a narrow block is used

// The part of a block that has to be orthogonal to V if float16's rounding is not to hide it.
constexpr double kMinHalfFraction = .03;

// Returns the number of columns of a block: kBlockColumns, but for a few triplets of a matrix
// without a start the number that these kernels set, which may be smaller: it makes the Krylov
// space deeper in the same time. half: whether the products are made with A rounded to 16 bits.
int64_t block_width(const BlockKernels& kernels, const Problem& p, bool half) {
  const bool narrow = !p.target.shrink && p.target.k <= kMaxNarrowTriplets && !p.start.defined();
  if (!narrow) return kBlockColumns;
  return half ? kernels.narrow_rounded : kernels.narrow;
}

// One decomposition: V grows block by block until the wanted triplets have converged.
class GramKrylov {
 public:
  // Makes the solver for a [r, c], contiguous float32; run() solves. rounded: makes the products
  // with a rounded to 16 bits; where it is an empty function, all are made in float32.
  GramKrylov(const at::Tensor& a, const Problem& problem, const GramApply& rounded)
      : problem_(problem),
        half_(rounded != nullptr),
        width_(block_width(*kernels_of(a).blocks, problem, half_)),
        columns_(a.size(1)),
        product_(a, width_, rounded),
        space_(a, std::max(kMinExpectedVectors, 3 * problem.target.k)),
        starts_(problem.start, a, width_),
        convergence_(problem, width_, half_) {}

  // Returns the wanted triplets, with the status converged or, at max_passes, stopped_early.
  // Nothing where the arithmetic does not do, so that another solver has to be asked: A's size is
  // out of range, or float16 or a Gram matrix would be too inexact.
  std::optional<Result> run() {
    auto block = first_block();
    while (true) {
      const auto z = expand(block);
      if (!z.defined()) return {};
      if (space_.size() >= columns_ || convergence_.is_reached(space_, product_, starts_))
        return result(SvdStatus::converged);
      if (product_.passes() + 2 > problem_.max_passes()) return result(SvdStatus::stopped_early);
      block = next_block(z);
      if (!block.defined()) return {};
      if (block.size(1) == 0) return result(SvdStatus::converged);  // V is all there is
      restart_if_large();
    }
  }

 private:
  // Returns the part of the block x [c, m] that is orthogonal to V, the basis of the Krylov space,
  // with orthonormal columns, fewer where it has a lower rank: orthogonalized() (vectors.h), with
  // V's last two blocks as recent. *residual_fraction, where given, receives how much of x was
  // orthogonal to V.
  at::Tensor orthonormal(const at::Tensor& x, double* residual_fraction = nullptr) const {
    return orthogonalized(space_.v(), x, 2 * width_, residual_fraction);
  }

  // Returns the first block of V, the basis of the Krylov space, [c, at most width_] orthonormal:
  // columns of the warm start, where there is one, whose number warm_columns_ is set to, and
  // pseudo-random ones. The start's other columns stay pending, or are dropped where they are few.
  at::Tensor first_block() {
    at::Tensor block;
    if (problem_.start.defined()) {
      block = orthonormal(starts_.take(width_ - kRandomColumns));
      warm_columns_ = block.size(1);
      if (starts_.pending() <= kRandomColumns) starts_.drop_pending();
    }
    return orthonormal(starts_.filled(block));
  }

  // Appends a block x [c, m] to the basis V, and its products A x to Y = A V and A^T A x to Z = A^T
  // Y. Returns A^T A x [c, m]; undefined where A's elements do not fit into float16, or its size is
  // out of range.
  at::Tensor expand(const at::Tensor& block) {
    // The first step from a warm start may be the only one, and then it has to be exact.
    const bool in_float32 = warm_columns_ > 0 && product_.passes() == 0;
    const auto products = product_.apply(block, in_float32);
    if (!products) return {};
    space_.append(block, products->y, products->z);
    if (!convergence_.has_begun()) {
      const double size = space_.y().norm().item<double>();
      if (!is_size_in_range(size)) return {};
      convergence_.begin(size, warm_columns_);
    }
    return products->z;
  }

  // Returns orthonormal columns [c, m] to append to V, the basis of the Krylov space, made from z =
  // A^T A x of its last block x; m = 0 where V is complete. Undefined where float16's rounding of z
  // is larger than what is new in it.
  at::Tensor next_block(const at::Tensor& z) {
    double residual_fraction = 1;
    auto block = orthonormal(next_columns(z), &residual_fraction);
    if (product_.has_rounded() && residual_fraction < kMinHalfFraction) return {};
    const int64_t left = columns_ - space_.size();
    // V may be invariant under A^T A, as it is at a multiple singular value: go on elsewhere.
    if (block.size(1) < std::min(width_, left)) block = orthonormal(starts_.filled(block));
    return block.size(1) > left ? block.narrow(1, 0, left) : block;
  }

  // Returns the columns [c, m] from which the next block of V is made: start columns that still
  // wait, if any, which ends the recurrence (is_recurrence_); else, in the recurrence, z = A^T A x
  // of the last block x; else the main directions of the residuals of the wanted Ritz vectors.
  at::Tensor next_columns(const at::Tensor& z) {
    if (starts_.has_pending()) {
      is_recurrence_ = false;
      return starts_.take(width_);
    }
    if (is_recurrence_) return z;
    const Eigenpairs pairs = eigenpairs(space_.gram());
    const int64_t wanted = std::max(convergence_.wanted(), problem_.target.k);
    const auto ritz = gram_times_ritz_vectors(space_, pairs, std::min(wanted, space_.size()));
    return principal_directions(residuals(space_, pairs, ritz), width_);
  }

  // Cuts the basis of the Krylov space to its leading Ritz vectors, half as many again as are
  // wanted, once another block would make it larger than its capacity: it bounds memory and the
  // cost of orthogonalisation.
  void restart_if_large() {
    const int64_t wanted = convergence_.wanted();
    if (space_.size() + width_ <= std::max(kMinCapacity, 3 * wanted + 4 * width_)) return;
    space_.restart(std::min(wanted + std::max<int64_t>(wanted / 2, 8), space_.size()));
  }

  // Returns the wanted triplets that V holds, with this status and, where V is large enough, a warm
  // start for the next call. Nothing where the least of them is too small for the Gram matrix G =
  // (A V)^T A V, which is first taken from float32 products, and made in float64 only where that is
  // not enough.
  std::optional<Result> result(SvdStatus status) const {
    const double least =
        product_.has_rounded() ? min_ratio_of_half(problem_.options.tol) : kMinRatio;
    // Shrinkage does not mind which vectors float32 has mixed: it needs no gap.
    const bool in_float = half_ || (problem_.target.shrink && problem_.options.stop != "value");
    Eigenpairs pairs = eigenpairs(in_float ? space_.gram().to(at::kFloat) : space_.gram());
    auto wanted = wanted_vectors(pairs, problem_.target, kMinFloatGramRatio);
    if (!wanted) {
      pairs = eigenpairs(space_.gram_in_float64());
      wanted = wanted_vectors(pairs, problem_.target, least);
    }
    if (!wanted) return {};
    auto result = ritz_triplets(space_, *wanted, problem_, least);
    if (!result) return {};
    result->status = status, result->passes = product_.passes();
    if (space_.size() >= kWarmStartColumns) result->warm_start = warm_start(space_, pairs);
    return result;
  }

  const Problem& problem_;
  bool half_;  // the products may be made in float16
  int64_t width_, columns_;
  GramOperator product_;
  KrylovSpace space_;
  StartColumns starts_;
  GramConvergence convergence_;
  int64_t warm_columns_ = 0;   // columns of the first block that come from the warm start
  bool is_recurrence_ = true;  // every block comes from the last one's Z
};

}  // namespace

bool gram_krylov_applies(const at::Tensor& a, const SvdOptions& o) {
  return o.method == "auto" && o.max_passes > 1 && kernels_of(a).blocks != nullptr &&
         a.scalar_type() == at::kFloat && !o.dtype && o.fixed_passes == 0 && o.stop != "subspace" &&
         o.tol >= kMinTolerance;
}

std::optional<Result> gram_krylov(const at::Tensor& a, const Problem& problem) {
  if (gram_svd_pays(a, problem)) {
    auto result = gram_svd(a, problem.target);
    if (result || wants_all_triplets(a, problem)) return result;
  }
  const bool half_does =
      problem.options.stop == "value" && problem.options.tol >= kMinHalfTolerance;
  if (half_does && a.numel() >= kMinHalfElements) {
    if (const auto rounded = try_kernel(kernels_of(a).blocks->rounded_gram_apply, a)) {
      if (auto result = GramKrylov(a, problem, rounded).run()) return result;
    }
  }
  return GramKrylov(a, problem, {}).run();
}

}  // namespace steepest::svd
