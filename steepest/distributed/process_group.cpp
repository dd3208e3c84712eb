// SPDX-License-Identifier: Apache-2.0
#include "steepest/distributed/process_group.h"

#include <ATen/core/dispatch/Dispatcher.h>

namespace steepest {
namespace {

// Calls a functional collective of torch by its name, and waits for what it returns: by the
// dispatcher, whose schemas have stayed while the headers of c10d change from torch to torch.
at::Tensor call(const char* collective, std::vector<c10::IValue> arguments) {
  auto& dispatcher = c10::Dispatcher::singleton();
  torch::jit::Stack stack(std::move(arguments));
  dispatcher.findSchemaOrThrow(collective, "").callBoxed(stack);
  dispatcher.findSchemaOrThrow("_c10d_functional::wait_tensor", "").callBoxed(stack);
  return stack.back().toTensor();
}

class TorchGroup : public ProcessGroup {
 public:
  TorchGroup(std::string name, int64_t rank, int64_t size)
      : name_(std::move(name)), rank_(rank), size_(size) {}

  int64_t rank() const override { return rank_; }
  int64_t size() const override { return size_; }

  at::Tensor exchange(const at::Tensor& bytes, at::IntArrayRef sent,
                      at::IntArrayRef received) override {
    return call("_c10d_functional::all_to_all_single", {bytes, received.vec(), sent.vec(), name_});
  }

  at::Tensor sum(const at::Tensor& x) override {
    return call("_c10d_functional::all_reduce", {x, "sum", name_});
  }

 private:
  std::string name_;
  int64_t rank_, size_;
};

}  // namespace

std::shared_ptr<ProcessGroup> process_group_of(const std::string& name, int64_t rank,
                                               int64_t size) {
  return std::make_shared<TorchGroup>(name, rank, size);
}

}  // namespace steepest
