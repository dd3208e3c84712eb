// SPDX-License-Identifier: Apache-2.0
// Spectral norms behind a linear map: s = polar(A u), where A divides every entry by a number, in a
// basis of its own or in that of the matrix, A x = Q_L [(Q_L^T x Q_R) / w] Q_R^T. So A is
// symmetric.
//   form=prepared, the default, is what the papers do: the polar factor of a balanced u. It is not
//   steepest in any ball; of the properties of a norm it has <u, s> = dual and the degree.
//   form=metric is s = A polar(A u), the steepest direction of the norm |A^-1 x|_2, with
//   dual = <u, s> = |A u|_nuc. A is scaled to 1 / w of mean square 1, so that a learning rate
//   carries over from Muon.
// Only where A is made of state is that one norm for all u; where A is made of u itself, it is the
// norm that u chooses.
#pragma once

#include "steepest/norms/catalog.h"

namespace steepest::norms {

class Prepared : public Norm {
 public:
  // Reads the argument form of the spec, and makes the solver of polar factors that the options
  // name. of_state: whether A is made of the slots, and not of u. Throws c10::ValueError where the
  // form is none of the two.
  Prepared(const Spec& spec, const Solvers& solvers, bool of_state);

  // Returns the direction s, and the dual <u, s>, of each matrix of u [B, r, c].
  Measured steepest(const at::Tensor& u, const NormContext& context) const override;
  // Returns s alone, whose dual is left undefined.
  Measured direction(const Batch& u, const NormContext& context) const override;
  // Says what is true of the spectral norm's direction, and that the entries of the metric form
  // have no bound that holds for all shapes.
  NormTraits traits() const override;
  // Whether s is steepest in a ball that is the same for all u: the metric form of a map of state.
  bool has_ball() const { return metric_ && of_state_; }
  // Returns the norm's text, from which make_norm() makes the same norm again.
  std::string name() const override { return name_; }

 protected:
  // Returns w >= 0, [B, r, c], [B, r, 1] or [B, 1, c], of x [B, r, c]: that is u, divided by the
  // largest entry of each matrix, in float32 at least. Where w is 0, A x is 0.
  virtual at::Tensor divisor(const at::Tensor& x, const NormContext& context) const = 0;
  // Return Q_L^T x Q_R, and Q_L x Q_R^T, of x [B, r, c]; by default x itself.
  virtual at::Tensor to_basis(const at::Tensor& x, const NormContext&) const { return x; }
  virtual at::Tensor from_basis(const at::Tensor& x, const NormContext&) const { return x; }

  // Returns the polar factors of x [B, r, c], an own tensor that may be overwritten, in its dtype.
  at::Tensor polar(const at::Tensor& x) const;
  // Returns A x [B, r, c] for the divisor w.
  at::Tensor applied(const at::Tensor& x, const at::Tensor& w, const NormContext& context) const;

 private:
  std::string name_;
  NormPtr spectral_;
  bool metric_, of_state_;
};

// Returns the lengths of the rows (dim = 2) or the columns (dim = 1) of x [B, r, c], as [B, r, 1]
// or [B, 1, c] in the dtype of x.
at::Tensor line_lengths(const at::Tensor& x, int64_t dim);

}  // namespace steepest::norms
