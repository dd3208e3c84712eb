// SPDX-License-Identifier: Apache-2.0
// The catalog of norms. A new norm is one .cpp in this folder and one line in catalog.inc.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "steepest/base/spec.h"
#include "steepest/norm.h"
#include "steepest/polar/polar.h"
#include "steepest/svd/svd.h"

namespace steepest {

// How the norms that need a decomposition compute it.
struct Solvers {
  PolarOptions polar;
  SvdOptions svd;
};

struct NormEntry {
  std::string name;
  std::string summary;                 // "|X|_2 <= 1: s = U V^T, dual = nuclear norm"
  std::vector<std::string> arguments;  // that its spec accepts
  std::vector<std::string> examples;   // specs that the property tests run
  std::function<NormPtr(const Spec&, const Solvers&)> make;
};

const std::vector<NormEntry>& norm_catalog();
std::vector<std::string> norm_names();

// "spectral", "ky_fan(k=8)", "0.5*spectral+0.5*inf". Throws c10::ValueError on an unknown name or
// argument, with what was received and what is allowed.
NormPtr make_norm(const std::string& spec, const Solvers& solvers = {});

// A mixture's ball is the Minkowski sum of its terms' balls: sum a_i s_i, dual sum a_i dual_i.
NormPtr make_mixture(const std::vector<Spec>& terms, const Solvers& solvers);

}  // namespace steepest
