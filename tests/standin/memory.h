// SPDX-License-Identifier: Apache-2.0
// The memory of the stand-in device: one file, mapped twice. The first mapping is what tensors
// point to, and the process may not touch it, as it may not touch an accelerator's memory; the
// second one is what the stand-in's own kernels work in.
#pragma once

#include <c10/core/Allocator.h>

namespace standin {

// Allocates from the first mapping. It never gives an address twice: pages are returned to the
// system when they are freed, so that a use after that reads zeros through host_address().
class Memory final : public c10::Allocator {
 public:
  // Returns the one of this process.
  static Memory& instance();

  c10::DataPtr allocate(size_t bytes) override;
  c10::DeleterFnPtr raw_deleter() const override;
  void copy_data(void* to, const void* from, size_t bytes) const override;

  // Returns where the process may read and write what lies at an address of the device.
  void* host_address(const void* device) const;

 private:
  Memory();
  static void release(void* device);
  char *device_ = nullptr, *host_ = nullptr;
};

// The index of the device that this thread allocates on: the stand-in has two.
constexpr int kDevices = 2;
int current_device();
void set_current_device(int index);

}  // namespace standin
