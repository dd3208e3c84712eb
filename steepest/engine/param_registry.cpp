// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/param_registry.h"

#include <ATen/ATen.h>

#include "steepest/base/dtype.h"
#include "steepest/engine/check.h"

namespace steepest::engine {
namespace {

// Throws c10::ValueError unless the tensor is a dense leaf of a supported dtype whose entries have
// memory, each its own.
void check_tensor(const std::string& name, const at::Tensor& param) {
  TORCH_CHECK_VALUE(param.defined() && param.is_leaf(), name,
                    ": received an undefined or non-leaf tensor, allowed a leaf");
  TORCH_CHECK_VALUE(is_computable(param.scalar_type()), name, ": received ", param.scalar_type(),
                    ", allowed ", kComputable);
  TORCH_CHECK_VALUE(!param.is_meta(), name,
                    ": received a meta tensor, allowed one with memory: make the optimizer after "
                    "the module has been moved to a device");
  TORCH_CHECK_VALUE(param.layout() == at::kStrided && param.has_storage(), name, ": received ",
                    param.layout(), ", allowed a dense tensor");
  for (int64_t d = 0; d < param.dim(); ++d) {
    TORCH_CHECK_VALUE(param.size(d) < 2 || param.stride(d) != 0, name,
                      ": received an expanded tensor, whose entries share memory, allowed one of "
                      "its own: clone it");
  }
}

// Returns an address that tells the tensor's storage from others; two views of one storage share
// it.
const void* storage_of(const at::Tensor& param) { return param.storage().unsafeGetStorageImpl(); }

// Throws c10::ValueError: the parameter `name` shares memory with that of the name `other`.
[[noreturn]] void refuse_overlap(const std::string& name, const std::string& other) {
  TORCH_CHECK_VALUE(false, name, ": received memory of ", other,
                    " too, allowed parameters that share none: clone it, or leave one out");
}

}  // namespace

void ParamRegistry::add(const NamedParams& params) {
  std::unordered_set<const void*> touched;
  for (const auto& [name, param] : params) {
    add_one(name, param);
    if (param.numel() > 0) touched.insert(storage_of(param));
  }
  for (const auto* storage : touched) {
    if (with_gaps_.count(storage) != 0) check_gaps(of_storage_.at(storage));
  }
}

void ParamRegistry::add_one(const std::string& name, const at::Tensor& param) {
  check_tensor(name, param);
  TORCH_CHECK_VALUE(tensors_.insert(param.unsafeGetTensorImpl()).second, name,
                    ": received a parameter twice, allowed once in all groups");
  TORCH_CHECK_VALUE(names_.insert(name).second, name,
                    ": received two parameters of this name, allowed one: state is kept by name; "
                    "write a prefix for each network");
  if (param.numel() == 0) return;
  of_storage_[storage_of(param)].emplace_back(name, param);
  if (param.is_non_overlapping_and_dense()) {
    add_span(name, param);
  } else {
    with_gaps_.insert(storage_of(param));
  }
}

// Refuses a tensor without gaps that overlaps another one, and notes its span of addresses. The
// neighbours are enough: those before and behind do not overlap each other.
void ParamRegistry::add_span(const std::string& name, const at::Tensor& param) {
  const auto begin = reinterpret_cast<Address>(param.const_data_ptr());
  const auto end = begin + param.nbytes();
  const auto next = spans_.lower_bound(begin);
  if (next != spans_.end() && next->first < end) refuse_overlap(name, next->second.name);
  if (next != spans_.begin() && std::prev(next)->second.end > begin) {
    refuse_overlap(name, std::prev(next)->second.name);
  }
  spans_.emplace_hint(next, begin, Span{end, name});
}

// Throws c10::ValueError where two of `params`, all those of one storage, share an entry. It marks
// each tensor's entries in a copy of the storage of one byte an entry; tensors of another element
// size than the first one's are refused, as their entries cannot be told apart so.
void ParamRegistry::check_gaps(const NamedParams& params) {
  const auto& first = params[0].second;
  const auto size = static_cast<int64_t>(first.storage().nbytes() / first.element_size());
  const auto of = [](const at::Tensor& marks, const at::Tensor& param) {
    return marks.as_strided(param.sizes(), param.strides(), param.storage_offset());
  };
  const auto marks = at::zeros({size}, at::kByte);
  for (size_t i = 0; i < params.size(); ++i) {
    const auto& [name, param] = params[i];
    if (param.element_size() != first.element_size()) refuse_overlap(name, params[0].first);
    const auto own = of(marks, param);
    for (size_t j = 0; own.any().item<bool>() && j < i; ++j) {  // once: which of them
      const auto alone = at::zeros_like(marks);
      of(alone, params[j].second).fill_(1);
      if (of(alone, param).any().item<bool>()) refuse_overlap(name, params[j].first);
    }
    own.fill_(1);
  }
}

}  // namespace steepest::engine
