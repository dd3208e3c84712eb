// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/optim/optimizer.h>

#include "steepest/base/api.h"
#include "steepest/route.h"

namespace STEEPEST_API steepest {

// A group's options, read at every step. lr and weight_decay are of all its parameters; of the
// matrices, where a group without a role holds others too.
struct GroupOptions : public torch::optim::OptimizerCloneableOptions<GroupOptions> {
  GroupOptions(double lr = 1e-3) : lr(lr) {}
  double lr;                   // schedulers write it
  double backup_lr_ratio = 1;  // in a group of both roles: the others' rate is lr * backup_lr_ratio
  double weight_decay = 0, backup_weight_decay = 0;
  Group group;  // names, role, view, overrides (its tensors are the param group's)

  // torch's schedulers call these.
  double get_lr() const override { return lr; }
  void set_lr(double value) override { lr = value; }
  // Empty: torch saves options one by one, Optimizer::save and load those of all groups, whole.
  void serialize(torch::serialize::InputArchive&) override {}
  void serialize(torch::serialize::OutputArchive&) const override {}
};

}  // namespace steepest
