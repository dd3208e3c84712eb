// SPDX-License-Identifier: Apache-2.0
// |X|_F <= 1:  s = m / |m|_F, dual = |m|_F, and sharp = m itself: plain gradient descent.
#include <ATen/ATen.h>

#include <optional>

#include "steepest/base/tensor.h"
#include "steepest/norms/catalog.h"

namespace steepest::norms {
namespace {

class Frobenius : public Norm {
 public:
  explicit Frobenius(std::string name) : name_(std::move(name)) {}

  Measured steepest(const at::Tensor& m, const NormContext&) const override {
    // Scaling by the largest entry first keeps the squares of 1e-38 and 3e38 in range.
    if (m.numel() == 0) return {m.clone(), at::zeros({m.size(0)}, m.options().dtype(at::kDouble))};
    if (auto found = in_one_pass(m)) return *found;
    const auto largest = m.abs().amax({1, 2}, /*keepdim=*/true);
    const auto scaled = safe_divide(widened(m), largest);
    const auto length = at::linalg_vector_norm(scaled, 2, {1, 2}, true, at::kDouble);
    const auto s = safe_divide(scaled, length.to(scaled.scalar_type())).to(m.scalar_type());
    return {s, (length * largest.to(at::kDouble)).view({-1})};
  }
  Sharp sharp(const at::Tensor& m, const NormContext&) const override { return {m}; }
  NormTraits traits() const override { return {.elementwise = true}; }
  std::string name() const override { return name_; }

 private:
  // Without the scaling, as float64 holds the squares of float32 numbers. None where the device has
  // no inner products for m, or a length is near the ends of float32's range.
  static std::optional<Measured> in_one_pass(const at::Tensor& m) {
    constexpr double kMin = 1e-30, kMax = 1e37;
    const Kernels& kernels = kernels_of(m);
    const auto square = kernels.host_reads ? ask(kernels.inner_products, m, m) : at::Tensor();
    if (!square.defined()) return {};
    const auto length = square.sqrt();
    const auto one = at::where(length == 0, 1.0, length);
    if (!(one.min().item<double>() > kMin && one.max().item<double>() < kMax)) return {};
    const auto wide = widened(m);
    return Measured{(wide / per_matrix(one, wide)).to(m.scalar_type()), length};
  }

  std::string name_;
};

// Returns the catalog's entry of this norm under one of its two names.
NormEntry entry(const std::string& name, const std::string& summary) {
  return {.name = name,
          .summary = summary,
          .arguments = {},
          .examples = {name},
          .make = [name](const Spec&, const Solvers&) -> NormPtr {
            return std::make_shared<Frobenius>(name);
          }};
}

}  // namespace

NormEntry frobenius() { return entry("frobenius", "|X|_F: s = m / |m|_F, dual = |m|_F (SGD)"); }

// The same ball, by the name that it has for what is not a matrix.
NormEntry l2() { return entry("l2", "|x|_2: s = m / |m|_2, dual = |m|_2 (SGD, as a backup)"); }

}  // namespace steepest::norms
