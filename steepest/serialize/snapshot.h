// SPDX-License-Identifier: Apache-2.0
// An optimizer's whole state as named tensors and text: what every file format stores, and the one
// place that writes and reads it, for the C++ optimizer, the trainer and Python.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "steepest/engine/state.h"
#include "steepest/io/named_tensors.h"
#include "steepest/plan.h"

namespace steepest {

constexpr const char* kSnapshotFormat = "steepest-optimizer-1";

class Optimizer;

// The rates of one of an optimizer's groups: see GroupOptions.
struct GroupRates {
  double lr = 0, backup_lr_ratio = 1, weight_decay = 0, backup_weight_decay = 0;
};

// All that goes on from where it was, whoever owns it.
struct WholeState {
  std::vector<ParamState> params;  // one a plan's parameter; step 0: it has none yet
  GlobalState global;
  int64_t skipped = 0;                           // steps with a NaN or Inf
  at::Tensor observed;                           // 0-dim: the weighted sum of the losses that no
  double observed_weight = 0;                    // step has used yet, and their weight; 0: none
  std::vector<std::optional<GroupRates>> rates;  // one an optimizer's group; unset: not in the file
};

// The parameters that a state is read for.
struct SnapshotTarget {
  std::vector<at::Tensor> params;     // in the plan's order
  std::vector<bool> is_group_frozen;  // one an optimizer's group: no parameter of it is trained
};

struct Snapshot {
  NamedTensors tensors;  // "state.<parameter>.<key>", "global.<key>"
  // "format", "recipe" and, as JSON, "choices", "groups" (their rates) and "places" (role and view
  // of each parameter).
  Metadata metadata;

  // Names all tensors of the state, and describes the plan in the metadata. The tensors are the
  // state's own: a next step changes them.
  static Snapshot of(const Plan& plan, const WholeState& state);
  static Snapshot of(const Optimizer& optimizer);

  // Returns a copy of the state, on the parameters' devices. All of it has been checked against the
  // plan: c10::ValueError, one line that begins with `source` and says what was received and what
  // is allowed. Names of wrappers in the names of parameters are understood (base/names.h); a file
  // that was written without the groups that are frozen here has no rates for them.
  WholeState read(const Plan& plan, const SnapshotTarget& target, const std::string& source) const;

  // Reads it into the optimizer, which is unchanged where that throws.
  void restore(Optimizer& optimizer, const std::string& source) const;
};

}  // namespace steepest
