// SPDX-License-Identifier: Apache-2.0
#include "steepest/norms/lines.h"

#include <ATen/ATen.h>

#include "steepest/base/tensor.h"

namespace steepest::norms {
namespace {

class Lines : public Norm {
 public:
  // Takes the arguments of make_lines(): the norm's name, the dimension of [B, r, c] along which a
  // line runs, and the name of the norm for m^T.
  Lines(std::string name, int64_t dim, std::string transpose)
      : name_(std::move(name)), dim_(dim), transpose_(std::move(transpose)) {}

  // Returns the steepest direction s, each line (row or column) of m [B, r, c] divided by its
  // length, and the dual [B], the sum of the lengths of a matrix' lines. Each line is first divided
  // by its largest entry, so that no square leaves float32's range.
  Measured steepest(const at::Tensor& m, const NormContext&) const override {
    if (m.numel() == 0) return {m.clone(), at::zeros({m.size(0)}, m.options().dtype(at::kDouble))};
    const auto largest = m.abs().amax(dim_, /*keepdim=*/true);  // as in frobenius.cpp
    const auto scaled = safe_divide(at_least_float32(m), largest);
    const auto length = at::linalg_vector_norm(scaled, 2, dim_, true, at::kDouble);
    const auto s = safe_divide(scaled, length.to(scaled.scalar_type())).to(m.scalar_type());
    return {s, (length * largest.to(at::kDouble)).sum({1, 2})};
  }
  // Says that the norm is a maximum over lines, so that the duals of blocks that are taken as one
  // vector add up (Aggregation::max). `transpose` names the norm that does the same to the
  // transposed matrix: that of columns for rows, and the other way round.
  NormTraits traits() const override {
    return {.aggregation = Aggregation::max, .transpose = transpose_};
  }
  // Returns the norm's text, from which make_norm() makes the same norm again.
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
