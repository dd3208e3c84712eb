// SPDX-License-Identifier: Apache-2.0
// What the property tests run over: every example of the catalog and some mixtures, with exact
// solvers, on seeded random batches.
#pragma once

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include "steepest/norms/catalog.h"

namespace steepest::test {

inline std::vector<std::string> all_specs() {
  std::vector<std::string> specs;
  for (const auto& entry : norm_catalog()) {
    specs.insert(specs.end(), entry.examples.begin(), entry.examples.end());
  }
  for (const char* mixture : {"0.5*spectral+0.5*frobenius", "0.5*spectral+0.0015*inf",
                              "0.5*nuclear+0.5*frobenius", "0.25*row+0.5*inf"}) {
    specs.push_back(mixture);
  }
  return specs;
}

inline Solvers exact_solvers() { return {.polar = {.method = "svd"}, .svd = {.method = "exact"}}; }

struct Dtype {
  at::ScalarType type;
  double tol;
};
inline std::vector<Dtype> dtypes() { return {{at::kDouble, 1e-10}, {at::kFloat, 1e-4}}; }

inline std::vector<std::vector<int64_t>> shapes() {
  return {{3, 5, 4}, {2, 4, 7}, {2, 6, 6}, {1, 1, 6}, {2, 6, 1}, {1, 1, 1}};
}

class Random {
 public:
  explicit Random(uint64_t seed) : generator_(at::make_generator<at::CPUGeneratorImpl>(seed)) {}

  at::Tensor normal(at::IntArrayRef shape, at::ScalarType dtype = at::kDouble) {
    return at::randn(shape, generator_, at::kDouble).to(dtype);
  }
  at::Tensor signs(at::IntArrayRef shape, at::ScalarType dtype) {
    return normal(shape, dtype).sign();
  }
  // What an adaptive norm keeps after a few gradients, nothing for the others.
  NormContext context(const Norm& norm, at::IntArrayRef shape, at::ScalarType dtype) {
    NormContext context;
    if (!norm.traits().adaptive) return context;
    const auto wide = dtype == at::kDouble ? at::kDouble : at::kFloat;
    for (const auto& slot : norm.slots(shape[1], shape[2])) {
      auto sizes = slot.sizes(shape[1], shape[2]);
      sizes.insert(sizes.begin(), shape[0]);
      context.slots.push_back(at::zeros(sizes, wide));
      if (slot.start == Slot::Start::identity) context.slots.back() += at::eye(sizes[1], wide);
    }
    for (context.step = 1; context.step < 5; ++context.step)
      norm.observe(normal(shape, wide), normal(shape, wide), {.keep = 0.75, .take = 0.25}, context);
    return context;
  }

 private:
  at::Generator generator_;
};

// <a, b> of each matrix, in float64.
inline at::Tensor products(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) * b.to(at::kDouble)).sum({1, 2});
}

// The sharp direction as one tensor, in float64.
inline at::Tensor whole(const Sharp& sharp) {
  const auto s = sharp.direction.to(at::kDouble);
  return sharp.factor.defined() ? s * sharp.factor.view({-1, 1, 1}) : s;
}

// |a - b| at its largest, relative to b's largest entry.
inline double difference(const at::Tensor& a, const at::Tensor& b) {
  if (b.numel() == 0) return a.sizes() == b.sizes() ? 0 : 1;
  const double scale = b.to(at::kDouble).abs().max().item<double>();
  const double d = (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
  return scale > 0 ? d / scale : d;
}

inline bool finite(const at::Tensor& t) { return at::isfinite(t).all().item<bool>(); }

}  // namespace steepest::test
