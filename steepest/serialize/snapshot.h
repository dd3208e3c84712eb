// SPDX-License-Identifier: Apache-2.0
// An optimizer's whole state as named tensors and text: what every file format stores.
#pragma once

#include "steepest/io/safetensors.h"
#include "steepest/optimizer.h"

namespace steepest {

constexpr const char* kSnapshotFormat = "steepest-optimizer-1";

struct Snapshot {
  NamedTensors tensors;  // "state.<parameter>.<key>", "global.<key>"
  Metadata metadata;     // "format", "recipe" and, as JSON, "choices" and "groups" (their rates)

  // The tensors are the optimizer's own: its next step changes them.
  static Snapshot of(const Optimizer& optimizer);

  // Copies everything into the optimizer, after all of it has been checked: c10::ValueError, one
  // line that begins with `source`, and nothing has changed. Names of wrappers in the names of
  // parameters are understood, see steepest/base/names.h.
  void restore(Optimizer& optimizer, const std::string& source) const;
};

}  // namespace steepest
