// SPDX-License-Identifier: Apache-2.0
// Batches whose shorter sides n are equal go through the iteration together.
//
// Standard form: X [B, n, m] has all of them side by side, the tall ones transposed. Small ones are
// filled up with columns of zeros, which stay zero, to the longest: that costs flops, and saves
// launches, each of which takes as long as some 1e8 flops.
//
// Gram form (gram.cpp): R = X X^T of all of them is one batch [B, n, n]. Only R and Q X are
// computed shape by shape, without any padding.
//
// In float32 at least no product copies an operand, as torch's baddbmm does with the matrix that it
// adds to: the identity is added to R instead,
//   a I + b R + c R^2 = c (R + b/2c I)^2 + (a - b^2/4c) I
// Half precision, which would round it away, keeps the form with copies. The last product of a
// batch is multiplied by the batch's scale and written where the batch lies.

#include "steepest/polar/joint.h"

#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/div.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/threshold.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "steepest/base/dtype.h"
#include "steepest/polar/normalize.h"
#include "steepest/polar/solvers.h"

namespace steepest::polar {
namespace {

// The most elements of a batch that is filled up: in float32 or float64, and in half precision.
constexpr int64_t kMostPadded = int64_t{1} << 20, kMostPaddedHalf = int64_t{1} << 23;

// One batch of the caller's.
struct Part {
  at::Tensor batch;
  double scale = 1;
  int64_t at = 0;  // its first matrix among those of its shorter side

  int64_t count() const { return batch.size(0); }
  int64_t long_side() const { return std::max(batch.size(1), batch.size(2)); }
  bool is_tall() const { return batch.size(1) > batch.size(2); }
};

// Computes out <- alpha a b, for a contiguous out [B, r, c].
void product_out(at::Tensor out, const at::Tensor& a, const at::Tensor& b, double alpha) {
  if (alpha == 1)
    at::bmm_out(out, a, b);
  else
    at::baddbmm_out(out, out, a, b, /*beta=*/0, alpha);
}

// The matrices of one shorter side on their way through the iteration.
class Joint {
 public:
  Joint(const JointIteration& joint, std::vector<Part> parts, Arena& arena)
      : steps_(joint.iteration.steps),
        restarts_(joint.iteration),
        dtype_(joint.dtype),
        parts_(std::move(parts)),
        arena_(arena) {
    const double s = joint.iteration.safety;  // p(x / s) = a/s x + b/s^3 x^3 + c/s^5 x^5
    auto& first = steps_[0];
    first = {first.a / s, first.b / std::pow(s, 3), first.c / std::pow(s, 5)};
    for (auto& part : parts_) {
      part.at = count_;
      count_ += part.count();
      longest_ = std::max(longest_, part.long_side());
    }
    const auto& first_batch = parts_[0].batch;
    short_ = std::min(first_batch.size(1), first_batch.size(2));
  }

  void run() {
    measure();
    const bool wide_enough = std::any_of(parts_.begin(), parts_.end(), [&](const Part& part) {
      return static_cast<double>(part.long_side()) >= kGramAspect * static_cast<double>(short_);
    });
    const bool full = at_least_float32(dtype_) == dtype_ && dtype_ == parts_[0].batch.scalar_type();
    const int64_t most = full ? kMostPadded : kMostPaddedHalf;
    const bool small = parts_.size() > 1 && count_ * short_ * longest_ <= most;
    if (full && wide_enough && !small) return gram();
    if (small) return standard(parts_);
    std::map<int64_t, std::vector<Part>> alike;  // by the longer side
    for (const auto& part : parts_) alike[part.long_side()].push_back(part);
    for (auto& [side, parts] : alike) standard(parts);
  }

 private:
  at::TensorOptions options() const { return parts_[0].batch.options().dtype(dtype_); }
  at::Tensor square() { return arena_.take({count_, short_, short_}, options()); }

  // Sets norms_ [B] to what the matrices are divided by: their Frobenius norms in float64, 1 where
  // that is 0.
  void measure() {
    norms_ = arena_.take({count_}, options().dtype(at::kDouble));
    for (const auto& part : parts_)
      matrix_norms_out(norms_.narrow(0, part.at, part.count()), part.batch);
    at::threshold_(norms_, 0, 1);
  }

