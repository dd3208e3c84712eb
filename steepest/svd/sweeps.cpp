// SPDX-License-Identifier: Apache-2.0
// V = [V_1, V_2, ..] orthonormal, Y = A V; a sweep takes V_j to Y_j = A V_j and Z_j = A^T Y_j, and
// V_{j+1} is what of Z_j is across V; triplets from G = Y^T Y as in ritz.h (block Lanczos on A^T A:
// Golub & Underwood 1977; Musco & Musco 2015). The square costs digits: s is known to sqrt(eps)
// |A|, which a value stop at 1e-4 and above does not see. Narrow blocks make a deep Krylov space of
// few columns, and the products are counted by column.
//
// Where the processor has AVX-512 FP16 and the tolerance allows it, A is rounded to float16 once.
// The products' error, 1e-4 |a_i| of a number of Y, hardly has a direction in common with the
// vectors, and what they attain loses by its square. But it hides small values, and what A's
// numbers may be is bounded: then float32 begins anew.

#include "steepest/svd/sweeps.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "steepest/kernels/cpu/sweep.h"
#include "steepest/svd/basis.h"
#include "steepest/svd/in_full.h"
#include "steepest/svd/ritz.h"
#include "steepest/svd/vectors.h"

namespace steepest::svd {
namespace {

constexpr double kLeastTolerance = 1e-4, kLeastHalfTolerance = 1e-3;
constexpr int64_t kLeastHalf = 1 << 16;  // numbers, below which rounding them takes too long
constexpr int64_t kFirstRoom = 128;      // vectors
constexpr int64_t kFew = 16;             // triplets, for which a narrow block will do
constexpr int64_t kMostProved = 32;      // triplets, and
constexpr int64_t kMostInProof = 64;     // vectors, whose residuals are cheap
constexpr double kRough = 5e-3;          // tolerance, for which few vectors are start enough
constexpr double kLeastHalfLeft = .03, kHalfNoise = 4e-4, kLeastSeen = 5e-3;  // parts of s_1
constexpr double kLeastExactRatio = .05;  // s_k / s_1, from which a G from float32 will do

class Sweeper {
 public:
  Sweeper(const at::Tensor& a, const Task& task, bool half)
      : a_(a),
        task_(task),
        half_(half),
        width_(width(task, half)),
        most_(std::min(a.size(0), a.size(1))),
        v_(cpu::Scratch::krylov_v, a.size(1)),
        y_(cpu::Scratch::krylov_y, a.size(0)),
        z_(cpu::Scratch::krylov_z, a.size(1)) {}

  std::optional<Answer> run() {
    auto block = first_block();
    std::optional<StopRule> stop;
    auto status = SvdStatus::stopped_early;
    while (true) {
      const auto z = sweep(block);
      if (!z.defined()) return {};
      if (!stop) {
        const double size = y_.rows().norm().item<double>();
        if (!(size > kLeastSize && size < kMostSize)) return {};
        stop.emplace(task_.options, task_.target, noise(size));
        if (warm_) stop->trust();
      }
      if (size() >= a_.size(1)) status = SvdStatus::converged;
      // A test of many values costs as much as half a sweep: not where none is near.
      const int64_t near = std::min(task_.target.k * 3 / 2, most_);
      const bool enough = !has_rest() && size() >= std::max(task_.target.needed({}), near);
      if (status == SvdStatus::stopped_early && enough) {
        if (settled(*stop) || (stop->hopeful() && certified())) status = SvdStatus::converged;
      }
      if (status == SvdStatus::converged || passes_ + 2 > task_.limit()) break;
      block = next_block(z);
      if (!block.defined()) return {};
      if (block.size(1) == 0) {
        status = SvdStatus::converged;
        break;
      }
      if (size() + width_ > capacity()) restart();
    }
    return answer(status);
  }

 private:
  static int64_t width(const Task& task, bool half) {
    const bool few = !task.target.shrink && task.target.k <= kFew && !task.start.defined();
    if (!few) return cpu::kSweepWide;
    return half ? cpu::kSweepNarrow : cpu::sweep_width();
  }
  int64_t capacity() const { return std::max<int64_t>(256, 3 * wanted_ + 4 * width_); }
  bool has_rest() const { return rest_.defined() && rest_.size(1) > 0; }
  int64_t size() const { return g_.defined() ? g_.size(0) : 0; }  // columns of V

