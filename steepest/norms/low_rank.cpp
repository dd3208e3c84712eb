// SPDX-License-Identifier: Apache-2.0
#include "steepest/norms/low_rank.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "steepest/base/tensor.h"
#include "steepest/svd/svd.h"
#include "steepest/svd/warm_start.h"

namespace steepest::norms {
namespace {

class LowRank : public Norm {
 public:
  // name: what name() gives. k: the number of singular triplets in a direction. options: how the
  // truncated SVDs are computed.
  LowRank(std::string name, int64_t k, SvdOptions options)
      : name_(std::move(name)), k_(k), options_(std::move(options)) {}

  // Returns the steepest direction s = sum_{i<=k} u_i v_i^T [B, r, c] of the k leading singular
  // triplets of each matrix of m, multiplied out, and its dual <m, s>; as factors the vectors U and
  // V, and the vectors that the next decomposition begins with.
  Measured steepest(const at::Tensor& m, const NormContext& context) const override {
    const auto t = triplets(m, context);
    const auto s = at::bmm(t.u, t.vh).to(m.scalar_type());
    return {s, inner_product(m, s), factors_of(t, warm_start(context))};
  }
  // Returns the direction s = U V^T of each matrix as its factors U and V alone: it is not
  // multiplied out, and the dual is left undefined.
  Measured direction(const Batch& m, const NormContext& context) const override {
    return {{}, {}, factors_of(triplets(m.matrices, context), warm_start(context))};
  }
  // Returns dual times s, by which a regularized step moves, of each matrix of m [B, r, c], in two
  // parts: s, and the dual [B] as a factor yet to be multiplied by. The dual is the sum of the k
  // values that the decomposition has attained, which needs no pass over m for <m, s>.
  Sharp sharp(const at::Tensor& m, const NormContext& context) const override {
    const auto t = triplets(m, context);
    const auto s = at::bmm(t.u, t.vh).to(m.scalar_type());
    return {s, t.attained, factors_of(t, warm_start(context))};
  }
  // Asks for one slot for right singular vectors, with which the next step's decomposition begins;
  // none where a decomposition with these options has no use for them.
  std::vector<Slot> slots(int64_t rows, int64_t cols) const override {
    return warm_start_slots(options_, k_, rows, cols);
  }
  // Says that the direction is exact only by LAPACK's SVD, the method "exact", else to the solver's
  // tolerance, and up to which size a matrix is decomposed by one thread.
  NormTraits traits() const override {
    return {.exact = options_.method == "exact",
            .single_thread_max_elements = svd::kMaxOneThreadElements};
  }
  // Returns the norm's text, from which make_norm() makes the same norm again.
  std::string name() const override { return name_; }

 private:
  // Returns the k leading singular triplets of each matrix of m [B, r, c]; the decomposition begins
  // with the vectors that the context's slot holds from the step before.
  Triplets triplets(const at::Tensor& m, const NormContext& context) const {
    return top_triplets(m, k_, options_, warm_start(context));
  }

  std::string name_;
  int64_t k_;
  SvdOptions options_;
};

}  // namespace

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

NormPtr make_low_rank(const std::string& name, int64_t k, const SvdOptions& options) {
  return std::make_shared<LowRank>(name, k, options);
}

}  // namespace steepest::norms
