// SPDX-License-Identifier: Apache-2.0
// Momo's linear parts over the blocks of a step: collected block by block, in any order and on any
// thread, and summed in the plan's order.
#pragma once

#include "steepest/engine/bucket.h"
#include "steepest/engine/listed_products.h"
#include "steepest/engine/step_input.h"
#include "steepest/engine/step_size.h"

namespace steepest::engine {

class LinearModel {
 public:
  // Makes Momo's linear model of the loss around this step, empty: room for what each block will
  // record, in a place of its own, so that threads need no lock.
  explicit LinearModel(const StepInput& in);

  // Whether every block must call record_products() before anything moves.
  bool needs_products() const { return momo_ && !recursive_; }
  // Whether every block must call record_step() before it moves.
  bool tracks_steps() const { return recursive_; }

  // Records <g, w>, <u, w> and, with lr_auto, <u, w_0 - w> of the block, for its gradient g, its
  // weights w as they are before the step, and u [b, r, c], what its norm is given.
  void record_products(const Block& block, const at::Tensor& u);
  // Records the same of every block of a bucket, given all their u [B, r, c]: on an accelerator in
  // a few launches, however many blocks there are.
  void record_products(const Bucket& bucket, const at::Tensor& u);
  // Records -<m, dw> = <m, c s + decayed part> of the block, whose weights are about to change by
  // dw: to move by -c s, for s [b, r, c] and c [b], and to decay. m is its momentum; inner_product
  // [b] is <u, s>, which spares a pass where u = m, without a look-ahead.
  void record_step(const Block& block, const at::Tensor& s, const at::Tensor& inner_product,
                   const at::Tensor& c);

  // Where processes share the model: returns this one's part of each parameter's products, float64
  // [3 params], and takes their sum over the processes, before sum_of_linear_parts(). Undefined
  // where there are none.
  at::Tensor own_products() const;
  void take_products(const at::Tensor& of_all) { of_all_ = of_all; }

  // Returns the sum over the parameters of h_l, what Momo's model of the loss adds for each (see
  // linear_part()), and advances the intercepts in the parameters' states. It is undefined without
  // Momo, and where no parameter has taken a step.
  LinearParts sum_of_linear_parts() const;

  // Adds <m, dw> of each block's recorded step to its parameter's intercept, which the recursive
  // model keeps, once every block has moved.
  void update_intercepts() const;

 private:
  // Returns the sums of the products of each parameter over its blocks, as far as they lie here.
  std::vector<Products> own_sums() const;

  const StepInput& in_;
  bool shared_;
  bool momo_, recursive_;
  std::vector<Products> products_;  // of each block that lies on the CPU
  ListedProducts listed_;           // of the others
  at::Tensor of_all_;               // the products of all processes, where they share the model
  std::vector<at::Tensor> moved_;   // of each block: -<m, dw>, for its change dw of the weights
};

}  // namespace steepest::engine
