// SPDX-License-Identifier: Apache-2.0
// max(sigma_1, sum sigma_i / k) <= 1:  s = sum_{i<=k} u_i v_i^T, dual = KF_k = sum_{i<=k} sigma_i.
// Fanion-k, "Ky Fan Norms and Beyond" (arXiv 2512.09678). k = 1 is the nuclear norm of Neon.
#include <ATen/ATen.h>

#include <algorithm>

#include "steepest/norms/low_rank.h"

namespace steepest::norms {
namespace {

class LowRank : public Norm {
 public:
  LowRank(std::string name, int64_t k, SvdOptions options)
      : name_(std::move(name)), k_(k), options_(std::move(options)) {}

  Measured steepest(const at::Tensor& m, const NormContext& context) const override {
    const auto t = top_triplets(m, k_, options_, context.basis);
    keep_basis(t.vh, context.basis);
    const auto s = at::bmm(t.u, t.vh).to(m.scalar_type());
    return {s, inner_product(m, s)};
  }
  int64_t warm_columns(int64_t rows, int64_t cols) const override {
    return warm_columns_of(options_, k_, rows, cols);
  }
  NormTraits traits() const override {
    return {.exact = options_.method == "exact",
            .synchronises = options_.fixed_passes == 0,
            .low_rank = true};
  }
  std::string name() const override { return name_; }

 private:
  std::string name_;
  int64_t k_;
  SvdOptions options_;
};

}  // namespace

// Small matrices are decomposed in full.
int64_t warm_columns_of(const SvdOptions& options, int64_t columns, int64_t rows, int64_t cols) {
  constexpr int64_t kSmall = 32;
  const int64_t small = std::min(rows, cols);
  const bool useful = options.method != "exact" && small > std::max(kSmall, 2 * columns);
  return useful ? columns : 0;
}

void keep_basis(const at::Tensor& vh, const at::Tensor& basis) {
  if (!basis.defined()) return;
  const int64_t columns = std::min(vh.size(1), basis.size(2));
  basis.narrow(2, 0, columns).copy_(vh.narrow(1, 0, columns).mT());
  basis.narrow(2, columns, basis.size(2) - columns).zero_();
}

NormPtr make_low_rank(const std::string& name, int64_t k, const SvdOptions& options) {
  return std::make_shared<LowRank>(name, k, options);
}

NormEntry ky_fan() {
  return {
      "ky_fan",
      "max(sigma_1, sum sigma / k): s = sum_{i<=k} u_i v_i^T, dual = sum_{i<=k} sigma_i (Fanion-k)",
      {"k"},
      {"ky_fan(k=2)", "ky_fan(k=5)"},
      [](const Spec& spec, const Solvers& solvers) {
        return make_low_rank(print_spec(spec), integer_argument(spec, "k", 1, 1), solvers.svd);
      }};
}

}  // namespace steepest::norms
