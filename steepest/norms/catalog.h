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
  std::string summary;  // the ball, s and the dual: "|X|_2 <= 1: s = U V^T, dual = nuclear norm"
  std::vector<std::string> arguments;  // that its spec accepts
  std::vector<std::string> examples;   // specs that the property tests run
  std::function<NormPtr(const Spec&, const Solvers&)> make;
};

// Returns the entries of all norms, in the order of catalog.inc, in which they are shown.
const std::vector<NormEntry>& norm_catalog();

// The norm whose ball is the Minkowski sum of the terms' balls, scaled by their weights a_i: s =
// sum a_i s_i, dual = sum a_i dual_i. Throws c10::ValueError where a weight is not above 0, or a
// term keeps statistics of the gradients.
NormPtr make_mixture(const std::vector<Spec>& terms, const Solvers& solvers);

}  // namespace steepest
