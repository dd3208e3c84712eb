// SPDX-License-Identifier: Apache-2.0
#include "trainer/distributed/team.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace steepest::trainer {
namespace {

// The bytes of a contiguous tensor.
at::Tensor as_bytes(const at::Tensor& t) { return t.view(at::kByte); }

// Returns the sum of the tensors, [n], over the processes: each adds up one part of it, in the
// order of their numbers, as one process would that has the tensors one after another, and all get
// it.
at::Tensor sum_in_order(ProcessGroup& group, const at::Tensor& flat) {
  const int64_t n = flat.numel(), size = group.size(), width = flat.element_size();
  std::vector<int64_t> bytes;  // of each process' part
  for (int64_t r = 0; r < size; ++r) bytes.push_back(((r + 1) * n / size - r * n / size) * width);
  const int64_t own = bytes[static_cast<size_t>(group.rank())];
  const std::vector<int64_t> to_all(bytes.size(), own);
  const auto parts = group.exchange(as_bytes(flat), bytes, to_all).view(flat.scalar_type());
  const auto rows = parts.view({size, own / width});
  auto sum = rows[0].clone();
  for (int64_t r = 1; r < size; ++r) sum.add_(rows[r]);
  return group.exchange(as_bytes(sum.repeat({size})), to_all, bytes).view(flat.scalar_type());
}

// Replaces the tensors, of one dtype, by their sums, in one message to each process and one back.
void sum_bucket(ProcessGroup& group, const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> flat;
  std::vector<int64_t> sizes;
  for (const auto& t : tensors) flat.push_back(t.reshape({-1})), sizes.push_back(t.numel());
  const auto sums = sum_in_order(group, at::cat(flat)).split_with_sizes(sizes);
  for (size_t i = 0; i < tensors.size(); ++i) tensors[i].copy_(sums[i].view(tensors[i].sizes()));
}

}  // namespace

Team::Heard Team::hear(int64_t word, int signal) const {
  if (!group_) return {word, signal};
  std::vector<int64_t> said(static_cast<size_t>(size()) + 1);  // the word, and each one's signal
  said[0] = rank() == 0 ? word : 0;
  said[static_cast<size_t>(rank()) + 1] = signal;
  const auto sums = group_->sum(at::tensor(said));
  Heard heard{sums[0].item<int64_t>()};
  for (int64_t r = 0; r < size() && heard.signal == 0; ++r) heard.signal = sums[r + 1].item<int>();
  return heard;
}

void Team::sum(const std::vector<at::Tensor>& tensors) const {
  if (!group_) return;
  constexpr size_t kMostBytes = size_t{25} << 20;
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> bucket;
  size_t bytes = 0;
  for (const auto& t : tensors) {
    const bool fits = bucket.empty() || (bytes + t.nbytes() <= kMostBytes &&
                                         t.scalar_type() == bucket[0].scalar_type());
    if (!fits) sum_bucket(*group_, std::exchange(bucket, {})), bytes = 0;
    bucket.push_back(t), bytes += t.nbytes();
  }
  if (!bucket.empty()) sum_bucket(*group_, bucket);
}

}  // namespace steepest::trainer
