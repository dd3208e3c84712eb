// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cuda/shared_library.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>

namespace steepest::cuda {

std::optional<SharedLibrary> SharedLibrary::open(const std::vector<std::string>& candidates) {
  for (const auto& path : candidates)
    if (void* const handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL))
      return SharedLibrary(handle, path);
  return {};
}

void* SharedLibrary::symbol(const char* name) const { return dlsym(handle_, name); }

std::string torch_library_folder() {
  Dl_info info;
  const auto function = reinterpret_cast<void*>(&at::get_num_threads);
  if (dladdr(function, &info) == 0 || info.dli_fname == nullptr) return ".";
  const std::string path = info.dli_fname;
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

}  // namespace steepest::cuda
