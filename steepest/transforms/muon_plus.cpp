// SPDX-License-Identifier: Apache-2.0
// Muon+ (arXiv 2602.21545): the columns of a direction O, then its rows, are brought to length 1.
// axis=columns_rows is the order of the authors' first example, rows_columns, columns and rows are
// their others. The result is scaled to |O|_F, so that Muon's learning rate carries over;
// scale=paper leaves its lines at length 1, so that |s'|_F = sqrt(r) where rows are last.
//   axis=matrix: s' = sqrt(min(r, c)) O / |O|_F, as nanochat reads the paper, whatever the scale.
// The polar factor of a square matrix has such lines already: only what Newton-Schulz steps leave
// is changed then.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "steepest/base/tensor.h"
#include "steepest/transforms/mean_square.h"

namespace steepest::transforms {
namespace {

class MuonPlus : public Transform {
 public:
  // Reads the spec's arguments, axis and scale. Throws c10::ValueError where one is none of the
  // words above.
  explicit MuonPlus(const Spec& spec)
      : name_(print_spec(spec)),
        axis_(word_argument(spec, "axis",
                            {"columns_rows", "rows_columns", "columns", "rows", "matrix"})),
        keeps_norm_(word_argument(spec, "scale", {"norm", "paper"}) == "norm") {}

  // Returns s' [B, r, c] in s's dtype. Lines that are zero stay zero.
  at::Tensor apply(const at::Tensor& s, const TransformContext&) const override {
    const auto wide = at_least_float32(s);
    if (axis_ == "matrix") {
      const double root = std::sqrt(static_cast<double>(std::min(s.size(1), s.size(2))));
      return (divided(wide, frobenius_norm(wide)) * root).to(s.scalar_type());
    }
    auto unit = wide;
    if (axis_.starts_with("columns")) unit = unit_lines(unit, 1);
    if (axis_.find("rows") != std::string::npos) unit = unit_lines(unit, 2);
    if (axis_ == "rows_columns") unit = unit_lines(unit, 1);
    return (keeps_norm_ ? with_size(unit, wide) : unit).to(s.scalar_type());
  }
  // Returns a bound on an entry of s' [rows, cols], where those of s are at most `entry`: one entry
  // may have all of the matrix' norm, or of its line's.
  double largest_entry(double entry, double, int64_t rows, int64_t cols) const override {
    if (axis_ == "matrix") return std::sqrt(static_cast<double>(std::min(rows, cols)));
    return keeps_norm_ ? entry * std::sqrt(static_cast<double>(rows * cols)) : 1;
  }
  // Returns the transform's name, by which it is shown: the spec it was made from.
  std::string name() const override { return name_; }

 private:
  // Returns x [B, r, c] with its columns (dim = 1) or its rows (dim = 2) divided by their lengths.
  static at::Tensor unit_lines(const at::Tensor& x, int64_t dim) {
    const auto length = at::linalg_vector_norm(x, 2, dim, /*keepdim=*/true, at::kDouble);
    return safe_divide(x, length.to(x.scalar_type()));
  }

  std::string name_, axis_;
  bool keeps_norm_;
};

}  // namespace

// Returns the catalog's entry of "muon_plus", with the arguments axis and scale.
RescaleEntry muon_plus() {
  return {
      .name = "muon_plus",
      .summary = "columns and rows to length 1 (Muon+)",
      .arguments = {"axis", "scale"},
      .examples = {"muon_plus", "muon_plus(axis=rows_columns,scale=paper)",
                   "muon_plus(axis=columns)", "muon_plus(axis=rows)", "muon_plus(axis=matrix)"},
      .make = [](const Spec& spec) -> TransformPtr { return std::make_shared<MuonPlus>(spec); }};
}

}  // namespace steepest::transforms
