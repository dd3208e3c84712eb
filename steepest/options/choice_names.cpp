// SPDX-License-Identifier: Apache-2.0
#include "steepest/options/choice_names.h"

#include <c10/util/Exception.h>

#include <algorithm>

#include "steepest/base/spec.h"

namespace steepest {

using Names = std::vector<std::string>;

const Names& names_of(Outer) {
  static const Names names = {"max", "l2", "hybrid"};
  return names;
}
const Names& names_of(UpdateForm) {
  static const Names names = {"constrained", "regularized"};
  return names;
}
const Names& names_of(StepSize) {
  static const Names names = {"fixed", "momo"};
  return names;
}
const Names& names_of(DualAge) {
  static const Names names = {"fresh", "stale"};
  return names;
}
const Names& names_of(DirectionStorage) {
  static const Names names = {"stored", "recomputed"};
  return names;
}
const Names& names_of(BackupBlocks) {
  static const Names names = {"per_tensor", "flattened"};
  return names;
}
const Names& names_of(MomoModel) {
  static const Names names = {"inner_products", "recursive"};
  return names;
}
const Names& names_of(FStarRule) {
  static const Names names = {"given", "level", "momo_star"};
  return names;
}
const Names& names_of(MomentumForm) {
  static const Names names = {"ema", "heavy_ball"};
  return names;
}
const Names& names_of(MomentumStart) {
  static const Names names = {"zero", "corrected", "first"};
  return names;
}
const Names& names_of(MomentumPlace) {
  static const Names names = {"before", "after"};
  return names;
}
const Names& names_of(Decay) {
  static const Names names = {"plain", "cautious", "independent", "anchored", "soda"};
  return names;
}
const Names& names_of(Nonfinite) {
  static const Names names = {"propagate", "skip"};
  return names;
}
const Names& names_of(Role) {
  static const Names names = {"matrix", "backup"};
  return names;
}

size_t index_of_name(const std::string& option, const std::string& text, const Names& names) {
  const auto found = std::find(names.begin(), names.end(), text);
  TORCH_CHECK_VALUE(found != names.end(), option, ": received ", shown(text), ", allowed ",
                    join(names), nearest(text, names));
  return static_cast<size_t>(found - names.begin());
}

}  // namespace steepest