  // Orthonormal columns: of the start, then pseudo-random ones.
  at::Tensor first_block() {
    at::Tensor from;
    if (task_.start.defined()) {
      rest_ = task_.start.to(at::kFloat);
      from = orthonormal(take_rest(width_ - kRandom));
      warm_ = from.size(1) > 0;
      trusted_ = from.size(1) >= width_ - kRandom || (warm_ && task_.options.tol >= kRough);
      if (rest_.size(1) <= kRandom) rest_ = at::Tensor();
    }
    return orthonormal(filled(from));
  }
  at::Tensor take_rest(int64_t most) {
    const int64_t n = std::min(most, rest_.size(1));
    const auto taken = rest_.narrow(1, 0, n).contiguous();
    rest_ = rest_.narrow(1, n, rest_.size(1) - n);
    return taken;
  }

  at::Tensor filled(const at::Tensor& columns) {
    const int64_t have = columns.defined() ? columns.size(1) : 0;
    if (have >= width_) return columns;
    const auto more = pseudo_random(a_.size(1), drawn_, width_ - have, a_.options());
    drawn_ += width_ - have;
    return have == 0 ? more : at::cat({columns, more}, 1);
  }

  at::Tensor orthonormal(const at::Tensor& x, double* left = nullptr) const {
    return across(v_, x, 2 * width_, left);
  }

  // One sweep from a warm start may be all there is: too few for the rounding of A. False where
  // float16 will not do.
  bool multiply(const float* x, float* y, float* z) {
    if (!half_ || (warm_ && passes_ == 0)) {
      cpu::sweep({a_.const_data_ptr<float>(), a_.size(0), a_.size(1), width_, x, y, z});
      return true;
    }
    if (!rounded_) rounded_.emplace(a_.const_data_ptr<float>(), a_.size(0), a_.size(1));
    return rounded_->sweep(width_, x, y, z);
  }

  // V and Y grow by the block; returns Z, undefined where it cannot be had.
  at::Tensor sweep(const at::Tensor& block) {
    const int64_t have = block.size(1), old = size();
    auto x = block.contiguous();
    if (have < width_) {
      x = at::zeros({a_.size(1), width_}, a_.options());
      x.narrow(1, 0, have).copy_(block);
    }
    auto y = at::empty({a_.size(0), width_}, a_.options()), z = at::empty_like(x);
    if (!multiply(x.const_data_ptr<float>(), y.mutable_data_ptr<float>(),
                  z.mutable_data_ptr<float>()))
      return {};
    passes_ += 2;
    if (have < width_) y = y.narrow(1, 0, have), z = z.narrow(1, 0, have);
    for (auto* vectors : {&v_, &y_, &z_})
      vectors->make_room(old + have, std::max(kFirstRoom, 3 * task_.target.k));
    v_.append(block), y_.append(y), z_.append(z);
    const auto g = at::mm(y_.rows(), y).to(at::kDouble);
    g_ = old == 0 ? g : at::cat({at::cat({g_, g.narrow(0, 0, old).mT()}), g}, 1);
    return z;
  }

  // Undefined where float16 will not do: what is across V is hidden by what rounds the rest.
  at::Tensor next_block(const at::Tensor& z) {
    double left = 1;
    auto block = orthonormal(next_columns(z), &left);
    if (rounded_ && left < kLeastHalfLeft) return {};
    const int64_t room = a_.size(1) - size();
    // A space that is closed under A^T A, or a multiple singular value: go on elsewhere.
    if (block.size(1) < std::min(width_, room)) block = orthonormal(filled(block));
    return block.size(1) > room ? block.narrow(1, 0, room) : block;
  }

  bool settled(StopRule& stop) {
    if (!stop.due(passes_)) return false;
    const auto s = ritz_values();
    if (!stop.settled(passes_, s, {})) return false;
    if (!warm_ && size() < most_ && most_ <= kMostInProof) return false;  // soon all there is
    if (!has_tie(s)) return true;
    const int64_t more = ((wanted_ - begun_) / width_ + 1) * width_;  // then as many as are wanted
    rest_ = pseudo_random(a_.size(1), drawn_, more, a_.options());
    drawn_ += more, begun_ += more;
    stop.doubt(passes_);
    return false;
  }
  bool has_tie(const Values& s) const {
    const int64_t k = wanted_ + (task_.target.shrink ? 1 : 0);
    return may_be_tied(s, k, begun_, task_.options.tol, rounded_ ? kHalfNoise : 0);
  }

  // Z of the last block, unless others were lost on the way: then what is across V of all.
  at::Tensor next_columns(const at::Tensor& z) {
    if (has_rest()) {
      chained_ = false;
      return take_rest(width_);
    }
    if (chained_) return z;
    const Eigen found = eigen(g_);
    const int64_t wanted = std::min(std::max(wanted_, task_.target.k), size());
    const auto ritz = ritz_rows(found, wanted, z_.rows());
    return leading_columns(residuals(found, v_.rows(), ritz), width_);
  }

