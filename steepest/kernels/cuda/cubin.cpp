// SPDX-License-Identifier: Apache-2.0
// A file of the cache is named by the hash of all that its machine code follows from, and begins
// with the hash of the code. It is written under a name of its own and then renamed, so that a
// reader sees a whole file or none, and processes that compile at the same time do no harm.
#include "steepest/kernels/cuda/cubin.h"

#include <c10/util/hash.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace steepest::cuda {
namespace {

std::string hash(const std::string& text) { return c10::sha1(text).str(); }

std::vector<std::string> options_of(const KernelSource& kernel, const std::string& architecture) {
  std::vector<std::string> options{"--gpu-architecture=" + architecture, "--std=c++17",
                                   "--device-as-default-execution-space",
                                   "-DSTEEPEST_NAME=" + kernel.name};
  for (const auto& macro : kernel.macros) options.push_back("-D" + macro);
  return options;
}

// Returns the name of the file that holds this kernel's code.
std::string file_name(const Nvrtc& nvrtc, const KernelSource& kernel,
                      const std::string& architecture) {
  std::string all = nvrtc.version();
  for (const auto& option : options_of(kernel, architecture)) all += '\n' + option;
  for (const auto& file : program_files()) all += std::string("\n") + file.name + '\n' + file.text;
  return hash(all) + "-" + architecture + ".cubin";
}

// Returns the code in the file; empty where it is not there or not whole.
std::string read_code(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(file), {}};
  const size_t digits = hash("").size();
  if (all.size() <= digits) return "";
  auto code = all.substr(digits);
  return all.compare(0, digits, hash(code)) == 0 ? code : "";
}

// Writes the code to the file, where that is possible.
void write_code(const std::filesystem::path& path, const std::string& code) {
  std::error_code failed;
  std::filesystem::create_directories(path.parent_path(), failed);
  auto part = path;
  part += "." + std::to_string(getpid());
  {
    std::ofstream file(part, std::ios::binary);
    file << hash(code) << code;
    file.close();
    if (!file) failed = std::make_error_code(std::errc::io_error);
  }
  if (!failed) std::filesystem::rename(part, path, failed);
  if (failed) std::filesystem::remove(part, failed);
}

}  // namespace

const std::vector<KernelSource>& kernel_sources() {
  static const std::vector<KernelSource> sources = [] {
    std::vector<KernelSource> all;
    for (const int width : kWidths)
      all.push_back(
          {"one_block_" + std::to_string(width), {"STEEPEST_ONE_BLOCK=" + std::to_string(width)}});
    all.push_back({"symmetric_float16", {"STEEPEST_SYMMETRIC=Fp16"}});
    all.push_back({"symmetric_bfloat16", {"STEEPEST_SYMMETRIC=Bf16"}});
    all.push_back({"step_advance", {"STEEPEST_STEP=advance", "STEEPEST_TASK=AdvanceTask"}});
    all.push_back({"step_move", {"STEEPEST_STEP=move", "STEEPEST_TASK=MoveTask"}});
    all.push_back({"step_sum", {"STEEPEST_STEP=sum_partials", "STEEPEST_TASK=SumTask"}});
    return all;
  }();
  return sources;
}

Compiled compile_kernel(const Nvrtc& nvrtc, const KernelSource& kernel,
                        const std::string& architecture) {
  const auto& files = program_files();
  return nvrtc.compile(files[0], {files.begin() + 1, files.end()},
                       options_of(kernel, architecture));
}

std::string cache_folder() {
  const auto variable = [](const char* name) -> std::string {
    const char* const value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  const std::string cache = variable("XDG_CACHE_HOME"), home = variable("HOME");
  if (!cache.empty()) return cache + "/steepest";
  return home.empty() ? "" : home + "/.cache/steepest";
}

Compiled cached_kernel(const Nvrtc& nvrtc, const KernelSource& kernel,
                       const std::string& architecture) {
  const auto folder = cache_folder();
  if (folder.empty()) return compile_kernel(nvrtc, kernel, architecture);
  const auto path = std::filesystem::path(folder) / file_name(nvrtc, kernel, architecture);
  if (auto code = read_code(path); !code.empty()) return {.cubin = std::move(code)};
  auto compiled = compile_kernel(nvrtc, kernel, architecture);
  if (!compiled.cubin.empty()) write_code(path, compiled.cubin);
  return compiled;
}

}  // namespace steepest::cuda
