// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cuda/nvrtc.h"

#include "steepest/kernels/cuda/shared_library.h"

namespace steepest::cuda {
namespace {

// Returns where to look: beside torch, as pip installs NVIDIA's wheels, in torch's own folder, as
// its archives have it, and by name.
std::vector<std::string> candidates() {
  const std::string torch = torch_library_folder(), wheels = torch + "/../../nvidia/";
  return {wheels + "cu13/lib/libnvrtc.so.13",
          wheels + "cuda_nvrtc/lib/libnvrtc.so.13",
          wheels + "cuda_nvrtc/lib/libnvrtc.so.12",
          torch + "/libnvrtc.so.13",
          torch + "/libnvrtc.so.12",
          "libnvrtc.so.13",
          "libnvrtc.so.12"};
}

// Returns a text whose size and contents these two functions of NVRTC tell, for a program.
template <class Size, class Read>
std::string text_of(void* program, Size size, Read read) {
  size_t bytes = 0;
  if (size(program, &bytes) != 0) return "";
  std::string text(bytes, '\0');
  return read(program, text.data()) == 0 ? text : "";
}

}  // namespace

bool Nvrtc::load() {
  const auto library = SharedLibrary::open(candidates());
  if (!library) return false;
  int (*version)(int*, int*) = nullptr;
  const bool all =
      library->find("nvrtcVersion", version) && library->find("nvrtcCreateProgram", create_) &&
      library->find("nvrtcCompileProgram", compile_) &&
      library->find("nvrtcGetCUBINSize", cubin_size_) && library->find("nvrtcGetCUBIN", cubin_) &&
      library->find("nvrtcGetProgramLogSize", log_size_) &&
      library->find("nvrtcGetProgramLog", log_) && library->find("nvrtcDestroyProgram", destroy_);
  int major = 0, minor = 0;
  if (!all || version(&major, &minor) != 0) return false;
  version_ = std::to_string(major) + "." + std::to_string(minor);
  path_ = library->path();
  return true;
}

const Nvrtc* Nvrtc::instance() {
  static const Nvrtc* const nvrtc = [] {
    static Nvrtc candidate;
    return candidate.load() ? &candidate : nullptr;
  }();
  return nvrtc;
}

Compiled Nvrtc::compile(const SourceFile& program, const std::vector<SourceFile>& files,
                        const std::vector<std::string>& options) const {
  std::vector<const char*> names, texts, words;
  for (const auto& file : files) names.push_back(file.name), texts.push_back(file.text);
  for (const auto& option : options) words.push_back(option.c_str());
  Program handle = nullptr;
  const auto count = static_cast<int>(files.size());
  if (create_(&handle, program.text, program.name, count, texts.data(), names.data()) != 0)
    return {.log = "the program cannot be read"};
  const bool compiles = compile_(handle, static_cast<int>(words.size()), words.data()) == 0;
  Compiled compiled{.log = text_of(handle, log_size_, log_)};
  if (compiles) compiled.cubin = text_of(handle, cubin_size_, cubin_);
  destroy_(&handle);
  return compiled;
}

}  // namespace steepest::cuda
