// SPDX-License-Identifier: Apache-2.0
// The machine code of a kernel for an architecture, compiled once and kept in the user's cache.
#pragma once

#include <string>
#include <vector>

#include "steepest/kernels/cuda/device/tasks.h"
#include "steepest/kernels/cuda/nvrtc.h"

namespace steepest::cuda {

// A kernel of device/program.cu: its name, and the macros that make it of the program.
struct KernelSource {
  std::string name;
  std::vector<std::string> macros;  // "X=1"
};

// Returns all kernels; their names are those that launches have.
const std::vector<KernelSource>& kernel_sources();

// The files of the program, embedded when the library was built; program.cu is the first.
const std::vector<SourceFile>& program_files();

// Returns the kernel's machine code for an architecture, "sm_90", without a look at the cache.
Compiled compile_kernel(const Nvrtc& nvrtc, const KernelSource& kernel,
                        const std::string& architecture);

// Returns the same from the cache folder, or compiled and put there. A file whose contents are not
// what was written is compiled again; where nothing can be written, nothing is.
Compiled cached_kernel(const Nvrtc& nvrtc, const KernelSource& kernel,
                       const std::string& architecture);

// $XDG_CACHE_HOME/steepest, or ~/.cache/steepest; empty where neither is known.
std::string cache_folder();

}  // namespace steepest::cuda
