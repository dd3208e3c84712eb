// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "steepest/view.h"

namespace steepest::routing {

// How a parameter is seen as matrices, and why so.
struct Layout {
  View view;
  std::string words;  // what explains it, "" for an ordinary matrix
};

}  // namespace steepest::routing
