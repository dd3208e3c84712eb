// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/optim/optimizer.h>

#include "steepest/base/api.h"
#include "steepest/route.h"

namespace STEEPEST_API steepest {

// A group's options, as torch's schedulers and programs see them, and as every step reads them. In
// a group of one role lr and weight_decay are those of all its parameters. A group without a role
// may hold matrices and others: then they are the matrices'.
struct GroupOptions : public torch::optim::OptimizerCloneableOptions<GroupOptions> {
  // Makes a group's options with this learning rate, all others by default.
  GroupOptions(double lr = 1e-3) : lr(lr) {}
  double lr;                   // schedulers write it
  double backup_lr_ratio = 1;  // in a group of both roles: the others' rate is lr * backup_lr_ratio
  double weight_decay = 0, backup_weight_decay = 0;
  Group group;  // names, role, view, overrides (its tensors are the param group's)

  // Returns the learning rate; torch's schedulers call it, and set_lr(), through OptimizerOptions.
  double get_lr() const override { return lr; }
  // Sets the learning rate: torch's schedulers call it between steps.
  void set_lr(double value) override { lr = value; }
  // Reads nothing. It overrides torch's way to load one group's options: Optimizer::save and load
  // of this library write and read those of all groups whole.
  void serialize(torch::serialize::InputArchive&) override {}
  // Writes nothing, in place of torch's way to save one group's options: see above.
  void serialize(torch::serialize::OutputArchive&) const override {}
};

}  // namespace steepest
