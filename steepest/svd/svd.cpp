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
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <algorithm>
#include <cmath>

#include "steepest/kernels/cpu/work_queue.h"
#include "steepest/svd/answer.h"
#include "steepest/svd/check.h"
#include "steepest/svd/in_full.h"
#include "steepest/svd/sweeps.h"
#include "steepest/svd/warm_sweep.h"

namespace steepest {
namespace svd {

const std::vector<Solver>& solvers() {
  static const std::vector<Solver> all = {{"auto", automatic},
                                          {"exact", exact},
                                          {"lanczos", lanczos},
                                          {"block_krylov", block_krylov},
                                          {"power", power}};
  return all;
}

namespace {

constexpr int64_t kFirstGuess = 8;  // of the number of triplets above tau

// Gradients, autocast and TF32 stay out of the numerics.
struct Guards {
  at::NoGradGuard no_grad;
  c10::impl::ExcludeDispatchKeyGuard no_autocast{c10::autocast_dispatch_keyset};
  at::NoTF32Guard no_tf32;
};

at::ScalarType working_dtype(const at::Tensor& a, const SvdOptions& o) {
  return a.scalar_type() == at::kDouble || o.dtype == at::kDouble ? at::kDouble : at::kFloat;
}

// Unit columns; what is not finite counts for nothing.
at::Tensor cleaned(const at::Tensor& start, int64_t b, at::ScalarType dtype) {
  if (!start.defined() || start.size(2) == 0) return {};
  const auto x = at::nan_to_num(start.select(0, b).to(dtype), 0, 0, 0);
  const auto y = x / at::linalg_vector_norm(x, INFINITY, {0}, true).clamp_min(1e-37);
  return y / at::linalg_vector_norm(y, 2, {0}, true).clamp_min(1e-37);
}

Answer solve(const at::Tensor& a, const Task& task) {
  const bool wide = a.size(0) < a.size(1) && !task.start.defined();
  Matrix matrix(wide ? a.mT() : a, task.options.dtype.value_or(a.scalar_type()));
  const Solve solve = is_for_full(a, task) ? exact : solver(task.options.method);
  auto answer = finish(solve(matrix, task), matrix, task.target);
  if (wide) std::swap(answer.u, answer.v);
  return answer;
}

std::vector<Answer> solve_each(const at::Tensor& a, const Scale& scale, Task task,
                               const at::Tensor& start, at::ScalarType dtype) {
  const auto largest = task.may_synchronise ? values(scale.largest()) : Values(a.size(0), 1.0);
  std::vector<Answer> answers;
  for (int64_t b = 0; b < a.size(0); ++b) {
    const auto matrix = scale.scaled(a, b, dtype);
    task.start = cleaned(start, b, dtype);
    if (!std::isfinite(largest[b])) {
      answers.push_back(constant(NAN, matrix, task.target.k, SvdStatus::not_finite));
    } else if (largest[b] == 0) {
      answers.push_back(constant(0, matrix, 1, SvdStatus::converged));
    } else {
      answers.push_back(solve(matrix, task));
    }
  }
  return answers;
}

Answer at_scale(Answer answer, const Scale& scale) {
  answer.s = scale.undone(answer.s.unsqueeze(0)).select(0, 0);
  answer.tau = scale.undone(answer.tau.reshape({1})).select(0, 0);
  return answer;
}

// a [r, c]; scaled first only where it must be: that is a copy. What sweeps leave at a moderate
// scale they leave at every one.
Answer sweep_or_solve(const at::Tensor& a, const Task& task) {
  constexpr double kModerate = 1e6;
  if (auto answer = sweeps(a, task)) return *answer;
  const Scale scale(a.unsqueeze(0));
  const double largest = scale.largest().item<double>();
  if (!std::isfinite(largest)) return constant(NAN, a, task.target.k, SvdStatus::not_finite);
  if (largest == 0) return constant(0, a, 1, SvdStatus::converged);
  const auto scaled = scale.scaled(a.unsqueeze(0), 0, at::kFloat);
  if (largest < 1 / kModerate || largest > kModerate) {
    if (auto answer = sweeps(scaled, task)) return at_scale(*answer, scale);
  }
  return at_scale(solve(scaled, task), scale);
}

// A matrix a thread where there are as many.
std::vector<Answer> sweep_each(const at::Tensor& a, const Task& task, const at::Tensor& start) {
  const auto rows = a.contiguous();
  std::vector<Answer> answers(a.size(0));
  const auto one = [&](int64_t b) {
    Task own = task;
    if (start.defined()) {
      own.start = start.select(0, b);
      if (auto answer = warm_sweep(rows.select(0, b), own)) {
        answers[b] = *answer;
        return;
      }
    }
    own.start = cleaned(start, b, at::kFloat);
    answers[b] = sweep_or_solve(rows.select(0, b), own);
  };
  if (a.size(0) >= at::get_num_threads()) {
    cpu::run_queue(a.size(0), one);
  } else {
    for (int64_t b = 0; b < a.size(0); ++b) one(b);
  }
  return answers;
}

// The most triplets above tau in the batch; where the host may not ask, the most there may be.
int64_t most_kept(const std::vector<Answer>& answers, bool may_synchronise) {
  int64_t most = 1;
  for (const Answer& a : answers) {
    const int64_t kept = may_synchronise ? (a.s > 0).sum().item<int64_t>() : a.s.size(0);
    most = std::max(most, kept);
  }
  return most;
}

Shrinkage empty(const at::Tensor& a, int64_t k, at::ScalarType dtype) {
  const int64_t n = a.size(0);
  const auto narrow = a.options().dtype(dtype), wide = a.options().dtype(at::kDouble);
  const auto u = at::zeros({n, a.size(1), k}, narrow), vh = at::zeros({n, k, a.size(2)}, narrow);
  const std::vector<SvdStatus> status(n, SvdStatus::converged);
  const std::vector<int64_t> passes(n, 0);
  return {{u, at::zeros({n, k}, wide), vh, status, passes, at::zeros({n}, wide), {}},
          at::zeros({n}, wide)};
}

Shrinkage run(const at::Tensor& a, Target target, const SvdOptions& options,
              const at::Tensor& start) {
  check_input(a, target.k, start);
  check_options(options);
  const Guards guards;
  const auto dtype = working_dtype(a, options);
  target.most = std::min(a.size(1), a.size(2));
  target.k = std::min(target.k, target.most);
  if (a.numel() == 0) return empty(a, target.k, dtype);
  const Task task{target, options, {}, options.fixed_passes == 0 || a.is_cpu()};
  const auto k_of = [&](const std::vector<Answer>& answers) {
    return target.shrink ? most_kept(answers, task.may_synchronise) : target.k;
  };
  if (sweeps_apply(a, options)) {
    const auto answers = sweep_each(a, task, start);
    return assemble(answers, k_of(answers), nullptr);
  }
  const Scale scale(a);
  const auto answers = solve_each(a, scale, task, start, dtype);
  return assemble(answers, k_of(answers), &scale);
}

}  // namespace
}  // namespace svd

Triplets top_triplets(const at::Tensor& a, int64_t k, const SvdOptions& options,
                      const at::Tensor& start) {
  return svd::run(a, {k}, options, start).triplets;
}

Shrinkage shrinkage_triplets(const at::Tensor& a, const SvdOptions& options,
                             const at::Tensor& start) {
  return svd::run(a, {svd::kFirstGuess, true}, options, start);
}

std::vector<std::string> svd_methods() {
  std::vector<std::string> names;
  for (const auto& solver : svd::solvers()) names.push_back(solver.name);
  return names;
}

}  // namespace steepest