  // Writes the part's matrices, divided by their norms, to `out`, of their shape.
  void normalize(const Part& part, at::Tensor out) {
    at::div_out(out, part.batch, norms_.narrow(0, part.at, part.count()).view({-1, 1, 1}));
  }

  // R <- Z for the factor of a step, of which the products with X take alpha: X <- alpha Z X.
  double factor(const at::Tensor& r, at::Tensor z, const PolynomialCoefficients& p) {
    auto diagonal = r.diagonal(0, 1, 2);
    if (p.c == 0) {
      diagonal.add_(p.a / p.b);
      return p.b;
    }
    const double shift = p.b / (2 * p.c);
    diagonal.add_(shift);
    at::bmm_out(z, r, r);
    z.diagonal(0, 1, 2).add_(p.a / p.c - shift * shift);
    return p.c;
  }

  // Runs all steps in the standard form on the parts, side by side in one batch.
  void standard(const std::vector<Part>& parts) {
    int64_t count = 0, columns = 0;
    bool padded = false;
    for (const auto& part : parts) {
      padded = padded || (columns != 0 && part.long_side() != columns);
      count += part.count(), columns = std::max(columns, part.long_side());
    }
    auto x = arena_.take({count, short_, columns}, options());
    auto y = arena_.take({count, short_, columns}, options());
    const auto r = arena_.take({count, short_, short_}, options());
    const auto z = arena_.take({count, short_, short_}, options());
    if (padded) x.zero_();
    int64_t at = 0;
    for (const auto& part : parts) {
      auto own = x.narrow(0, at, part.count()).narrow(2, 0, part.long_side());
      normalize(part, part.is_tall() ? own.mT() : own);
      at += part.count();
    }
    for (size_t k = 0; k + 1 < steps_.size(); ++k) {
      step(x, r, z, y, steps_[k]);
      std::swap(x, y);
    }
    last_step(parts, x, r, z, y);
  }

  // Y <- a X + b R X + c R^2 X with R = X X^T; r and z are working memory.
  void step(const at::Tensor& x, at::Tensor r, at::Tensor z, at::Tensor y,
            const PolynomialCoefficients& p) {
    at::bmm_out(r, x, x.mT());
    if (at_least_float32(dtype_) == dtype_) {
      const double alpha = factor(r, z, p);
      return product_out(y, p.c == 0 ? r : z, x, alpha);
    }
    half_factor(r, z, p);
    at::baddbmm_out(y, x, z, x, p.a, 1);
  }

  // Z <- b R + c R^2: in half precision the identity would be rounded with it.
  static void half_factor(const at::Tensor& r, at::Tensor z, const PolynomialCoefficients& p) {
    if (p.c == 0)
      at::mul_out(z, r, at::scalar_tensor(p.b, at::kDouble));
    else
      at::baddbmm_out(z, r, r, r, p.b, p.c);
  }

  // The last step, whose results are written part by part to where the parts lie.
  void last_step(const std::vector<Part>& parts, const at::Tensor& x, at::Tensor r, at::Tensor z,
                 at::Tensor y) {
    const auto& p = steps_.back();
    const bool full = at_least_float32(dtype_) == dtype_;
    at::bmm_out(r, x, x.mT());
    double alpha = 1;
    if (full)
      alpha = factor(r, z, p);
    else
      half_factor(r, z, p), at::baddbmm_out(y, x, z, x, p.a, 1);
    const auto& square = full && p.c == 0 ? r : z;
    int64_t at = 0;
    for (const auto& part : parts) {
      const auto own = [&](const at::Tensor& t) {
        return t.narrow(0, at, part.count()).narrow(2, 0, part.long_side());
      };
      const auto factors = square.narrow(0, at, part.count());
      auto out = part.batch;
      if (!full || dtype_ != out.scalar_type()) {
        if (full) product_out(own(y), factors, own(x), alpha);
        const auto result = part.is_tall() ? own(y).mT() : own(y);
        at::mul_out(out, result, at::scalar_tensor(part.scale, at::kDouble));
      } else if (part.is_tall()) {
        product_out(out, own(x).mT(), factors, alpha * part.scale);  // (Z X)^T, as Z^T = Z
      } else {
        product_out(out, factors, own(x), alpha * part.scale);
      }
      at += part.count();
    }
  }

