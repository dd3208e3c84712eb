// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/momentum_lists.h"

#include <ATen/ATen.h>

namespace steepest::engine {

void advance_each(at::TensorList m, at::TensorList x, const MomentumMap& map) {
  if (map.keep == 0 && map.take == 1) {
    at::_foreach_copy_(m, x);
  } else if (map.keep + map.take == 1) {
    at::_foreach_lerp_(m, x, map.take);
  } else {
    at::_foreach_mul_(m, map.keep);
    at::_foreach_add_(m, x, map.take);
  }
}

void look_ahead_each(at::TensorList u, at::TensorList x, const MomentumMap& map) {
  if (!map.looks_ahead()) return;
  if (map.look != 1) return at::_foreach_lerp_(u, x, 1 - map.carry);
  at::_foreach_mul_(u, map.carry);
  at::_foreach_add_(u, x);
}

}  // namespace steepest::engine
