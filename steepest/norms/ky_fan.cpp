// SPDX-License-Identifier: Apache-2.0
// max(sigma_1, sum sigma_i / k) <= 1:  s = sum_{i<=k} u_i v_i^T, dual = KF_k = sum_{i<=k} sigma_i.
// Fanion-k, "Ky Fan Norms and Beyond" (arXiv 2512.09678). k = 1 is the nuclear norm of Neon.
#include <ATen/ATen.h>

#include "steepest/norms/low_rank.h"

namespace steepest::norms {
namespace {

class LowRank : public Norm {
 public:
  LowRank(std::string name, int64_t k, SvdOptions options)
      : name_(std::move(name)), k_(k), options_(std::move(options)) {}

  Measured steepest(const at::Tensor& m, const NormContext&) const override {
    const auto t = top_triplets(m, k_, options_);
    const auto s = at::bmm(t.u, t.vh).to(m.scalar_type());
    return {s, inner_product(m, s)};
  }
  NormTraits traits() const override {
    return {.exact = options_.method == "exact", .synchronises = options_.fixed_passes == 0};
  }
  std::string name() const override { return name_; }

 private:
  std::string name_;
  int64_t k_;
  SvdOptions options_;
};

}  // namespace

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
