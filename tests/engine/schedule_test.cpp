// SPDX-License-Identifier: Apache-2.0
// Buckets run side by side: the weights and the states are the same, bit for bit, on any number of
// threads, for every optimizer of the catalog.
#include "steepest/engine/schedule.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>

#include "steepest/optimizers/optimizers.h"
#include "tests/support/engine_run.h"

namespace steepest::test {

using namespace engine;
namespace {

class Threads {
 public:
  explicit Threads(int n) { at::set_num_threads(n); }
  ~Threads() { at::set_num_threads(before_); }

 private:
  int before_ = at::get_num_threads();
};

at::Tensor gaussian(at::IntArrayRef shape, uint64_t seed) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), at::kFloat);
}

// Large and small matrices of several shapes, a batch, a fused one, a convolution and vectors.
std::vector<Leaf> leaves() {
  std::vector<Leaf> all;
  const auto add = [&](at::IntArrayRef shape, Role role, const View& view = {}) {
    const auto name = "p" + std::to_string(all.size());
    const int64_t group = role == Role::matrix ? 0 : 1;
    all.push_back({name, gaussian(shape, 50 + all.size()) * .1, role, group, view, {}});
  };
  for (int i = 0; i < 3; ++i) add({160, 160}, Role::matrix), add({40, 24}, Role::matrix);
  add({300, 90}, Role::matrix), add({90, 300}, Role::matrix, {.transposed = true});
  add({5, 48, 32}, Role::matrix, {.batch = true});
  add({96, 64}, Role::matrix, {.split_sizes = {32, 32, 16, 16}});
  add({64, 96}, Role::matrix, {.num_heads = 4, .split_dim = 1});
  add({16, 8, 3, 3}, Role::matrix);
  add({1000, 64}, Role::backup), add({64}, Role::backup), add({300}, Role::backup);
  return all;
}

std::vector<at::Tensor> everything_after_steps(const Recipe& recipe, int threads) {
  const Threads guard(threads);
  EngineRun run(recipe, leaves());
  // Momo refuses a decay that is part of the gradient.
  const bool refuses_decay = recipe.step_size == StepSize::momo && !recipe.matrix.decoupled;
  const double decay = refuses_decay ? 0 : .1;
  std::vector<at::Tensor> grads;
  for (int t = 0; t < 3; ++t) {
    grads.clear();
    for (const auto& w : run.weights()) grads.push_back(gaussian(w.sizes(), 7 + t * 100));
    run.step(grads, 3 - .1 * t, {.02, .01}, {decay, decay / 2});
  }
  auto all = run.weights();
  for (auto& state : run.states) {
    for (auto t : {state.momentum_buffer, state.intercept, state.dual})
      if (t.defined()) all.push_back(t);
    all.insert(all.end(), state.slots.begin(), state.slots.end());
  }
  return all;
}

void expect_same(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b,
                 const std::string& name) {
  ASSERT_EQ(a.size(), b.size()) << name;
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(at::equal(a[i], b[i])) << name << ", " << i;
}

void expect_same_on_any_number_of_threads(const Recipe& recipe, const std::string& name) {
  const auto alone = everything_after_steps(recipe, 1);
  for (const int threads : {2, 3})
    expect_same(everything_after_steps(recipe, threads), alone, name + c10::str(", ", threads));
}

// LAPACK and BLAS sum in an order of their own on each number of threads.
bool calls_lapack(const Recipe& recipe) {
  for (const char* norm :
       {"nuclear", "ky_fan", "f_star", "k_support", "soap", "shampoo", "dion", "cosmos"})
    if (recipe.matrix.norm.find(norm) != std::string::npos) return true;
  return recipe.matrix.solvers.polar.method == "svd";
}

TEST(Schedule, EveryOptimizerHasTheSameBitsOnAnyNumberOfThreads) {
  for (const auto& name : optimizer_names()) {
    if (!calls_lapack(recipe(name))) expect_same_on_any_number_of_threads(recipe(name), name);
  }
}

