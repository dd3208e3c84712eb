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

  double get_lr() const override { return lr; }
  void set_lr(double value) override { lr = value; }
  // torch saves options one by one; Optimizer::save writes all of them, whole, instead.
  void serialize(torch::serialize::InputArchive&) override {}
  // Writes nothing, as Optimizer::save writes all of them.
  void serialize(torch::serialize::OutputArchive&) const override {}
};

}  // namespace steepest
