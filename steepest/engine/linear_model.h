// SPDX-License-Identifier: Apache-2.0
// Momo's linear parts over the blocks of a step: collected block by block, in any order and on any
// thread, and summed in the plan's order.
#pragma once

#include "steepest/engine/step_input.h"
#include "steepest/engine/step_size.h"

namespace steepest::engine {

class LinearModel {
 public:
  explicit LinearModel(const StepInput& in);

  // Whether blocks must be multiplied by their weights before anything moves ...
  bool needs_products() const { return momo_ && !recursive_; }
  // ... and whether their steps are to be recorded.
  bool tracks_steps() const { return recursive_; }

  void record_products(const Block& block, const at::Tensor& u);
  // Before the block moves by -c s and decays; inner_product: <u, s>.
  void record_step(const Block& block, const at::Tensor& s, const at::Tensor& inner_product,
                   const at::Tensor& c);

  at::Tensor linear() const;  // sum of the h_l, 0-dim float64; undefined without Momo

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
