// SPDX-License-Identifier: Apache-2.0
// Dion2 (arXiv 2512.16928): the polar factor of the rows of m with the largest L1 norms alone,
//   P = the chosen rows, one-hot [r, k],   s = P polar(P^T m),   dual = |P^T m|_nuc.
// With error feedback these rows of the momentum are multiplied by mu after the step, as P P^T m is
// what s has used, and the others wait and grow. As in the authors' code the side that is chosen
// from is the shorter one: columns of a tall m. s is the steepest direction among those on the
// chosen rows; as other rows may have a larger nuclear norm, it is in no ball of its own. Ties go
// to the first rows, on every device.
#include <ATen/ATen.h>

#include "steepest/base/tensor.h"
#include "steepest/norms/catalog.h"
#include "steepest/norms/low_rank.h"

namespace steepest::norms {
namespace {

class Dion2 : public Norm {
 public:
  // Reads the spec's arguments: fraction, the part of the rows that a step takes, .25 unless given,
  // and side, what it takes: rows or columns, of which there are fewer, rows where there are as
  // many (rows_first) or columns (columns_first), or always the same.
  Dion2(const Spec& spec, const Solvers& solvers)
      : name_(print_spec(spec)),
        fraction_(argument(spec, "fraction", 0.25, 0, 1)),
        side_(word_argument(spec, "side", {"rows_first", "columns_first", "rows", "columns"})),
        transposed_(spec),
        spectral_(make_norm("spectral", solvers)) {
    const bool rows = side_.starts_with("rows");
    transposed_.args["side"] = (rows ? "columns" : "rows") + side_.substr(rows ? 4 : 7);
  }

  // Returns the direction s [B, r, c] and its dual <m, s>; as factors the polar factor and the
  // one-hot columns P, which error feedback takes.
  Measured steepest(const at::Tensor& m, const NormContext& context) const override {
    auto measured = direction({m}, context);
    measured.dual = inner_product(m, measured.direction);
    return measured;
  }
  // Returns the same without its dual.
  Measured direction(const Batch& m, const NormContext& context) const override {
    const auto& own = m.matrices;
    const bool rows = takes_rows(own.size(1), own.size(2));
    const auto x = rows ? own : own.mT();  // [B, n, d]
    const auto chosen = largest_rows(x);   // [B, k]
    const auto index = chosen.unsqueeze(2).expand({-1, -1, x.size(2)});
    const auto part = spectral_->direction({x.gather(1, index), true}, context).direction;
    const auto s = at::zeros_like(x, at::MemoryFormat::Contiguous).scatter_(1, index, part);
    const auto wide = at_least_float32(part).options();
    const auto one_hot = at::zeros({x.size(0), chosen.size(1), x.size(1)}, wide)
                             .scatter_(2, chosen.unsqueeze(2), 1)
                             .mT();
    if (rows) return {s, {}, {one_hot, part.mT(), {}, one_hot}};
    return {s.mT().contiguous(), {}, {part.mT(), one_hot}};
  }
  // Says that s is no argmax, what it leaves, and what the polar factors' solver says of itself.
  NormTraits traits() const override {
    auto traits = spectral_->traits();
    traits.exact = traits.supports_inplace = false;
    traits.low_rank = true;
    traits.transpose = print_spec(transposed_);
    return traits;
  }
  // Returns the norm's text, from which make_norm() makes the same norm again.
  std::string name() const override { return name_; }

 private:
  // Whether a step of a matrix [rows, cols] takes rows, or columns.
  bool takes_rows(int64_t rows, int64_t cols) const {
    if (side_ == "rows" || side_ == "columns") return side_ == "rows";
    return side_ == "rows_first" ? rows <= cols : rows < cols;
  }
  // Returns the numbers [B, k] of the rows of x [B, n, d] with the largest sums of magnitudes, one
  // at least if there are rows.
  at::Tensor largest_rows(const at::Tensor& x) const {
    const auto sums = x.abs().sum(2, /*keepdim=*/false, at::kDouble);
    const auto order = at::argsort(sums, /*stable=*/true, 1, /*descending=*/true);
    return order.narrow(1, 0, part_of(x.size(1), fraction_));
  }

  std::string name_;
  double fraction_;
  std::string side_;
  Spec transposed_;
  NormPtr spectral_;
};

}  // namespace

// Returns the catalog's entry of "dion2", with the arguments fraction and side.
NormEntry dion2() {
  return {
      .name = "dion2",
      .summary =
          "the rows with the largest L1 norms, P: s = P polar(P^T m), dual = |P^T m|_nuc (Dion2)",
      .arguments = {"fraction", "side"},
      .examples = {"dion2", "dion2(fraction=0.5,side=columns)"},
      .make = [](const Spec& spec, const Solvers& solvers) -> NormPtr {
        return std::make_shared<Dion2>(spec, solvers);
      }};
}

}  // namespace steepest::norms
