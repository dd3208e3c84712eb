// SPDX-License-Identifier: Apache-2.0
// V = [V_1, V_2, ..] orthonormal, Y = A V; a sweep takes V_j to Y_j = A V_j and Z_j = A^T Y_j, and
// V_{j+1} is what of Z_j is across V; triplets from G = Y^T Y as in ritz.h (block Lanczos on A^T A:
// Golub & Underwood 1977; Musco & Musco 2015). The square costs digits: s is known to sqrt(eps)
// |A|, which a value stop at 1e-4 and above does not see. Narrow blocks make a deep Krylov space of
// few columns, and the products are counted by column.

#include "steepest/svd/sweeps.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "steepest/cpu/sweep.h"
#include "steepest/svd/basis.h"
#include "steepest/svd/ritz.h"

namespace steepest::svd {
namespace {

constexpr double kLeastTolerance = 1e-4;
constexpr int64_t kSmall = 32;            // so many rows or columns: decomposed in full
constexpr int64_t kMostInFull = 1 << 22;  // numbers, of which a copy is made
constexpr int64_t kFew = 4;               // triplets, for which a narrow block will do
constexpr int64_t kMostCertified = 32;    // triplets, whose residuals are cheap

// All triplets of a small matrix: with A of more columns than rows, A A^T = U diag(s^2) U^T.
std::optional<Answer> in_full(const at::Tensor& a, const Target& target) {
  const bool wide = a.size(0) <= a.size(1);
  const auto x = (wide ? a : a.mT()).to(at::kDouble);
  const auto g = at::mm(x, x.mT());
  const double size = g.diagonal().sum().item<double>();
  if (!(size > kLeastSize * kLeastSize && size < kMostSize * kMostSize)) return {};
  const auto found = leading(eigen(g), x.size(0), target);
  if (!found) return {};
  Answer answer{found->vectors.mT().to(at::kFloat),
                found->s,
                at::mm(found->scaled, x).mT().to(at::kFloat),
                found->tau,
                SvdStatus::converged,
                0,
                {}};
  if (!wide) std::swap(answer.u, answer.v);
  return answer;
}

class Sweeper {
 public:
  Sweeper(const at::Tensor& a, const Task& task)
      : a_(a),
        task_(task),
        width_(task.target.shrink || task.target.k > kFew ? cpu::kSweepWide : cpu::sweep_width()),
        most_(std::min(a.size(0), a.size(1))) {}

  std::optional<Answer> run() {
    auto block = first_block();
    std::optional<StopRule> stop;
    auto status = SvdStatus::stopped_early;
    while (true) {
      const auto z = sweep(block);
      if (!stop) {
        const double size = y_.norm().item<double>();
        if (!(size > kLeastSize && size < kMostSize)) return {};
        stop.emplace(task_.options, task_.target, noise(size));
        if (warm_) stop->trust();
      }
      if (v_.size(0) >= a_.size(1)) status = SvdStatus::converged;
      const bool enough = v_.size(0) >= task_.target.needed({});
      if (status == SvdStatus::stopped_early && enough) {
        const bool found =
            certified() || (stop->due(passes_) && stop->settled(passes_, ritz_values(), {}));
        if (found) status = SvdStatus::converged;
      }
      if (status == SvdStatus::converged || passes_ + 2 > task_.limit()) break;
      block = next_block(z);
      if (block.size(0) == 0) {
        status = SvdStatus::converged;
        break;
      }
      if (v_.size(0) + width_ > capacity()) restart();
    }
    return answer(status);
  }

 private:
  int64_t capacity() const { return std::max<int64_t>(256, 3 * wanted_ + 4 * width_); }

