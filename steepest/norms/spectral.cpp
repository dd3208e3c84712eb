// SPDX-License-Identifier: Apache-2.0
// |X|_2 <= 1:  s = U V^T (the polar factor), dual = sum sigma_i = |m|_nuc.   Muon.
#include <ATen/ops/mul.h>
#include <ATen/ops/scalar_tensor.h>

#include "steepest/base/tensor.h"
#include "steepest/norms/catalog.h"
#include "steepest/norms/listed.h"
#include "steepest/polar/joint.h"

namespace steepest::norms {
namespace {

class Spectral : public Norm, public ListedBatches {
 public:
  // Makes the solver of polar factors that the options name, and sets the bound on a direction's
  // entries where the default one does not hold.
  explicit Spectral(const PolarOptions& options)
      : polar_(make_polar(options)), exact_(options.method == "svd") {
    // The named schedules keep singular values below 2; for the caller's own coefficients only the
    // solver's bound on |1 - sigma'| says how large they become.
    if (options.method == "custom") largest_ = 2 * (1 + polar_->bound(1e-3));
  }

  // Returns the steepest direction s = U V^T, the polar factor of m = U diag(sigma) V^T, and its
  // dual <m, s>, of each matrix of m [B, r, c].
  Measured steepest(const at::Tensor& m, const NormContext&) const override {
    auto s = polar_->polar(m);
    // <m, s> is what this s attains; the true nuclear norm only for an exact polar factor.
    return {s, inner_product(m, s)};
  }
  // Returns s alone, whose dual is left undefined; in m's own memory where m is owned.
  Measured direction(const Batch& m, const NormContext&) const override {
    return {polar_->polar(m)};
  }
  // Replaces each batch of a list by scales[i] times its directions: together, where the solver's
  // iteration allows it, else batch after batch.
  void directions_in_place(const std::vector<at::Tensor>& batches,
                           const std::vector<double>& scales, Arena& arena) const override {
    if (const auto joint = joint_iteration(batches[0]))
      return polar::joint_polar(*joint, batches, scales, arena);
    for (size_t i = 0; i < batches.size(); ++i) {
      auto batch = batches[i];
      const auto s = polar_->polar(Batch{batch, /*owned=*/true});
      at::mul_out(batch, s, at::scalar_tensor(scales[i], at::kDouble));
    }
  }
  // Whether directions_in_place() takes all of its memory from the arena.
  bool is_captured(const at::Tensor& batch) const override {
    return joint_iteration(batch).has_value();
  }
  // Says that the direction is exact only with LAPACK's SVD, how large its entries become, and that
  // direction() may work in the memory of a batch that it owns (supports_inplace).
  NormTraits traits() const override {
    return {.exact = exact_, .largest_entry = largest_, .supports_inplace = true};
  }
  // Returns the norm's text, from which make_norm() makes the same norm again.
  std::string name() const override { return "spectral"; }

 private:
  // Returns how the solver takes batches like x together, if it does.
  std::optional<polar::JointIteration> joint_iteration(const at::Tensor& x) const {
    const auto* const joint = dynamic_cast<const polar::JointSolver*>(polar_.get());
    return joint ? joint->joint_iteration(x) : std::nullopt;
  }

  std::unique_ptr<PolarSolver> polar_;
  bool exact_;
  double largest_ = 2;
};

}  // namespace

// Returns the catalog's entry of "spectral", Muon, which takes no arguments.
NormEntry spectral() {
  return {.name = "spectral",
          .summary = "|X|_2: s = U V^T, dual = sum sigma_i (Muon)",
          .arguments = {},
          .examples = {"spectral"},
          .make = [](const Spec&, const Solvers& solvers) -> NormPtr {
            return std::make_shared<Spectral>(solvers.polar);
          }};
}

}  // namespace steepest::norms
