// SPDX-License-Identifier: Apache-2.0
#include "trainer/version.h"

#include <torch/version.h>

#include "steepest/base/text.h"
#include "steepest/kernels/kernels.h"

namespace steepest::trainer {

const char* const kCommit = STEEPEST_COMMIT;  // cmake/trainer.cmake defines it for this file

std::string kernels_text() {
  const auto names = kernel_names();
  return names.empty() ? "none, by torch alone" : join(names);
}

std::string version_text() {
  return std::string("steepest ") + kVersion + ", commit " + kCommit + ", torch " + TORCH_VERSION +
         ", kernels: " + kernels_text();
}

}  // namespace steepest::trainer
