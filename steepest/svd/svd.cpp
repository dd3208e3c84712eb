// SPDX-License-Identifier: Apache-2.0
// Each matrix is scaled, solved by itself and scaled back. A wide matrix without a start is solved
// as A^T = V S U^T, so that A and A^T get the same answer.
#include "steepest/svd/svd.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/nan_to_num.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "steepest/base/autocast.h"
#include "steepest/kernels/kernels.h"
#include "steepest/svd/assemble.h"
#include "steepest/svd/check.h"
#include "steepest/svd/gram_krylov.h"
#include "steepest/svd/gram_svd.h"
#include "steepest/svd/warm_ritz.h"

namespace steepest {
namespace svd {
namespace {

constexpr int64_t kFirstGuess = 8;  // of the number of triplets above tau

// Keeps gradients, autocast and TF32 out of the numerics.
struct NumericsGuard {
  at::NoGradGuard no_grad;
  NoAutocastGuard no_autocast;
  at::NoTF32Guard no_tf32;
};

// Returns the dtype in which a is decomposed: float64 where a's dtype or the option dtype is that,
// else float32.
at::ScalarType working_dtype(const at::Tensor& a, const SvdOptions& o) {
  return a.scalar_type() == at::kDouble || o.dtype == at::kDouble ? at::kDouble : at::kFloat;
}

// Returns the start [c, p] of matrix number b from `start` [B, c, p], in `dtype`, with columns of
// unit length, or zero, and zeros for what is not finite; undefined where there is no start.
// Columns are divided by their largest element first, so that no square overflows; 1e-37 keeps zero
// columns from 0 / 0.
at::Tensor unit_columns(const at::Tensor& start, int64_t b, at::ScalarType dtype) {
  if (!start.defined() || start.size(2) == 0) return {};
  const auto x = at::nan_to_num(start.select(0, b).to(dtype), 0, 0, 0);
  const auto y = x / at::linalg_vector_norm(x, INFINITY, {0}, true).clamp_min(1e-37);
  return y / at::linalg_vector_norm(y, 2, {0}, true).clamp_min(1e-37);
}

// Returns the wanted triplets of a [r, c], whose elements are scaled to about 1, by the solver that
// the options name, or LAPACK where all triplets cost no more. A wide matrix without a start is
// solved as its transpose.
Result solve(const at::Tensor& a, const Problem& problem) {
  const bool transpose = a.size(0) < a.size(1) && !problem.start.defined();
  Matrix matrix(transpose ? a.mT() : a, problem.options.dtype.value_or(a.scalar_type()));
  const Solve solve = wants_all_triplets(a, problem) ? exact : find_solver(problem.options.method);
  auto result = keep_wanted(solve(matrix, problem), matrix, problem.target);
  if (transpose) std::swap(result.u, result.v);
  return result;
}

// Returns the results of the matrices of a [B, r, c] by the general solvers, each scaled and solved
// by itself in `dtype`; they are still at the scale that `scale` has given them. start: [B, c, p]
// or undefined. Zero matrices give zeros, and those that are not finite NaNs; where the host may
// not wait to see which they are, all are solved.
std::vector<Result> solve_each(const at::Tensor& a, const Scale& scale, Problem problem,
                               const at::Tensor& start, at::ScalarType dtype) {
  const auto largest = problem.may_synchronise ? values(scale.largest()) : Values(a.size(0), 1.0);
  std::vector<Result> results;
  for (int64_t b = 0; b < a.size(0); ++b) {
    const auto matrix = scale.scaled(a, b, dtype);
    problem.start = unit_columns(start, b, dtype);
    if (!std::isfinite(largest[b])) {
      results.push_back(constant_result(NAN, matrix, problem.target.k, SvdStatus::not_finite));
    } else if (largest[b] == 0) {
      results.push_back(constant_result(0, matrix, 1, SvdStatus::converged));
    } else {
      results.push_back(solve(matrix, problem));
    }
  }
  return results;
}

// Returns the result for a scaled matrix with s and tau at the matrix's own scale, where `scale` is
// that of a batch of one.
Result at_scale(Result result, const Scale& scale) {
  result.s = scale.restored(result.s.unsqueeze(0)).select(0, 0);
  result.tau = scale.restored(result.tau.reshape({1})).select(0, 0);
  return result;
}

// Returns the wanted triplets of a [r, c] by gram_krylov(), or else by the general solvers, at a's
// own scale. It is scaled only where it has to be, as that is a copy: a matrix that gram_krylov()
// declines at a moderate scale, it declines at every scale.
Result gram_krylov_or_solve(const at::Tensor& a, const Problem& problem) {
  constexpr double kModerate = 1e6;
  if (auto result = gram_krylov(a, problem)) return *result;
  const Scale scale(a.unsqueeze(0));
  const double largest = scale.largest().item<double>();
  if (!std::isfinite(largest))
    return constant_result(NAN, a, problem.target.k, SvdStatus::not_finite);
  if (largest == 0) return constant_result(0, a, 1, SvdStatus::converged);
  const auto scaled = scale.scaled(a.unsqueeze(0), 0, at::kFloat);
  if (largest < 1 / kModerate || largest > kModerate) {
    if (auto result = gram_krylov(scaled, problem)) return at_scale(*result, scale);
  }
  return at_scale(solve(scaled, problem), scale);
}

// Returns the results of the matrices of a [B, r, c], each by warm_ritz() where there is a start
// [B, c, p] and that is enough, else by gram_krylov_or_solve(). Where there are as many matrices as
// threads, they are solved side by side, each by one thread.
std::vector<Result> gram_krylov_each(const at::Tensor& a, const Problem& problem,
                                     const at::Tensor& start) {
  const auto rows = a.contiguous();
  std::vector<Result> results(a.size(0));
  const auto one = [&](int64_t b) {
    Problem own = problem;
    if (start.defined()) {
      own.start = start.select(0, b);
      if (auto result = warm_ritz(rows.select(0, b), own)) {
        results[b] = *result;
        return;
      }
    }
    own.start = unit_columns(start, b, at::kFloat);
    results[b] = gram_krylov_or_solve(rows.select(0, b), own);
  };
  const auto run_queue = kernels_of(rows).run_queue;
  if (run_queue != nullptr && a.size(0) >= at::get_num_threads()) {
    run_queue(a.size(0), one);
  } else {
    for (int64_t b = 0; b < a.size(0); ++b) one(b);
  }
  return results;
}

// Returns the largest number of triplets above tau of a matrix in the batch, at least 1; where the
// host may not wait for it, the largest number that a result has room for.
int64_t max_kept(const std::vector<Result>& results, bool may_synchronise) {
  int64_t most = 1;
  for (const Result& r : results) {
    const int64_t kept = may_synchronise ? (r.s > 0).sum().item<int64_t>() : r.s.size(0);
    most = std::max(most, kept);
  }
  return most;
}

// Returns the result for a batch a [B, r, c] without elements: k triplets of zeros for each matrix,
// with vectors in `dtype`.
Shrinkage empty_result(const at::Tensor& a, int64_t k, at::ScalarType dtype) {
  const int64_t n = a.size(0);
  const auto vectors = a.options().dtype(dtype), values = a.options().dtype(at::kDouble);
  return {.triplets = {.u = at::zeros({n, a.size(1), k}, vectors),
                       .s = at::zeros({n, k}, values),
                       .vh = at::zeros({n, k, a.size(2)}, vectors),
                       .status = std::vector<SvdStatus>(n, SvdStatus::converged),
                       .passes = std::vector<int64_t>(n, 0),
                       .attained = at::zeros({n}, values),
                       .warm_start = {}},
          .tau = at::zeros({n}, values)};
}

// Does the work of top_triplets() and shrinkage_triplets(): checks the arguments (c10::ValueError),
// decomposes each matrix of a [B, r, c] by the way that applies, and returns the joined results. Of
// the target, k and shrink are read; start is [B, c, p] or undefined. The result's tau means
// something only for shrinkage.
Shrinkage decompose(const at::Tensor& a, Target target, const SvdOptions& options,
                    const at::Tensor& start) {
  check_input(a, target.k, start);
  check_options(options);
  const NumericsGuard guard;
  const auto dtype = working_dtype(a, options);
  target.max_rank = std::min(a.size(1), a.size(2));
  target.k = std::min(target.k, target.max_rank);
  if (a.numel() == 0) return empty_result(a, target.k, dtype);
  const bool may_synchronise = options.fixed_passes == 0 || kernels_of(a).host_reads;
  const Problem problem{target, options, {}, may_synchronise};
  const auto k_of = [&](const std::vector<Result>& results) {
    return target.shrink ? max_kept(results, may_synchronise) : target.k;
  };
  if (gram_krylov_applies(a, options)) {
    const auto results = gram_krylov_each(a, problem, start);
    return assemble(results, k_of(results), nullptr);
  }
  const Scale scale(a);
  const auto results = solve_each(a, scale, problem, start, dtype);
  return assemble(results, k_of(results), &scale);
}

}  // namespace
}  // namespace svd

Triplets top_triplets(const at::Tensor& a, int64_t k, const SvdOptions& options,
                      const at::Tensor& start) {
  return svd::decompose(a, {k}, options, start).triplets;
}

Shrinkage shrinkage_triplets(const at::Tensor& a, const SvdOptions& options,
                             const at::Tensor& start) {
  return svd::decompose(a, {svd::kFirstGuess, true}, options, start);
}

std::vector<std::string> svd_methods() {
  std::vector<std::string> names;
  for (const auto& solver : svd::solvers()) names.push_back(solver.name);
  return names;
}

}  // namespace steepest
