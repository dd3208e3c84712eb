// SPDX-License-Identifier: Apache-2.0
// |X|_F <= 1:  s = m / |m|_F, dual = |m|_F, and sharp = m itself: plain gradient descent.
#include <ATen/ATen.h>

#include <optional>

#include "steepest/base/tensor.h"
#include "steepest/norms/catalog.h"
#include "steepest/norms/listed.h"

namespace steepest::norms {
namespace {

class Frobenius : public Norm, public ListedEntries {
 public:
  // name: "frobenius" or "l2", the norm's two names in the catalog, which name() returns.
  explicit Frobenius(std::string name) : name_(std::move(name)) {}

  // Returns the steepest direction s = m / |m|_F and dual = |m|_F of each matrix of m [B, r, c].
  // Dividing by the largest entry first keeps the squares of 1e-38 and 3e38 in range.
  Measured steepest(const at::Tensor& m, const NormContext&) const override {
    if (m.numel() == 0) return {m.clone(), at::zeros({m.size(0)}, m.options().dtype(at::kDouble))};
    if (auto found = in_one_pass(m)) return *found;
    const auto largest = m.abs().amax({1, 2}, /*keepdim=*/true);
    const auto scaled = safe_divide(at_least_float32(m), largest);
    const auto length = at::linalg_vector_norm(scaled, 2, {1, 2}, true, at::kDouble);
    const auto s = safe_divide(scaled, length.to(scaled.scalar_type())).to(m.scalar_type());
    return {s, (length * largest.to(at::kDouble)).view({-1})};
  }
  // Returns dual times s, by which a regularized step moves, of each matrix of m [B, r, c]: as
  // |m|_F times m / |m|_F is m, that is m itself, without any work.
  Sharp sharp(const at::Tensor& m, const NormContext&) const override { return {m}; }
  // Says that lists are served where the sharp direction is asked for.
  bool serves(bool sharp, double) const override { return sharp; }
  // Returns the sharp directions of a list, which are its tensors.
  Fractions directions_of_each(const TensorList& u, const ListedContext&, Arena&) const override {
    return {u};
  }
  // Says that s is computed entry by entry but for the length (elementwise), so that nothing is
  // gained by taking several matrices at a time.
  NormTraits traits() const override { return {.elementwise = true}; }
  // Returns the norm's text, from which make_norm() makes the same norm again.
  std::string name() const override { return name_; }

 private:
  // Returns the s and the dual of steepest() without the division by the largest entry, as float64
  // holds the squares of float32 numbers. Returns nothing, and steepest() divides first, where the
  // device has no kernel for inner products of m, or a length is near the ends of float32's range,
  // where s would lose digits.
  static std::optional<Measured> in_one_pass(const at::Tensor& m) {
    constexpr double kMin = 1e-30, kMax = 1e37;
    const Kernels& kernels = kernels_of(m);
    const auto square =
        kernels.host_reads ? try_kernel(kernels.inner_products, m, m) : at::Tensor();
    if (!square.defined()) return {};
    const auto length = square.sqrt();
    const auto one = at::where(length == 0, 1.0, length);
    if (!(one.min().item<double>() > kMin && one.max().item<double>() < kMax)) return {};
    const auto wide = at_least_float32(m);
    return Measured{(wide / per_matrix(one, wide)).to(m.scalar_type()), length};
  }

  std::string name_;
};

// Returns the catalog's entry of this norm under one of its two names, "frobenius" or "l2";
// `summary` is what a list of norms says of it.
NormEntry catalog_entry(const std::string& name, const std::string& summary) {
  return {.name = name,
          .summary = summary,
          .arguments = {},
          .examples = {name},
          .make = [name](const Spec&, const Solvers&) -> NormPtr {
            return std::make_shared<Frobenius>(name);
          }};
}

}  // namespace

// Returns the catalog's entry of "frobenius", which takes no arguments.
NormEntry frobenius() {
  return catalog_entry("frobenius", "|X|_F: s = m / |m|_F, dual = |m|_F (SGD)");
}

// Returns the catalog's entry of "l2", which makes the same norm as "frobenius": a second name, as
// |x|_2 is what it is called for parameters that are no matrices (backup="l2"). It takes no
// arguments.
NormEntry l2() {
  return catalog_entry("l2", "|x|_2: s = m / |m|_2, dual = |m|_2 (SGD, as a backup)");
}

}  // namespace steepest::norms
