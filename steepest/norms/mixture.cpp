// SPDX-License-Identifier: Apache-2.0
// The ball sum_i a_i B_i (Minkowski sum, a_i > 0):  s = sum a_i s_i,  dual = sum a_i dual_i
// (arXiv 2512.09678, its lemma).  F-Muon 0.5*spectral+0.5*frobenius, S-Muon 0.5*spectral+e*inf,
// F-Neon 0.5*nuclear+0.5*frobenius. (The paper prints (1-a)/e for S-Muon's second coefficient; by
// its own lemma it is (1-a) e.)
#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include "steepest/base/tensor.h"
#include "steepest/norms/catalog.h"

namespace steepest {
namespace {

class Mixture : public Norm {
 public:
  // norms and weights: the terms' norms and their weights a_i, as many of each.
  Mixture(std::vector<NormPtr> norms, std::vector<double> weights)
      : norms_(std::move(norms)), weights_(std::move(weights)) {}

  // Returns s = sum a_i s_i, added in float32 at least, and dual = sum a_i dual_i of each matrix of
  // m [B, r, c], over the terms' directions s_i. The one slot has columns for each term that begins
  // with vectors of the step before; what these terms leave for the next step is returned side by
  // side in factors.warm_start.
  Measured steepest(const at::Tensor& m, const NormContext& context) const override {
    Measured sum;
    auto own = context;
    std::vector<at::Tensor> next;  // the terms' warm starts, side by side
    int64_t column = 0;
    for (size_t i = 0; i < norms_.size(); ++i) {
      const int64_t columns = warm_columns(*norms_[i], m.size(1), m.size(2));
      own.slots.clear();
      if (columns > 0 && !context.slots.empty())
        own.slots = {context.slots[0].narrow(2, column, columns)};
      const auto term = norms_[i]->steepest(m, own);
      if (term.factors.warm_start.defined()) next.push_back(term.factors.warm_start);
      column += columns;
      const auto s = at_least_float32(term.direction);  // float16 would lose a small weight
      sum.direction = i == 0 ? s * weights_[i] : sum.direction.add_(s, weights_[i]);
      sum.dual = i == 0 ? term.dual * weights_[i] : sum.dual + term.dual * weights_[i];
    }
    sum.direction = sum.direction.to(m.scalar_type());
    if (!next.empty()) sum.factors.warm_start = at::cat(next, 2);
    return sum;
  }
  // Asks for one slot for the right singular vectors of all terms side by side, with which their
  // next decompositions begin; none where no term keeps any.
  std::vector<Slot> slots(int64_t rows, int64_t cols) const override {
    int64_t columns = 0;
    for (const auto& norm : norms_) columns += warm_columns(*norm, rows, cols);
    if (columns == 0) return {};
    return {{"right_basis", Slot::Shape::basis, columns}};
  }
  // Says that the mixture is exact where all terms are, and that a direction's entries are bounded
  // by the weighted sum of the terms' bounds; `transpose` is the mixture of the terms' own
  // transposes.
  NormTraits traits() const override {
    NormTraits all{.largest_entry = 0};
    for (size_t i = 0; i < norms_.size(); ++i) {
      const auto traits = norms_[i]->traits();
      all.exact &= traits.exact;
      all.largest_entry += weights_[i] * traits.largest_entry;
    }
    all.transpose = spec_text(/*transposed=*/true);
    return all;
  }
  // Returns the mixture's text, "0.5*spectral+0.5*row", from which make_norm() makes it again.
  std::string name() const override { return spec_text(/*transposed=*/false); }

 private:
  // Returns how many right singular vectors a term keeps of a matrix [rows, cols] for its next
  // decomposition: its columns in the mixture's one slot; 0 where it keeps none.
  static int64_t warm_columns(const Norm& norm, int64_t rows, int64_t cols) {
    const auto slots = norm.slots(rows, cols);
    return slots.empty() ? 0 : slots[0].count;
  }
  // Returns the mixture in the grammar of norms, "0.5*spectral+0.5*row"; with `transposed` the
  // mixture that does the same to m^T, "0.5*spectral+0.5*column".
  std::string spec_text(bool transposed) const {
    std::vector<std::string> terms;
    for (size_t i = 0; i < norms_.size(); ++i) {
      const auto partner = norms_[i]->traits().transpose;
      const auto name = transposed && !partner.empty() ? partner : norms_[i]->name();
      terms.push_back(print_number(weights_[i]) + "*" + name);
    }
    return join(terms, "+");
  }

  std::vector<NormPtr> norms_;
  std::vector<double> weights_;
};

}  // namespace

// Makes the norm whose ball is the sum of the terms' balls, scaled by their weights a_i: s = sum
// a_i s_i, dual = sum a_i dual_i. Throws c10::ValueError where a weight is not in (0, 1e9], or a
// term keeps statistics of the gradients, as the mixture's one slot has room for starting vectors
// only.
NormPtr make_mixture(const std::vector<Spec>& terms, const Solvers& solvers) {
  std::vector<NormPtr> norms;
  std::vector<double> weights;
  for (const auto& term : terms) {
    TORCH_CHECK_VALUE(term.weight > 0 && term.weight <= 1e9, "norm: the weight of ", cut(term.name),
                      ": received ", print_number(term.weight),
                      ", allowed a number above 0, up to 1e9");
    norms.push_back(make_norm(print_spec(term), solvers));
    TORCH_CHECK_VALUE(!norms.back()->traits().adaptive, "norm: a mixture of ", term.name,
                      ": allowed are norms without state");
    weights.push_back(term.weight);
  }
  return std::make_shared<Mixture>(std::move(norms), std::move(weights));
}

}  // namespace steepest
