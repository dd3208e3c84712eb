// SPDX-License-Identifier: Apache-2.0
// Momo's linear parts over the blocks of a step: collected block by block, in any order and on any
// thread, and summed in the plan's order.
#pragma once

#include "steepest/engine/step_input.h"
#include "steepest/engine/step_size.h"

namespace steepest::engine {

class LinearModel {
 public:
  // Makes room for what each block will record.
  explicit LinearModel(const StepInput& in);

  // Whether every block must call record_products() before anything moves.
  bool needs_products() const { return momo_ && !recursive_; }
  // Whether every block must call record_step() before it moves.
  bool tracks_steps() const { return recursive_; }

  // Records <g, w> and <u, w> of the block, whose u is [b, r, c].
  void record_products(const Block& block, const at::Tensor& u);
  // Records <m, c s + decay> of the block, which is about to move by -c s and to decay. s is [b, r,
  // c], c [b], and inner_product [b] is <u, s>, which is <m, s> without a look-ahead.
  void record_step(const Block& block, const at::Tensor& s, const at::Tensor& inner_product,
                   const at::Tensor& c);

  // Returns the sum of the linear parts h_l of step_size.h, 0-dim float64, and advances the
  // intercepts in the parameters' states; undefined without Momo.
  at::Tensor linear() const;

  // Updates the intercepts of the recursive model, once every block has moved and all its steps are
  // recorded.
  void update_intercepts() const;

 private:
  const StepInput& in_;
  bool momo_, recursive_;
  std::vector<Products> products_;  // of each block
  std::vector<at::Tensor> moved_;   // of each block: -<m, dw>, for its change dw of the weights
};

}  // namespace steepest::engine
