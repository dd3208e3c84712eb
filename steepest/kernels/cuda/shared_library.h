// SPDX-License-Identifier: Apache-2.0
// Libraries that may be there or not: they are opened when they are first needed, so that one
// libsteepest.so serves machines with and without CUDA.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace steepest::cuda {

class SharedLibrary {
 public:
  // Opens the first of these paths and names that can be opened, for as long as the program runs;
  // nothing where none can.
  static std::optional<SharedLibrary> open(const std::vector<std::string>& candidates);

  // Sets `function` to the library's function of that name; false where it has none.
  template <class Function>
  bool find(const char* name, Function*& function) const {
    function = reinterpret_cast<Function*>(symbol(name));
    return function != nullptr;
  }

  const std::string& path() const { return path_; }

 private:
  SharedLibrary(void* handle, std::string path) : handle_(handle), path_(std::move(path)) {}
  void* symbol(const char* name) const;

  void* handle_;
  std::string path_;
};

// Returns the folder of the torch library that this process has loaded, without a slash at its end.
std::string torch_library_folder();

}  // namespace steepest::cuda
