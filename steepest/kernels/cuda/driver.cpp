// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cuda/driver.h"

#include "steepest/kernels/cuda/shared_library.h"

namespace steepest::cuda {
namespace {

bool load(Driver& driver) {
  const auto library = SharedLibrary::open({"libcuda.so.1"});
  if (!library) return false;
  int (*init)(unsigned) = nullptr;
  return library->find("cuInit", init) &&
         library->find("cuDeviceGetAttribute", driver.device_attribute) &&
         library->find("cuCtxGetCurrent", driver.current_context) &&
         library->find("cuDevicePrimaryCtxRetain", driver.retain_primary_context) &&
         library->find("cuCtxSetCurrent", driver.set_context) &&
         library->find("cuModuleLoadData", driver.load_module) &&
         library->find("cuModuleGetFunction", driver.get_function) &&
         library->find("cuFuncSetAttribute", driver.set_attribute) &&
         library->find("cuLaunchKernel", driver.launch) &&
         library->find("cuGetErrorString", driver.error_string) && init(0) == 0;
}

}  // namespace

const Driver* Driver::instance() {
  static const Driver* const driver = [] {
    static Driver candidate{};
    return load(candidate) ? &candidate : nullptr;
  }();
  return driver;
}

void Driver::make_context_current(int device) const {
  void* context = nullptr;
  if (current_context(&context) == 0 && context != nullptr) return;
  if (retain_primary_context(&context, device) == 0) set_context(context);
}

std::string Driver::error(int number) const {
  const char* text = nullptr;
  if (error_string(number, &text) != 0 || text == nullptr)
    return "CUDA error " + std::to_string(number);
  return text;
}

}  // namespace steepest::cuda
