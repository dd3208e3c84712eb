// SPDX-License-Identifier: Apache-2.0
#include "steepest/norms/lines.h"

#include <ATen/ATen.h>

#include "steepest/base/tensor.h"

namespace steepest::norms {
namespace {

class Lines : public Norm {
 public:
  // The parameters are make_lines()'s (lines.h).
  Lines(std::string name, int64_t dim, std::string transpose)
      : name_(std::move(name)), dim_(dim), transpose_(std::move(transpose)) {}

  // s has each line of m [B, r, c] divided by its length, and the dual [B] is the sum of the
  // lengths of a matrix' lines. Each line is first divided by its largest entry, so that no square
  // leaves float32's range.
  Measured steepest(const at::Tensor& m, const NormContext&) const override {
    if (m.numel() == 0) return {m.clone(), at::zeros({m.size(0)}, m.options().dtype(at::kDouble))};
    const auto largest = m.abs().amax(dim_, /*keepdim=*/true);  // as in frobenius.cpp
    const auto scaled = safe_divide(at_least_float32(m), largest);
    const auto length = at::linalg_vector_norm(scaled, 2, dim_, true, at::kDouble);
    const auto s = safe_divide(scaled, length.to(scaled.scalar_type())).to(m.scalar_type());
    return {s, (length * largest.to(at::kDouble)).sum({1, 2})};
  }
  // The norm is a maximum over lines, so that where blocks are flattened into one vector their
  // duals add up; the norm of the transposed matrix is the one of the other lines.
  NormTraits traits() const override {
    return {.aggregation = Aggregation::max, .transpose = transpose_};
  }
  // The norm's text in the grammar of make_norm(), which makes the same norm of it.
  std::string name() const override { return name_; }

 private:
  std::string name_;
  int64_t dim_;
  std::string transpose_;
};

}  // namespace

NormPtr make_lines(const std::string& name, int64_t dim, const std::string& transpose) {
  return std::make_shared<Lines>(name, dim, transpose);
}

}  // namespace steepest::norms
