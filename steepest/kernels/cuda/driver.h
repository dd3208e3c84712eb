// SPDX-License-Identifier: Apache-2.0
// NVIDIA's driver: the few of its functions that load machine code and launch it. Each returns 0,
// or the number of an error.
#pragma once

#include <string>

namespace steepest::cuda {

// What a device is asked; the numbers are the driver's.
enum class Attribute : int {
  compute_capability_major = 75,
  compute_capability_minor = 76,
  shared_bytes_per_block = 97,  // at most, of a kernel that asks for it
};

struct Driver {
  using Module = void*;
  using Function = void*;

  // Returns the driver of this machine; nullptr where there is none.
  static const Driver* instance();

  // The error as a line for people.
  std::string error(int number) const;

  // Where this thread has no context, makes the device's own, which torch uses, the current one. An
  // error shows at the next call.
  void make_context_current(int device) const;

  int (*device_attribute)(int* value, int attribute, int device);
  int (*current_context)(void** context);
  int (*retain_primary_context)(void** context, int device);
  int (*set_context)(void* context);
  int (*load_module)(Module* module, const void* cubin);
  int (*get_function)(Function* function, Module module, const char* name);
  int (*set_attribute)(Function function, int attribute, int value);
  int (*launch)(Function function, unsigned blocks_x, unsigned blocks_y, unsigned blocks_z,
                unsigned threads_x, unsigned threads_y, unsigned threads_z, unsigned shared_bytes,
                void* stream, void** parameters, void** extra);
  int (*error_string)(int number, const char** text);
};

// Of a function: the bytes of dynamic shared memory that a launch of it may have.
constexpr int kMaxDynamicShared = 8;

}  // namespace steepest::cuda
