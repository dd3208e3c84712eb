// SPDX-License-Identifier: Apache-2.0
#include "steepest/norms/prepared.h"

#include <ATen/ATen.h>

#include <limits>

#include "steepest/base/tensor.h"

namespace steepest::norms {
namespace {

// Returns w [B, r|1, c|1] times a number for each matrix that makes the mean square of 1 / w, over
// the entries where that is finite, 1.
at::Tensor unit_mean(const at::Tensor& w) {
  const auto wide = w.to(at::kDouble);
  const auto inverse = safe_divide(at::ones_like(wide), wide);
  return (wide * inverse.square().mean({1, 2}, /*keepdim=*/true).sqrt()).to(w.scalar_type());
}

}  // namespace

Prepared::Prepared(const Spec& spec, const Solvers& solvers, bool of_state)
    : name_(print_spec(spec)),
      spectral_(make_norm("spectral", solvers)),
      metric_(word_argument(spec, "form", {"prepared", "metric"}) == "metric"),
      of_state_(of_state) {}

Measured Prepared::steepest(const at::Tensor& u, const NormContext& context) const {
  const auto s = direction({u}, context).direction;
  return {s, inner_product(u, s)};
}

Measured Prepared::direction(const Batch& u, const NormContext& context) const {
  const auto& m = u.matrices;
  if (m.numel() == 0) return {m.clone()};
  const auto largest = m.abs().amax({1, 2}, /*keepdim=*/true);  // as in frobenius.cpp
  const auto x = safe_divide(at_least_float32(m), largest);
  const auto w = divisor(x, context);
  const auto prepared = applied(x, w, context);
  // Of half precision a small w would leave the range; the polar factor sees no scale.
  const auto power = power_of_two(prepared.abs().amax({1, 2}, /*keepdim=*/true));
  const auto s = polar((prepared / power).to(m.scalar_type()));
  if (!metric_) return {s};
  return {applied(at_least_float32(s), unit_mean(w), context).to(m.scalar_type())};
}

NormTraits Prepared::traits() const {
  auto traits = spectral_->traits();
  traits.adaptive = of_state_;
  traits.supports_inplace = false;
  if (metric_) traits.largest_entry = std::numeric_limits<double>::infinity();
  return traits;
}

at::Tensor Prepared::polar(const at::Tensor& x) const {
  return spectral_->direction({x, /*owned=*/true}, {}).direction;
}

at::Tensor Prepared::applied(const at::Tensor& x, const at::Tensor& w,
                             const NormContext& context) const {
  return from_basis(safe_divide(to_basis(x, context), w), context);
}

at::Tensor line_lengths(const at::Tensor& x, int64_t dim) {
  return at::linalg_vector_norm(x, 2, dim, /*keepdim=*/true, at::kDouble).to(x.scalar_type());
}

}  // namespace steepest::norms
