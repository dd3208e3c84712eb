// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/optim/optimizer.h>

#include "steepest/base/api.h"
#include "steepest/route.h"

namespace STEEPEST_API steepest {

// A group's options, as torch's schedulers and programs see them. Read at every step: lr, lr_ratio,
// weight_decay.
struct GroupOptions : public torch::optim::OptimizerCloneableOptions<GroupOptions> {
  GroupOptions(double lr = 1e-3) : lr(lr) {}
  double lr;                // the base rate; schedulers write it
  double lr_ratio = 1;      // effective rate = lr * lr_ratio, for the decay too
  double backup_ratio = 1;  // of the backup blocks in a group without a role
  double weight_decay = 0, backup_weight_decay = 0;
  Group group;  // names, role, view, overrides (its tensors are the param group's)

  double get_lr() const override { return lr; }
  void set_lr(double value) override { lr = value; }
  // torch saves options one by one; Optimizer::save writes all of them, whole, instead.
  void serialize(torch::serialize::InputArchive&) override {}
  void serialize(torch::serialize::OutputArchive&) const override {}
};

}  // namespace steepest
