// SPDX-License-Identifier: Apache-2.0
// Norms by their names.
#pragma once

#include <string>
#include <vector>

#include "steepest/base/api.h"
#include "steepest/norm.h"
#include "steepest/polar/polar.h"
#include "steepest/svd/svd.h"

namespace STEEPEST_API steepest {

// How the norms that need a decomposition compute it.
struct Solvers {
  PolarOptions polar;
  SvdOptions svd;
};

std::vector<std::string> norm_names();

// "spectral", "ky_fan(k=8)", "0.5*spectral+0.5*inf". Throws c10::ValueError on an unknown name or
// argument, with what was received and what is allowed.
NormPtr make_norm(const std::string& spec, const Solvers& solvers = {});

}  // namespace steepest
