// SPDX-License-Identifier: Apache-2.0
// NVIDIA's runtime compiler: the few of its functions that turn a program into machine code.
#pragma once

#include <string>
#include <vector>

namespace steepest::cuda {

// A file of a program, under the name by which others include it.
struct SourceFile {
  const char* name;
  const char* text;
};

struct Compiled {
  std::string cubin;  // empty where it does not compile
  std::string log;    // what the compiler says
};

class Nvrtc {
 public:
  // Returns that of torch's own CUDA libraries, or the one that the system finds; nullptr where
  // there is none.
  static const Nvrtc* instance();

  // Compiles a program for an architecture such as "sm_90". `files`: what it may include. Never
  // throws.
  Compiled compile(const SourceFile& program, const std::vector<SourceFile>& files,
                   const std::vector<std::string>& options) const;

  // Such as "13.2".
  const std::string& version() const { return version_; }
  const std::string& path() const { return path_; }

 private:
  using Program = void*;
  Nvrtc() = default;
  bool load();

  std::string version_, path_;
  int (*create_)(Program*, const char*, const char*, int, const char* const*, const char* const*);
  int (*compile_)(Program, int, const char* const*);
  int (*cubin_size_)(Program, size_t*);
  int (*cubin_)(Program, char*);
  int (*log_size_)(Program, size_t*);
  int (*log_)(Program, char*);
  int (*destroy_)(Program*);
};

}  // namespace steepest::cuda