  // Runs all steps in the Gram form: see gram.cpp.
  void gram() {
    const auto steps = static_cast<int64_t>(steps_.size());
    std::vector<int64_t> ends;
    for (int64_t k = 0; k < steps; k = ends.back()) ends.push_back(next_restart(restarts_, k));
    const auto r = square(), z = square(), t = square();
    at::Tensor q = square(), q_next = square();
    std::vector<at::Tensor> x, y;  // of each part: what is multiplied, and the result
    for (const auto& part : parts_) {
      x.push_back(part.batch), y.push_back(arena_.take(part.batch.sizes(), options()));
      if (ends.size() % 2 == 1) std::swap(x.back(), y.back());  // the last result lies in the batch
      normalize(part, x.back());
    }
    int64_t begin = 0;
    for (const int64_t end : ends) {
      for (size_t i = 0; i < parts_.size(); ++i) {
        const auto across = x[i].mT();
        auto own = r.narrow(0, parts_[i].at, parts_[i].count());
        parts_[i].is_tall() ? at::bmm_out(own, across, x[i]) : at::bmm_out(own, x[i], across);
      }
      const double number = gather(r, z, t, q, q_next, begin, end);
      for (size_t i = 0; i < parts_.size(); ++i) {
        const auto factors = q.narrow(0, parts_[i].at, parts_[i].count());
        const double scale = number * (end == steps ? parts_[i].scale : 1);
        if (parts_[i].is_tall())
          product_out(y[i], x[i], factors, scale);
        else
          product_out(y[i], factors, x[i], scale);
      }
      std::swap(x, y);
      begin = end;
    }
  }

  // Sets q to the factor by which the steps [begin, end) together multiply X, but for a number,
  // which it returns; r is X X^T before them, and z, t and q_next are working memory.
  double gather(at::Tensor r, at::Tensor z, at::Tensor t, at::Tensor& q, at::Tensor& q_next,
                int64_t begin, int64_t end) {
    double number = 1;
    for (int64_t k = begin; k < end; ++k) {
      auto& own = k == begin ? q : z;
      const double c = divided_factor(r, own, steps_[k]);
      number *= c;
      if (k + 1 < end) {
        at::bmm_out(t, r, own);
        product_out(r, own, t, c * c);
      }
      if (k == begin) continue;
      at::bmm_out(q_next, q, z);
      std::swap(q, q_next);
    }
    return number;
  }

  // Sets z to (a I + b R + c R^2) / c and returns c; where that is 0, to a I + b R, and returns 1.
  static double divided_factor(const at::Tensor& r, at::Tensor z, const PolynomialCoefficients& p) {
    const double c = p.c == 0 ? 1 : p.c;
    if (p.c == 0)
      at::mul_out(z, r, at::scalar_tensor(p.b, at::kDouble));
    else
      at::bmm_out(z, r, r).add_(r, p.b / c);
    z.diagonal(0, 1, 2).add_(p.a / c);
    return c;
  }

  std::vector<PolynomialCoefficients> steps_;
  PolynomialIteration restarts_;
  at::ScalarType dtype_;
  std::vector<Part> parts_;
  Arena& arena_;
  at::Tensor norms_;
  int64_t count_ = 0, short_ = 0, longest_ = 0;
};

}  // namespace

void joint_polar(const JointIteration& joint, const std::vector<at::Tensor>& batches,
                 const std::vector<double>& scales, Arena& arena) {
  std::map<int64_t, std::vector<Part>> parts;  // by the shorter side
  for (size_t i = 0; i < batches.size(); ++i) {
    const auto& batch = batches[i];
    check_batch(batch);
    if (batch.numel() != 0)
      parts[std::min(batch.size(1), batch.size(2))].push_back({batch, scales[i]});
  }
  for (auto& [side, own] : parts) Joint(joint, std::move(own), arena).run();
}

}  // namespace steepest::polar