  Values ritz_values() {
    const auto g = half_ ? g_.to(at::kFloat) : g_;
    const auto s = roots(values(at::linalg_eigvalsh(g).flip(0)));
    wanted_ = std::max(task_.target.k, task_.target.count(s));
    return s;
  }

  // A spectrum that decays needs no further sweep to show that nothing comes. Not before V has
  // twice as many vectors as are wanted and a block more, as it could miss a value, but from a warm
  // start; while G is small.
  bool certified() const {
    const int64_t p = size();
    if (p > kMostInProof || (p < 2 * wanted_ + width_ && !trusted_)) return false;
    const Eigen found = eigen(g_);
    if (has_tie(values(found.squares.sqrt()))) return false;
    const auto z = ritz_rows(found, p, z_.rows()), rest = residuals(found, v_.rows(), z);
    const auto r = values(at::linalg_vector_norm(rest, 2, {1}, false, at::kDouble));
    const auto s = found.squares.sqrt(), least = kLeastSeen * s.max();
    const auto b = z / at::maximum(s, least).to(at::kFloat).unsqueeze(1);  // U^T A
    const auto further = roots(values(at::linalg_eigvalsh(at::mm(b, b.mT())).flip(0)));
    return proved(values(found.squares), r, further, kMostProved, task_);
  }

  void restart() {
    const int64_t keep = std::min(wanted_ + std::max<int64_t>(wanted_ / 2, 8), size());
    const auto [d, q] = at::linalg_eigh(g_);
    const auto best = q.narrow(1, q.size(1) - keep, keep).flip(1).mT().to(at::kFloat);
    for (auto* x : {&v_, &y_, &z_}) x->replace(at::mm(best, x->rows()));
    g_ = at::diag(d.narrow(0, d.size(0) - keep, keep).flip(0));
  }

  // The last G is in float64, as the vectors of small values need it.
  std::optional<Answer> answer(SvdStatus status) const {
    const double least = rounded_ ? half_ratio(task_.options.tol) : kLeastRatio;
    Eigen found = half_ ? eigen(g_.to(at::kFloat)) : eigen(g_);
    auto best = leading(found, most_, task_.target, kLeastExactRatio);
    if (!best) {
      const auto wide = y_.rows().to(at::kDouble);
      found = eigen(at::mm(wide, wide.mT()));
      best = leading(found, most_, task_.target, least);
    }
    if (!best) return {};
    const Space space{v_.rows(), y_.rows(), z_.rows(), least};
    auto answer = triplets(*best, space, most_, task_);
    if (!answer) return {};
    answer->status = status, answer->passes = passes_;
    if (size() >= cpu::kSweepWide) answer->basis = next_start(found, space.z);
    return answer;
  }

  const at::Tensor& a_;
  const Task& task_;
  bool half_;
  std::optional<cpu::HalfMatrix> rounded_;
  int64_t width_, most_;
  Vectors v_, y_, z_;                    // V, A V, A^T A V
  at::Tensor g_;                         // [p, p] float64
  at::Tensor rest_;                      // columns that blocks are still to begin with
  bool warm_ = false, trusted_ = false;  // there is a start; one sweep from it may be enough
  bool chained_ = true;                  // every block but the first is of the last one's Z
  int64_t passes_ = 0, drawn_ = 0, wanted_ = 1;
  int64_t begun_ = width_;  // vectors that V has grown from
};

}  // namespace

bool sweeps_apply(const at::Tensor& a, const SvdOptions& o) {
  return o.method == "auto" && o.max_passes > 1 && a.is_cpu() && a.scalar_type() == at::kFloat &&
         !o.dtype && o.fixed_passes == 0 && o.stop == "value" && o.tol >= kLeastTolerance &&
         cpu::has_sweep();
}

std::optional<Answer> sweeps(const at::Tensor& a, const Task& task) {
  if (gram_pays(a, task)) {
    auto answer = in_full(a, task.target);
    if (answer || is_for_full(a, task)) return answer;
  }
  const bool half = task.options.tol >= kLeastHalfTolerance && a.numel() >= kLeastHalf &&
                    cpu::HalfMatrix::possible(a.size(0), a.size(1));
  if (half) {
    if (auto answer = Sweeper(a, task, true).run()) return answer;
  }
  return Sweeper(a, task, false).run();
}

}  // namespace steepest::svd
