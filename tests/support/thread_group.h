// SPDX-License-Identifier: Apache-2.0
// A group whose processes are threads of one program: its collectives copy, its sums are taken in
// the order of the ranks, and it counts what travels.
#pragma once

#include <ATen/ATen.h>

#include <barrier>
#include <functional>
#include <numeric>
#include <thread>
#include <vector>

#include "steepest/distributed/process_group.h"

namespace steepest::test {

// What the threads share.
struct Meeting {
  explicit Meeting(int64_t size)
      : barrier(size), tensors(static_cast<size_t>(size)), sizes(static_cast<size_t>(size)) {}
  std::barrier<> barrier;
  std::vector<at::Tensor> tensors;
  std::vector<std::vector<int64_t>> sizes;
};

class ThreadGroup : public ProcessGroup {
 public:
  ThreadGroup(Meeting& meeting, int64_t rank) : meeting_(meeting), rank_(rank) {}

  int64_t rank() const override { return rank_; }
  int64_t size() const override { return static_cast<int64_t>(meeting_.tensors.size()); }

  at::Tensor exchange(const at::Tensor& bytes, at::IntArrayRef sent,
                      at::IntArrayRef received) override {
    ++exchanges;
    for (int64_t r = 0; r < size(); ++r) sent_bytes += r == rank_ ? 0 : sent[r];
    put(bytes, sent.vec());
    std::vector<at::Tensor> parts;
    for (int64_t r = 0; r < size(); ++r) {
      const auto& from = meeting_.sizes[r];
      const auto begin = std::accumulate(from.begin(), from.begin() + rank_, int64_t{0});
      TORCH_CHECK(from[rank_] == received[r], "process ", r, " sends ", from[rank_], ", not ",
                  received[r]);
      parts.push_back(meeting_.tensors[r].narrow(0, begin, from[rank_]));
    }
    auto all = at::cat(parts);
    meeting_.barrier.arrive_and_wait();
    return all;
  }

  at::Tensor sum(const at::Tensor& x) override {
    ++sums;
    put(x, {});
    auto total = meeting_.tensors[0].clone();
    for (int64_t r = 1; r < size(); ++r) total += meeting_.tensors[r];
    meeting_.barrier.arrive_and_wait();
    return total;
  }

  int64_t exchanges = 0, sums = 0, sent_bytes = 0;

 private:
  void put(const at::Tensor& t, std::vector<int64_t> sizes) {
    meeting_.tensors[rank_] = t;
    meeting_.sizes[rank_] = std::move(sizes);
    meeting_.barrier.arrive_and_wait();
  }

  Meeting& meeting_;
  int64_t rank_;
};

// Calls body(group) on `size` threads, each with its own rank of one group.
inline void on_threads(int64_t size, const std::function<void(ThreadGroup&)>& body) {
  Meeting meeting(size);
  std::vector<std::thread> threads;
  for (int64_t r = 0; r < size; ++r)
    threads.emplace_back([&meeting, &body, r] {
      ThreadGroup group(meeting, r);
      body(group);
    });
  for (auto& thread : threads) thread.join();
}

}  // namespace steepest::test