TEST(Schedule, TheOthersHaveTheSameBitsAgain) {
  for (const auto& name : optimizer_names()) {
    if (!calls_lapack(recipe(name))) continue;
    const auto first = everything_after_steps(recipe(name), 3);
    expect_same(everything_after_steps(recipe(name), 3), first, name);
    // Of a long side's factor three gradients leave a null space, whose eigenvectors rounding
    // picks, and with them what is kept in their basis, and inverse powers there.
    const auto& norm = recipe(name).matrix.norm;
    if (norm.find("soap") != std::string::npos || norm.find("shampoo") != std::string::npos)
      continue;
    const auto alone = everything_after_steps(recipe(name), 1);
    for (size_t i = 0; i < first.size(); ++i)
      EXPECT_LT((first[i] - alone[i]).abs().max().item<double>(), 1e-3) << name << ", " << i;
  }
}

TEST(Schedule, SoHaveMomoAndStaleDuals) {
  for (const char* model : {"inner_products", "recursive"}) {
    for (const char* duals : {"fresh", "stale"}) {
      for (const char* directions : {"stored", "recomputed"}) {
        const Overrides overrides{
            .step_size = "momo", .duals = duals, .directions = directions, .momo_model = model};
        expect_same_on_any_number_of_threads(recipe("muonmax", overrides),
                                             c10::str(model, ", ", duals, ", ", directions));
      }
    }
  }
}

TEST(Schedule, RunsEveryBucketOnceWhateverItsWork) {
  const Threads guard(3);
  for (const double largest : {0., 1e3, 1e7, 1e9}) {
    std::vector<Bucket> buckets(20);
    for (auto& bucket : buckets) bucket.estimated_flops = 1e6;
    buckets[11].estimated_flops = largest;
    buckets[5].in_memory = false;
    buckets[11].single_threaded = buckets[7].single_threaded = largest == 1e9;
    std::vector<const Bucket*> all;
    for (const auto& bucket : buckets) all.push_back(&bucket);
    std::vector<std::atomic<int>> runs(buckets.size());
    run_buckets(all, [&](size_t i) { ++runs[i]; });
    for (const auto& count : runs) EXPECT_EQ(count, 1) << largest;
  }
}

// The largest is of no use to a second thread, which takes the others meanwhile.
TEST(Schedule, ASerialBucketKeepsNobodyWaiting) {
  const Threads guard(2);
  std::vector<Bucket> buckets(2);
  buckets[0].estimated_flops = 1e9, buckets[0].single_threaded = true,
  buckets[1].estimated_flops = 1e6;
  std::atomic<bool> other{false}, met{false};
  run_buckets({&buckets[0], &buckets[1]}, [&](size_t i) {
    if (i == 1) other = true;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (i == 0 && !met && std::chrono::steady_clock::now() < end) met = other.load();
  });
  EXPECT_TRUE(met);
}

TEST(Schedule, WhereTheyWouldTakeMuchMemoryBucketsAreComputedOneAfterAnother) {
  const Threads guard(2);
  std::vector<Bucket> buckets(6);
  for (auto& bucket : buckets) bucket.estimated_flops = 1e8, bucket.workspace_bytes = 1e6;
  buckets[1].workspace_bytes = buckets[4].workspace_bytes =
      2.2e9;  // two at a time: more than 4 GiB
  std::vector<const Bucket*> all;
  for (const auto& bucket : buckets) all.push_back(&bucket);
  std::mutex mutex;
  std::vector<size_t> order;
  run_buckets(all, [&](size_t i) {
    EXPECT_EQ(at::in_parallel_region(), buckets[i].workspace_bytes < 1e9)
        << i;  // or all threads are its own
    const std::lock_guard lock(mutex);
    order.push_back(i);
  });
  ASSERT_EQ(order.size(), buckets.size());
  EXPECT_EQ(order[0], 1);
  EXPECT_EQ(order[1], 4);
}

}  // namespace
}  // namespace steepest::test
