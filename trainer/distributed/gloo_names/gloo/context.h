// SPDX-License-Identifier: Apache-2.0
// torch ships ProcessGroupGloo.hpp without the headers of Gloo that it includes. It needs of them
// this name.
#pragma once

#include <chrono>

namespace gloo {

class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
};

}  // namespace gloo
