// SPDX-License-Identifier: Apache-2.0
#include <c10/util/Exception.h>

#include "steepest/base/text.h"
#include "steepest/geometries/geometry.h"

namespace steepest {

GeometryPtr make_geometry(const std::string& name) {
  TORCH_CHECK_VALUE(name == "euclidean", "geometry: received ", shown(name), ", allowed euclidean");
  return nullptr;
}

}  // namespace steepest
