// SPDX-License-Identifier: Apache-2.0
// A device that is none, torch.device("standin"), in memory that the process may not touch, whose
// operators are the CPU's. What runs on it takes every branch that an accelerator takes; a pointer
// of the device that the host follows ends the process, a tensor of the host among the operands is
// refused as on an accelerator, and what costs time there is counted.
#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/ops/_local_scalar_dense_native.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/resize_native.h>
#include <ATen/ops/set_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/DeviceType.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include "tests/standin/compute.h"
#include "tests/standin/counts.h"
#include "tests/standin/memory.h"

namespace standin {
namespace {

class Guard final : public c10::impl::NoOpDeviceGuardImpl<kDevice> {
 public:
  c10::Device exchangeDevice(c10::Device to) const override {
    const auto before = getDevice();
    setDevice(to);
    return before;
  }
  c10::Device getDevice() const override {
    return {kDevice, static_cast<c10::DeviceIndex>(current_device())};
  }
  void setDevice(c10::Device to) const override { uncheckedSetDevice(to); }
  void uncheckedSetDevice(c10::Device to) const noexcept override {
    if (to.has_index()) set_current_device(to.index());
  }
  c10::DeviceIndex deviceCount() const noexcept override { return kDevices; }
  c10::Stream getStream(c10::Device device) const noexcept override {
    return c10::Stream(c10::Stream::DEFAULT, device);
  }
};

C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard)

// What torch's autograd asks of an accelerator.
class Hooks final : public at::PrivateUse1HooksInterface {
 public:
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return kDevices; }
  c10::DeviceIndex getCurrentDevice() const override {
    return static_cast<c10::DeviceIndex>(current_device());
  }
};

at::Tensor empty(at::IntArrayRef sizes, std::optional<at::ScalarType> dtype,
                 std::optional<at::Layout>, std::optional<c10::Device> device, std::optional<bool>,
                 std::optional<at::MemoryFormat> format) {
  const c10::DeviceGuard guard(device_or_current(device));
  return at::detail::empty_generic(sizes, &Memory::instance(),
                                   c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                   c10::dtype_or_default(dtype), format);
}

at::Tensor empty_strided(at::IntArrayRef sizes, at::IntArrayRef strides,
                         std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
                         std::optional<c10::Device> device, std::optional<bool>) {
  return empty_strided_on(sizes, strides, c10::dtype_or_default(dtype), device_or_current(device));
}

at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool) {
  if (is_on_device(from) && is_on_device(to))
    count(Event::launch, from.device() == to.device() ? "copy_" : "copy_ to another device");
  else
    count(is_on_device(from) ? Event::host_read : Event::upload, "copy_");
  on_host(to).copy_(on_host(from));
  return to;
}

at::Tensor copy_from_and_resize(const at::Tensor& from, const at::Tensor& to) {
  to.resize_(from.sizes());
  return copy_from(from, to, false);
}

at::Scalar local_scalar(const at::Tensor& t) {
  count(Event::host_read, "item");
  return at::_local_scalar_dense(on_host(t));
}

const at::Tensor& resize(const at::Tensor& t, at::IntArrayRef sizes,
                         std::optional<at::MemoryFormat>) {
  auto* const impl = t.unsafeGetTensorImpl();
  const size_t needed =
      at::detail::computeStorageNbytesContiguous(sizes, t.element_size(), t.storage_offset());
  auto* const storage = t.storage().unsafeGetStorageImpl();
  if (needed > storage->nbytes()) {
    const c10::DeviceGuard guard(t.device());
    auto grown = Memory::instance().allocate(needed);
    if (storage->nbytes() > 0)
      Memory::instance().copy_data(grown.mutable_get(), storage->data(), storage->nbytes());
    storage->set_data_ptr_noswap(std::move(grown));
    storage->set_nbytes(needed);
  }
  impl->set_sizes_contiguous(sizes);
  return t;
}

at::Tensor& set_storage(at::Tensor& t, at::Storage source, int64_t offset, at::IntArrayRef sizes,
                        at::IntArrayRef strides) {
  auto* const impl = t.unsafeGetTensorImpl();
  impl->set_storage_keep_dtype(std::move(source));
  impl->set_storage_offset(offset);
  if (strides.empty())
    impl->set_sizes_contiguous(sizes);
  else
    impl->set_sizes_and_strides(sizes, strides);
  return t;
}

at::Tensor& set_whole_storage(at::Tensor& t, at::Storage source) {
  const auto length = static_cast<int64_t>(source.nbytes() / t.element_size());
  return set_storage(t, std::move(source), 0, {length}, {});
}

TORCH_LIBRARY_IMPL(_, PrivateUse1, m) {
  m.fallback(torch::CppFunction::makeFromBoxedFunction<&compute>());
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("empty.memory_format", empty);
  m.impl("empty_strided", empty_strided);
  m.impl("as_strided", at::native::as_strided_tensorimpl);
  m.impl("view", at::native::view);
  m.impl("_reshape_alias", at::native::_reshape_alias);
  m.impl("resize_", resize);
  m.impl("set_.source_Storage", set_whole_storage);
  m.impl("set_.source_Storage_storage_offset", set_storage);
  m.impl("_copy_from", copy_from);
  m.impl("_copy_from_and_resize", copy_from_and_resize);
  m.impl("_local_scalar_dense", local_scalar);
  // Lists of tensors are one kernel on CUDA, and a loop on any other device: the stand-in counts as
  // CUDA does.
  for (const auto& op : c10::Dispatcher::singleton().getAllOpNames()) {
    if (!op.name.starts_with("aten::_foreach_") && !op.name.starts_with("aten::_fused_adam"))
      continue;
    const auto name = op.name.substr(6) + (op.overload_name.empty() ? "" : "." + op.overload_name);
    m.impl(name.c_str(), torch::CppFunction::makeFromBoxedFunction<&compute>());
  }
}

const bool registered = [] {
  c10::register_privateuse1_backend("standin");
  c10::SetAllocator(kDevice, &Memory::instance());
  at::RegisterPrivateUse1HooksInterface(new Hooks);  // torch keeps it to the end of the process
  return true;
}();

// torch.ops.standin_counts.now() -> {event: number}, and reset().
TORCH_LIBRARY(standin_counts, m) {
  m.def("now() -> Dict(str, int)", [] {
    c10::Dict<std::string, int64_t> dict;
    for (const auto& [name, number] : counts()) dict.insert(name, number);
    return dict;
  });
  m.def("reset() -> ()", [] { reset_counts(); });
}

}  // namespace
}  // namespace standin
