// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "steepest/polar/polar.h"

int main() {
  for (const auto& name : steepest::polar_methods()) std::cout << name << "\n";
}