  // Orthonormal rows: of the start, then pseudo-random ones.
  at::Tensor first_block() {
    at::Tensor from;
    if (task_.start.defined()) {
      rest_ = task_.start.mT().to(at::kFloat).contiguous();
      from = orthonormal(take_rest(width_ - kRandom));
      warm_ = from.size(0) > 0;
      if (rest_.size(0) <= kRandom) rest_ = at::Tensor();
    }
    return orthonormal(filled(from));
  }
  // The next columns of a start that is wider than a block.
  at::Tensor take_rest(int64_t most) {
    const int64_t n = std::min(most, rest_.size(0));
    const auto taken = rest_.narrow(0, 0, n);
    rest_ = rest_.narrow(0, n, rest_.size(0) - n);
    return taken;
  }

  at::Tensor filled(const at::Tensor& rows) {
    const int64_t have = rows.defined() ? rows.size(0) : 0;
    if (have >= width_) return rows;
    const auto more = pseudo_random(a_.size(1), drawn_, width_ - have, a_.options()).mT();
    drawn_ += width_ - have;
    return have == 0 ? more.contiguous() : at::cat({rows, more});
  }

  static double largest_square(const at::Tensor& rows) {
    return std::pow(at::linalg_vector_norm(rows, 2, {1}).max().item<double>(), 2);
  }

  // Across V, of unit length and orthogonal; fewer rows where the block has fewer dimensions.
  // Twice, as each pass leaves eps of what it takes away; what is mostly rounding then is dropped.
  at::Tensor orthonormal(at::Tensor rows) const {
    for (int pass = 0; pass < 2 && rows.size(0) > 0; ++pass) {
      const double before = largest_square(rows);
      if (v_.defined()) rows = at::addmm(rows, at::mm(rows, v_.mT()), v_, 1, -1);
      const auto wide = rows.to(at::kDouble);
      const auto [d, e] = at::linalg_eigh(at::mm(wide, wide.mT()));
      const auto* const squares = d.const_data_ptr<double>();
      const double least = before * (pass == 0 ? 1e-10 : 1e-2);
      const int64_t n = d.size(0), dropped = std::count_if(squares, squares + n,
                                                           [&](double x) { return !(x > least); });
      const auto kept =
          e.narrow(1, dropped, n - dropped) * d.narrow(0, dropped, n - dropped).rsqrt();
      rows = at::mm(kept.mT(), wide).to(at::kFloat);
      if (!v_.defined() && dropped == 0 && squares[0] > .1 * before) break;  // as good as it gets
    }
    return rows;
  }

  // Rows to a matrix at the beginning of `storage`, which grows when it must; returns them there.
  static at::Tensor append(at::Tensor& x, at::Tensor& storage, const at::Tensor& rows) {
    const int64_t have = x.defined() ? x.size(0) : 0, now = have + rows.size(0);
    if (!storage.defined() || storage.size(0) < now) {
      const auto larger = at::empty({4 * now, rows.size(1)}, rows.options());
      if (have > 0) larger.narrow(0, 0, have).copy_(x);
      storage = larger;
    }
    x = storage.narrow(0, 0, now);
    auto added = x.narrow(0, have, rows.size(0));
    return added.copy_(rows);
  }

  // V and Y grow by the block; returns Z^T.
  at::Tensor sweep(const at::Tensor& block) {
    const int64_t have = block.size(0), rows = a_.size(0), columns = a_.size(1);
    auto x = at::zeros({columns, width_}, a_.options());
    x.narrow(1, 0, have).copy_(block.mT());
    const auto y = at::empty({rows, width_}, a_.options());
    const auto z = at::empty({columns, width_}, a_.options());
    cpu::sweep({a_.const_data_ptr<float>(), rows, columns, width_, x.const_data_ptr<float>(),
                y.mutable_data_ptr<float>(), z.mutable_data_ptr<float>()});
    passes_ += 2;
    append(v_, v_storage_, block);
    const auto yt = append(y_, y_storage_, y.narrow(1, 0, have).mT());
    const auto g = at::mm(y_, yt.mT()).to(at::kDouble);
    const int64_t old = y_.size(0) - have;
    g_ = old == 0 ? g : at::cat({at::cat({g_, g.narrow(0, 0, old).mT()}), g}, 1);
    return append(z_, z_storage_, z.narrow(1, 0, have).mT());
  }

