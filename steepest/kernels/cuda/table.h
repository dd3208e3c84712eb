// SPDX-License-Identifier: Apache-2.0
// The table of kernels of CUDA devices.
#pragma once

#include <string>

#include "steepest/kernels/table.h"

namespace steepest::cuda {

// Returns the table: with STEEPEST_CUDA=kernels that of our own kernels, else one of which ATen
// does all work but for the choice of dtype. Throws c10::ValueError for another value of the
// variable.
const Kernels& kernels();

// Such as "off (STEEPEST_CUDA=kernels), NVRTC 13.2 (path), no driver".
std::string kernels_text();

}  // namespace steepest::cuda
