// SPDX-License-Identifier: Apache-2.0
// Which tensors an optimizer has: each once, each with memory and a name of its own.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace steepest::engine {

using NamedParams = std::vector<std::pair<std::string, at::Tensor>>;

class ParamRegistry {
 public:
  // Throws c10::ValueError naming the parameter, after which the registry must be made again: not a
  // leaf with memory of its own in a supported dtype, given twice, a name given twice, memory that
  // another one has too. The time is that of sorting the parameters; only where a parameter has
  // gaps (a column of another tensor) is the storage that holds it looked at entry by entry.
  void add(const NamedParams& params);

 private:
  using Address = uintptr_t;
  struct Span {
    Address end;
    std::string name;
  };

  void add_one(const std::string& name, const at::Tensor& param);
  void add_span(const std::string& name, const at::Tensor& param);
  static void check_gaps(const NamedParams& params);

  std::unordered_set<const void*> tensors_;
  std::unordered_set<std::string> names_;
  std::map<Address, Span> spans_;  // of tensors without gaps, by their first byte
  std::unordered_map<const void*, NamedParams> of_storage_;
  std::unordered_set<const void*> with_gaps_;  // storages
};

}  // namespace steepest::engine
