// SPDX-License-Identifier: Apache-2.0
// The catalog of norms. A new norm is one .cpp in this folder and one line in catalog.inc.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "steepest/base/spec.h"
#include "steepest/norms/norms.h"

namespace steepest {

struct NormEntry {
  std::string name;
  std::string summary;                 // "|X|_2 <= 1: s = U V^T, dual = nuclear norm"
  std::vector<std::string> arguments;  // that its spec accepts
  std::vector<std::string> examples;   // specs that the property tests run
  std::function<NormPtr(const Spec&, const Solvers&)> make;
};

const std::vector<NormEntry>& norm_catalog();

// A mixture's ball is the Minkowski sum of its terms' balls: sum a_i s_i, dual sum a_i dual_i.
NormPtr make_mixture(const std::vector<Spec>& terms, const Solvers& solvers);

}  // namespace steepest
