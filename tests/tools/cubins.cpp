// SPDX-License-Identifier: Apache-2.0
// cubins FOLDER ARCHITECTURE..: compiles every kernel for CUDA for these architectures, "sm_90a",
// by NVRTC, into FOLDER/<architecture>/<kernel>.cubin. Exits with 2 where there is no NVRTC, with 1
// where a kernel does not compile, whose log it prints.
#include <filesystem>
#include <fstream>
#include <iostream>

#include "steepest/kernels/cuda/cubin.h"

int main(int count, char** words) {
  using namespace steepest::cuda;
  if (count < 3) return std::cerr << "cubins FOLDER ARCHITECTURE ..\n", 1;
  const auto* const nvrtc = Nvrtc::instance();
  if (nvrtc == nullptr) return std::cerr << "no NVRTC\n", 2;
  std::cout << "NVRTC " << nvrtc->version() << '\n';
  for (int i = 2; i < count; ++i) {
    const auto folder = std::filesystem::path(words[1]) / words[i];
    std::filesystem::create_directories(folder);
    for (const auto& kernel : kernel_sources()) {
      const auto compiled = compile_kernel(*nvrtc, kernel, words[i]);
      if (compiled.cubin.empty())
        return std::cerr << kernel.name << " for " << words[i] << ": " << compiled.log << '\n', 1;
      std::ofstream(folder / (kernel.name + ".cubin"), std::ios::binary) << compiled.cubin;
    }
  }
}