  at::Tensor next_block(const at::Tensor& z) {
    const auto from = rest_.defined() && rest_.size(0) > 0 ? take_rest(width_) : z;
    auto block = orthonormal(from);
    const int64_t room = a_.size(1) - v_.size(0);
    // A space that is closed under A^T A, or a multiple singular value: go on elsewhere.
    if (block.size(0) < std::min(width_, room)) block = orthonormal(filled(block));
    return block.size(0) > room ? block.narrow(0, 0, room) : block;
  }

  Values ritz_values() {
    auto squares = values(at::linalg_eigvalsh(g_).flip(0));
    for (double& x : squares) x = std::sqrt(std::max(x, 0.0));
    wanted_ = std::max(task_.target.k, task_.target.count(squares));
    return squares;
  }

  // A spectrum that decays needs no further sweep to show that nothing comes. After two sweeps, as
  // one could miss a value, or one from a warm start; while G is small.
  bool certified() const {
    const int64_t p = v_.size(0);
    if (p > 4 * width_ || (p <= width_ && !warm_)) return false;
    const Eigen found = eigen(g_);
    const auto rows = found.vectors.to(at::kFloat);
    const auto theta = found.squares.to(at::kFloat).unsqueeze(1);
    const auto residuals = at::mm(rows, z_) - theta * at::mm(rows, v_);
    const auto r = values(at::linalg_vector_norm(residuals, 2, {1}));
    return proved(found, r, kMostCertified, task_);
  }

  void restart() {
    const int64_t keep = std::min(wanted_ + std::max<int64_t>(wanted_ / 2, 8), v_.size(0));
    const auto [d, q] = at::linalg_eigh(g_);
    const auto best = q.narrow(1, q.size(1) - keep, keep).flip(1).mT();
    v_ = v_storage_ = at::mm(best.to(at::kFloat), v_);
    y_ = y_storage_ = at::mm(best.to(at::kFloat), y_);
    z_ = z_storage_ = at::mm(best.to(at::kFloat), z_);
    g_ = at::diag(d.narrow(0, d.size(0) - keep, keep).flip(0));
  }

  // The last G is in float64.
  std::optional<Answer> answer(SvdStatus status) const {
    const auto wide = y_.to(at::kDouble);
    const Eigen found = eigen(at::mm(wide, wide.mT()));
    const auto best = leading(found, most_, task_.target);
    if (!best) return {};
    auto answer = triplets(*best, {v_, y_, z_}, most_, task_);
    if (!answer) return {};
    answer->status = status, answer->passes = passes_;
    if (width_ == cpu::kSweepWide) answer->basis = next_start(found, z_);
    return answer;
  }

  const at::Tensor& a_;
  const Task& task_;
  int64_t width_, most_;
  at::Tensor v_, y_, z_;  // by rows: V^T, (A V)^T, (A^T A V)^T
  at::Tensor v_storage_, y_storage_, z_storage_;
  at::Tensor g_;     // [p, p] float64
  at::Tensor rest_;  // of the start
  bool warm_ = false;
  int64_t passes_ = 0, drawn_ = 0, wanted_ = 1;
};

}  // namespace

bool sweeps_apply(const at::Tensor& a, const SvdOptions& o) {
  return o.method == "auto" && o.max_passes > 1 && a.is_cpu() && a.scalar_type() == at::kFloat &&
         !o.dtype && o.fixed_passes == 0 && o.stop == "value" && o.tol >= kLeastTolerance &&
         cpu::has_sweep();
}

std::optional<Answer> sweeps(const at::Tensor& a, const Task& task) {
  const int64_t small = std::min(a.size(0), a.size(1));
  const int64_t few = std::max(kSmall, task.target.shrink ? 0 : 2 * task.target.k);
  if (task.options.fallback && small <= few && a.numel() <= kMostInFull)
    return in_full(a, task.target);
  return Sweeper(a, task).run();
}

}  // namespace steepest::svd
