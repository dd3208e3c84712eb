// SPDX-License-Identifier: Apache-2.0
// An optimizer's whole state as named tensors and text: what every file format stores.
#pragma once

#include "steepest/optimizer.h"
#include "steepest/safetensors.h"

namespace steepest {

struct Snapshot {
  NamedTensors tensors;  // "state.<parameter>.<key>", "global.<key>"
  Metadata metadata;     // "format", "recipe", "groups" (JSON: rates of every param group)

  static Snapshot of(const Optimizer& optimizer);

  // Everything is checked before anything changes; `source` begins each message.
  void restore(Optimizer& optimizer, const std::string& source) const;
};

}  // namespace steepest
