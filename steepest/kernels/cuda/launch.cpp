// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cuda/launch.h"

#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "steepest/kernels/cuda/cubin.h"
#include "steepest/kernels/cuda/driver.h"

namespace steepest::cuda {
namespace {

constexpr int kLeastCapability = 80;  // mma.sync of bfloat16, cp.async

// Sets `handle` to that of the device's current stream: null for the default stream. False where
// torch does not tell it, as old versions do of other streams.
bool find_stream(const c10::Device& device, void*& handle) {
  const auto stream = c10::impl::VirtualGuardImpl(device.type()).getStream(device);
  try {
    handle = stream.id() == 0 ? nullptr : stream.native_handle();
    return true;
  } catch (const c10::Error&) {
    return false;
  }
}

// The kernels of one device. It is used with its context current.
class DeviceKernels {
 public:
  // Asks the device, with this index, what it can do.
  explicit DeviceKernels(int index) {
    if (Driver::instance() == nullptr)
      fail("no libcuda.so.1 that works");
    else if (Nvrtc::instance() == nullptr)
      fail("no libnvrtc.so.13 or .12");
    else
      ask(index);
  }

  bool is_usable() const { return usable_; }
  int64_t shared_limit() const { return usable_ ? shared_limit_ : 0; }

  // Launches the kernel on the current stream; false where that fails.
  bool launch(const Launch& launch, const c10::Device& device, const void* task) {
    const auto function = function_of(launch);
    void* stream = nullptr;
    if (usable_ && !find_stream(device, stream)) fail("this torch does not tell its streams");
    if (!usable_) return false;
    void* parameters[] = {const_cast<void*>(task)};
    check(Driver::instance()->launch(
        function, static_cast<unsigned>(launch.blocks), 1, 1, static_cast<unsigned>(launch.threads),
        1, 1, static_cast<unsigned>(launch.shared_bytes), stream, parameters, nullptr));
    return usable_;
  }

 private:
  void ask(int index) {
    const auto value = [&](Attribute attribute) {
      int value = 0;
      check(Driver::instance()->device_attribute(&value, static_cast<int>(attribute), index));
      return value;
    };
    const int capability = 10 * value(Attribute::compute_capability_major) +
                           value(Attribute::compute_capability_minor);
    architecture_ = "sm_" + std::to_string(capability);
    shared_limit_ = value(Attribute::shared_bytes_per_block);
    if (usable_ && capability < kLeastCapability) fail(architecture_ + " is below sm_80");
  }

  // From now on the device has no kernels. Says why, the first time that this happens in a process.
  void fail(const std::string& why) {
    usable_ = false;
    TORCH_WARN_ONCE("steepest: no CUDA kernels of its own, so ATen does their work: ", why);
  }

  void check(int error) {
    if (error != 0) fail(Driver::instance()->error(error));
  }

  // Returns the kernel's function on the device, compiled and loaded where this is its first use,
  // with as much shared memory as the launch asks for.
  Driver::Function function_of(const Launch& launch) {
    auto& [function, shared_bytes] = functions_[launch.kernel];
    if (function == nullptr && usable_) function = load(launch.kernel);
    if (usable_ && launch.shared_bytes > shared_bytes) {
      shared_bytes = launch.shared_bytes;
      check(Driver::instance()->set_attribute(function, kMaxDynamicShared,
                                              static_cast<int>(shared_bytes)));
    }
    return function;
  }

  Driver::Function load(const std::string& kernel) {
    const auto& sources = kernel_sources();
    const auto source = std::find_if(sources.begin(), sources.end(),
                                     [&](const KernelSource& s) { return s.name == kernel; });
    TORCH_INTERNAL_ASSERT(source != sources.end(), kernel);
    const auto compiled = cached_kernel(*Nvrtc::instance(), *source, architecture_);
    if (compiled.cubin.empty()) {
      fail("NVRTC " + Nvrtc::instance()->version() + " does not compile " + kernel + " for " +
           architecture_ + ": " + compiled.log.substr(0, compiled.log.find('\n')));
      return nullptr;
    }
    Driver::Module module = nullptr;
    Driver::Function function = nullptr;
    check(Driver::instance()->load_module(&module, compiled.cubin.data()));
    if (usable_) check(Driver::instance()->get_function(&function, module, kernel.c_str()));
    return function;
  }

  bool usable_ = true;
  std::string architecture_;
  int64_t shared_limit_ = 0;
  std::map<std::string, std::pair<Driver::Function, int64_t>> functions_;
};

// The kernels of all devices; whoever looks at them holds the mutex.
struct Devices {
  std::mutex mutex;
  std::map<int, DeviceKernels> all;
};
Devices& devices() {
  static Devices devices;
  return devices;
}

// Calls body(kernels of the tensor's device) with its context current, one thread at a time.
template <class Body>
auto with_device(const at::Tensor& on, const Body& body) {
  const c10::DeviceGuard guard(on.device());
  const std::lock_guard lock(devices().mutex);
  const int index = std::max(0, static_cast<int>(on.device().index()));
  if (const auto* driver = Driver::instance()) driver->make_context_current(index);
  return body(devices().all.try_emplace(index, index).first->second);
}

}  // namespace

bool is_available(const at::Tensor& on) {
  return with_device(on, [](const DeviceKernels& kernels) { return kernels.is_usable(); });
}

int64_t shared_limit(const at::Tensor& on) {
  return with_device(on, [](const DeviceKernels& kernels) { return kernels.shared_limit(); });
}

bool launch(const Launch& launch, const at::Tensor& on, const void* task) {
  return with_device(
      on, [&](DeviceKernels& kernels) { return kernels.launch(launch, on.device(), task); });
}

std::string describe() {
  const auto* const nvrtc = Nvrtc::instance();
  return (nvrtc == nullptr ? "no NVRTC"
                           : "NVRTC " + nvrtc->version() + " (" + nvrtc->path() + ")") +
         (Driver::instance() == nullptr ? ", no driver" : ", driver");
}

}  // namespace steepest::cuda
