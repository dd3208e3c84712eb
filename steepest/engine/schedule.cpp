// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/schedule.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <numeric>

#include "steepest/kernels/cpu/work_queue.h"

namespace steepest::engine {
namespace {

constexpr double kLeastShared = 1 << 22;  // work, below which waking a thread costs more
constexpr double kMostIdle = 1.25;        // the queue's length to that of perfectly shared work
constexpr double kMostRoom = 1ll << 32;   // bytes, of all threads at work

using Order = std::vector<size_t>;

// Returns how long `threads` threads take for the queue order[begin:], of which each takes the next
// bucket when it is free, divided by the time of perfectly shared work: 1 is the best.
double imbalance(const std::vector<const Bucket*>& buckets, const Order& order, size_t begin,
                 int threads) {
  std::vector<double> busy(threads);
  for (size_t k = begin; k < order.size(); ++k)
    *std::min_element(busy.begin(), busy.end()) += buckets[order[k]]->estimated_flops;
  const double total = std::accumulate(busy.begin(), busy.end(), 0.0);
  return total == 0 ? 1 : *std::max_element(busy.begin(), busy.end()) * threads / total;
}

}  // namespace

void run_buckets(const std::vector<const Bucket*>& buckets,
                 const std::function<void(size_t)>& body) {
  Order order;
  double work = 0;
  for (size_t i = 0; i < buckets.size(); ++i) {
    if (!buckets[i]->in_memory) {
      body(i);
      continue;
    }
    order.push_back(i);
    work += buckets[i]->estimated_flops;
  }
  const int threads = at::in_parallel_region() ? 1 : at::get_num_threads();
  if (threads == 1 || work < kLeastShared) {
    for (const size_t i : order) body(i);
    return;
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return buckets[a]->estimated_flops > buckets[b]->estimated_flops;
  });
  const auto queue = std::stable_partition(order.begin(), order.end(), [&](size_t i) {
    return buckets[i]->workspace_bytes * threads > kMostRoom;
  });
  std::for_each(order.begin(), queue, body);
  auto queued = static_cast<size_t>(queue - order.begin());
  const auto unbalanced = [&] { return imbalance(buckets, order, queued, threads) > kMostIdle; };
  for (; unbalanced() && !buckets[order[queued]]->single_threaded; ++queued) body(order[queued]);
  cpu::run_queue(static_cast<int64_t>(order.size() - queued),
                 [&](int64_t k) { body(order[queued + k]); });
}

}  // namespace steepest::engine
