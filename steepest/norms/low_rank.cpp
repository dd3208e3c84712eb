// SPDX-License-Identifier: Apache-2.0
#include "steepest/norms/low_rank.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "steepest/base/tensor.h"
#include "steepest/svd/svd.h"
#include "steepest/svd/warm_start.h"

namespace steepest::norms {
namespace {

class LowRank : public Norm {
 public:
  // name: what name() gives. k: the number of singular triplets in a direction. weights: what they
  // have in it. options: how the truncated SVDs are computed.
  LowRank(std::string name, int64_t k, Weights weights, SvdOptions options)
      : name_(std::move(name)), k_(k), weights_(weights), options_(std::move(options)) {}

  // Returns the steepest direction s = sum_{i<=k} w_i u_i v_i^T [B, r, c] of the k leading singular
  // triplets of each matrix of m, multiplied out, and its dual <m, s>; as factors U diag(w) and V,
  // and the vectors that the next decomposition begins with.
  Measured steepest(const at::Tensor& m, const NormContext& context) const override {
    const auto sharp = this->sharp(m, context);
    return {sharp.direction, inner_product(m, sharp.direction), sharp.factors};
  }
  // Returns the direction s of each matrix as its factors U diag(w) and V alone: it is not
  // multiplied out, and the dual is left undefined.
  Measured direction(const Batch& m, const NormContext& context) const override {
    return {{}, {}, parts(m.matrices, context).factors};
  }
  // Returns dual times s, by which a regularized step moves, of each matrix of m [B, r, c], in two
  // parts: s, and the dual [B] as a factor yet to be multiplied by. The dual is that of the k
  // values that the decomposition has attained, which needs no pass over m for <m, s>.
  Sharp sharp(const at::Tensor& m, const NormContext& context) const override {
    const auto [factors, dual] = parts(m, context);
    return {at::bmm(factors.left, factors.right.mT()).to(m.scalar_type()), dual, factors};
  }
  // Asks for one slot for right singular vectors, with which the next step's decomposition begins;
  // none where a decomposition with these options has no use for them.
  std::vector<Slot> slots(int64_t rows, int64_t cols) const override {
    return warm_start_slots(options_, k_, rows, cols);
  }
  // Says that the direction is exact only by LAPACK's SVD, the method "exact", else to the solver's
  // tolerance, that it leaves its factors, and up to which size a matrix is decomposed by one
  // thread.
  NormTraits traits() const override {
    return {.exact = options_.method == "exact",
            .low_rank = true,
            .single_thread_max_elements = svd::kMaxOneThreadElements};
  }
  // Returns the norm's text, from which make_norm() makes the same norm again.
  std::string name() const override { return name_; }

 private:
  struct Parts {
    Factors factors;  // of s
    at::Tensor dual;  // [B] float64
  };
  // Returns the direction's factors and its dual, of each matrix of m [B, r, c]; the decomposition
  // begins with the vectors that the context's slot holds from the step before. Values are squared
  // near 1: those at float64's ends have no squares.
  Parts parts(const at::Tensor& m, const NormContext& context) const {
    const auto start = warm_start(context);
    const auto t = top_triplets(m, k_, options_, start);
    auto factors = factors_of(t, start);
    if (weights_ == Weights::ones) return {factors, t.attained};
    const auto power = power_of_two(t.s.sum(1));
    const auto values = t.s / power.unsqueeze(1);
    const auto length = values.square().sum(1, /*keepdim=*/true).sqrt();
    const auto weights = safe_divide(values, length).unsqueeze(1);
    factors.left = t.u * weights.to(t.u.scalar_type());
    return {factors, length.squeeze(1) * power};
  }

  std::string name_;
  int64_t k_;
  Weights weights_;
  SvdOptions options_;
};

}  // namespace

int64_t part_of(int64_t n, double fraction) {
  const auto part = static_cast<int64_t>(std::ceil(fraction * static_cast<double>(n)));
  return std::min(n, std::max<int64_t>(1, part));
}

// None for small matrices, which are decomposed in full. Few vectors are kept with the next ones,
// up to a whole block of the kernels.
std::vector<Slot> warm_start_slots(const SvdOptions& options, int64_t count, int64_t rows,
                                   int64_t cols) {
  constexpr int64_t kBlock = svd::kWarmStartColumns;
  if (options.method == "exact" || svd_in_full(rows, cols, count)) return {};
  return {{"right_basis", Slot::Shape::basis, count <= kBlock / 2 ? kBlock : count}};
}

at::Tensor warm_start(const NormContext& context) {
  return context.slots.empty() ? at::Tensor() : context.slots[0];
}

Factors factors_of(const Triplets& t, const at::Tensor& warm_start) {
  Factors factors{t.u, t.vh.mT()};
  if (!warm_start.defined()) return factors;
  factors.warm_start = at::zeros_like(warm_start);
  const auto copy = [&](const at::Tensor& from) {
    const int64_t columns = std::min(from.size(2), warm_start.size(2));
    factors.warm_start.narrow(2, 0, columns).copy_(from.narrow(2, 0, columns));
  };
  if (t.warm_start.defined()) copy(t.warm_start);
  copy(factors.right);
  return factors;
}

NormPtr make_low_rank(const std::string& name, int64_t k, const SvdOptions& options,
                      Weights weights) {
  return std::make_shared<LowRank>(name, k, weights, options);
}

}  // namespace steepest::norms
