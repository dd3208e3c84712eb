// SPDX-License-Identifier: Apache-2.0
#include "steepest/base/tensor.h"

#include <ATen/ATen.h>

#include <limits>

namespace steepest {

namespace {

// Returns the largest magnitude of t's entries as a 0-dim float64 tensor on t's device: 0 of an
// empty tensor, NaN where an entry is NaN.
at::Tensor largest_magnitude(const at::Tensor& t) {
  if (t.numel() == 0) return at::zeros({}, t.options().dtype(at::kDouble));
  const auto largest = try_kernel(kernels_of(t).largest_magnitude, t);
  if (largest.defined()) return largest;
  return at::linalg_vector_norm(t, std::numeric_limits<double>::infinity()).to(at::kDouble);
}

}  // namespace

std::vector<double> largest_magnitudes(const std::vector<at::Tensor>& tensors) {
  std::vector<double> all(tensors.size());
  std::vector<at::Tensor> on_device;  // fetched together: one wait for all of them
  std::vector<size_t> positions;      // of these in the result
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (!tensors[i].defined()) continue;
    const auto largest = largest_magnitude(tensors[i]);
    if (kernels_of(largest).host_reads) {
      all[i] = largest.item<double>();
      continue;
    }
    on_device.push_back(on_device.empty() ? largest : largest.to(on_device[0].device()));
    positions.push_back(i);
  }
  if (on_device.empty()) return all;
  const auto found = at::stack(on_device).cpu();
  for (size_t k = 0; k < positions.size(); ++k)
    all[positions[k]] = found[static_cast<int64_t>(k)].item<double>();
  return all;
}

at::Tensor inner_product(const at::Tensor& a, const at::Tensor& b) {
  const auto products = try_kernel(kernels_of(a).inner_products, a, b);
  if (products.defined()) return products;
  const auto x = a.to(at::kDouble);
  if (!kernels_of(x).host_reads || x.numel() == 0) return at::mul(x, b).sum({1, 2});
  // Where products would overflow or underflow float64, each matrix of a is first divided by the
  // power of two below its largest entry.
  const auto size = at::linalg_vector_norm(x, std::numeric_limits<double>::infinity(), {1, 2});
  const double most = size.max().item<double>();
  const double least = at::where(size == 0, 1.0, size).min().item<double>();
  if (most < 0x1p900 && least > 0x1p-900) return at::mul(x, b).sum({1, 2});
  const auto power = power_of_two(size);
  return at::mul(x / power.view({-1, 1, 1}), b).sum({1, 2}) * power;
}

at::Tensor frobenius_norm(const at::Tensor& m) {
  return at::linalg_vector_norm(m, 2, {1, 2}, false, at::kDouble);
}

at::Tensor per_matrix(const at::Tensor& v, const at::Tensor& m) {
  return v.to(m.scalar_type()).view({-1, 1, 1});
}

at::Tensor at_least_float32(const at::Tensor& x) { return x.to(at_least_float32(x.scalar_type())); }

at::Tensor divided(const at::Tensor& x, const at::Tensor& v) {
  // Between these, well within float32's range, a v divides in float32 without loss.
  constexpr double kMin = 1e-30, kMax = 1e37;
  auto wide = at_least_float32(x);
  if (x.scalar_type() != at::kDouble) {
    const auto size = at::where(v == 0, 1.0, v.abs());
    const bool held = kernels_of(v).host_reads && v.numel() > 0 &&
                      size.min().item<double>() > kMin && size.max().item<double>() < kMax;
    if (!held) wide = x.to(at::kDouble);
  }
  return safe_divide(wide, per_matrix(v, wide)).to(x.scalar_type());
}

at::Tensor power_of_two(const at::Tensor& x) {
  const auto power = x / (std::get<0>(at::frexp(x)) * 2);
  return at::where(at::isfinite(x).logical_and(x != 0), power, 1.0);
}

// With the exponent's bits E = e + bias, those of 2^-e are bias - e = 2 bias - E.
at::Tensor reciprocal_power_of_two(const at::Tensor& x) {
  const bool is_double = x.scalar_type() == at::kDouble;
  const int64_t mantissa_bits = is_double ? 52 : 23, bias = is_double ? 1023 : 127;
  const auto bits = x.contiguous().view(is_double ? at::kLong : at::kInt);
  auto e = bits.bitwise_right_shift(mantissa_bits);
  e = e.neg().add(2 * bias).clamp_min(1);  // never below the smallest normal number
  return e.bitwise_left_shift(mantissa_bits).view(x.scalar_type());
}

at::Tensor safe_divide(const at::Tensor& a, const at::Tensor& b) {
  return at::where(b == 0, at::zeros({}, a.options()), a / b);
}

}  // namespace steepest
