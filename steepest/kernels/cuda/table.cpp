// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cuda/table.h"

#include <c10/util/Exception.h>

#include <cstdlib>

#include "steepest/kernels/cuda/iteration.h"
#include "steepest/kernels/cuda/launch.h"
#include "steepest/kernels/cuda/step.h"

namespace steepest::cuda {
namespace {

// Whether STEEPEST_CUDA asks for these kernels. They have run on no GPU yet, so that they are not
// the default.
bool are_wanted() {
  const char* const value = std::getenv("STEEPEST_CUDA");
  const std::string choice = value == nullptr || *value == '\0' ? "aten" : value;
  if (choice != "aten" && choice != "kernels")
    C10_THROW_ERROR(ValueError,
                    "STEEPEST_CUDA: received \"" + choice + "\", allowed aten, kernels");
  return choice == "kernels";
}

}  // namespace

const Kernels& kernels() {
  static const Kernels aten{.fast_dtype = at::kBFloat16};
  static const Kernels own{.fast_dtype = at::kBFloat16,
                           .advance = advance,
                           .apply = apply,
                           .product = product,
                           .product_plus = product_plus,
                           .iterate = iterate};
  static const bool wanted = are_wanted();
  return wanted ? own : aten;
}

std::string kernels_text() {
  return (are_wanted() ? "on, " : "off (STEEPEST_CUDA=kernels), ") + describe();
}

}  // namespace steepest::cuda
