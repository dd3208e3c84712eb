// SPDX-License-Identifier: Apache-2.0
#include "tests/standin/compute.h"

#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>

#include "tests/standin/counts.h"
#include "tests/standin/memory.h"

namespace standin {

bool is_on_device(const at::Tensor& t) { return t.defined() && t.device().type() == kDevice; }

at::Tensor on_host(const at::Tensor& t) {
  if (!is_on_device(t)) return t;
  const auto options = at::TensorOptions(at::kCPU).dtype(t.dtype());
  // The storage's data may begin before the tensor's: an offset that sizes and strides do not tell.
  return at::from_blob(Memory::instance().host_address(t.const_data_ptr()), t.sizes(), t.strides(),
                       options);
}

at::Tensor empty_strided_on(at::IntArrayRef sizes, at::IntArrayRef strides, at::ScalarType dtype,
                            c10::Device device) {
  const c10::DeviceGuard guard(device);
  return at::detail::empty_strided_generic(sizes, strides, &Memory::instance(),
                                           c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                           dtype);
}

c10::Device device_or_current(std::optional<c10::Device> device) {
  const int index = device && device->has_index() ? device->index() : current_device();
  TORCH_CHECK(index < kDevices, "stand-in device: received index ", index, ", allowed 0 or 1");
  return {kDevice, static_cast<c10::DeviceIndex>(index)};
}

namespace {

// What a call's operands have in common.
struct Operands {
  std::optional<c10::Device> device;
  std::vector<std::pair<at::Tensor, at::Tensor>> results;  // the device's, and the CPU's for it

  // Looks at one operand and returns it as the CPU's. An accelerator takes none of the host's
  // tensors but single numbers, and none of another accelerator.
  at::Tensor take(const at::Tensor& t, const std::string& name) {
    if (!t.defined()) return t;
    if (t.numel() == 0 &&
        is_on_device(t)) {  // a result that the CPU's kernel makes as large as need be
      device = device.value_or(t.device());
      const auto own = at::empty_strided(t.sizes(), t.strides(), t.options().device(at::kCPU));
      results.push_back({t, own});
      return own;
    }
    const bool number = !is_on_device(t) && t.dim() == 0;
    const bool indices = !is_on_device(t) && name.find("index") != std::string::npos;
    if (!number && !indices) {
      TORCH_CHECK(is_on_device(t) && (!device || *device == t.device()), name,
                  ": Expected all tensors to be on the same device, but found ", t.device(),
                  " beside ", device.value_or(c10::Device(kDevice, 0)));
      device = t.device();
    }
    return on_host(t);
  }

  // Looks at one argument, be it a tensor, a list of them, or something else, which it returns.
  c10::IValue take(const c10::IValue& value, const std::string& name) {
    if (value.isTensor()) return take(value.toTensor(), name);
    if (value.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const auto& t : value.toTensorVector()) list.push_back(take(t, name));
      return list;
    }
    if (value.isOptionalTensorList()) {
      c10::List<std::optional<at::Tensor>> list;
      for (const auto& t : value.toOptionalTensorVector())
        list.push_back(t ? std::make_optional(take(*t, name)) : std::nullopt);
      return list;
    }
    if (value.isDevice()) return c10::Device(at::kCPU);
    return value;
  }
};

// Returns how many launches a list of tensors takes: one, where the tensors at a place of all lists
// are laid out alike and without gaps; else CUDA goes through them one by one.
size_t launches_of_lists(const std::vector<c10::IValue>& given) {
  std::vector<std::vector<at::Tensor>> lists;
  for (const auto& value : given)
    if (value.isTensorList()) lists.push_back(value.toTensorVector());
  for (const auto& list : lists) {
    for (size_t i = 0; i < list.size() && list.size() == lists[0].size(); ++i) {
      const auto &own = list[i], &first = lists[0][i];
      if (!own.is_non_overlapping_and_dense() || own.sizes() != first.sizes() ||
          own.strides() != first.strides())
        return lists[0].size();
    }
  }
  return 1;
}

// Returns a result of the CPU as one of the device.
c10::IValue result_on(c10::Device device, const c10::IValue& value) {
  const auto one = [&](const at::Tensor& t) {
    if (!t.defined() || is_on_device(t)) return t;
    const auto own = empty_strided_on(t.sizes(), t.strides(), t.scalar_type(), device);
    on_host(own).copy_(t);
    return own;
  };
  if (value.isTensor()) return one(value.toTensor());
  if (!value.isTensorList()) return value;
  c10::List<at::Tensor> list;
  for (const auto& t : value.toTensorVector()) list.push_back(one(t));
  return list;
}

}  // namespace

void compute(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const auto& schema = op.schema();
  const auto& name = schema.name();
  const size_t arguments = schema.arguments().size(), begin = stack->size() - arguments;
  const std::vector<c10::IValue> given(stack->begin() + static_cast<int64_t>(begin), stack->end());
  const size_t launches = name.starts_with("aten::_foreach_") ? launches_of_lists(given) : 1;
  for (size_t i = 0; i < launches; ++i) count(Event::launch, name);
  Operands operands;
  for (size_t i = 0; i < arguments; ++i) (*stack)[begin + i] = operands.take(given[i], name);
  op.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), stack);
  for (const auto& [own, made] : operands.results) {
    if (made.numel() == 0) continue;
    own.resize_(made.sizes());
    own.as_strided_(made.sizes(), made.strides());
    on_host(own).copy_(made);
  }
  const auto device = operands.device.value_or(device_or_current({}));
  for (size_t r = 0; r < schema.returns().size(); ++r) {
    auto& result = (*stack)[begin + r];
    const auto* const alias = schema.returns()[r].alias_info();
    bool found = false;
    for (size_t i = 0; alias != nullptr && i < arguments && !found; ++i) {
      const auto* const of_argument = schema.arguments()[i].alias_info();
      found = of_argument != nullptr && *of_argument == *alias;
      if (found) result = given[i];
    }
    TORCH_CHECK(alias == nullptr || found, name, ": the stand-in device makes no such view");
    if (!found) result = result_on(device, result);
  }
}

}  // namespace standin
