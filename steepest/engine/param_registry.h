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
  // Adds parameters. Throws c10::ValueError naming the one that is no leaf with memory of its own
  // in a supported dtype, is given twice, or has a name or memory that another one has too; the
  // registry must then be made again. The time is that of sorting the parameters; only where a
  // parameter has gaps (a column of another tensor) is the storage that holds it looked at entry by
  // entry.
  void add(const NamedParams& params);

 private:
  using Address = uintptr_t;
  struct Span {
    Address end;
    std::string name;
  };

  // Adds one parameter; its entries are compared with those of others here where it has no gaps,
  // else in check_gaps().
  void add_one(const std::string& name, const at::Tensor& param);
  // Refuses a tensor without gaps whose bytes another one has too; else notes its bytes.
  void add_span(const std::string& name, const at::Tensor& param);
  // Refuses tensors of one storage, some of them with gaps, that share an entry.
  static void check_gaps(const NamedParams& params);

  std::unordered_set<const void*> tensors_;
  std::unordered_set<std::string> names_;
  std::map<Address, Span> spans_;  // of tensors without gaps, by their first byte
  std::unordered_map<const void*, NamedParams> of_storage_;  // see storage_of
  std::unordered_set<const void*> with_gaps_;                // storages
};

}  // namespace steepest::engine
