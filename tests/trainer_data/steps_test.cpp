// SPDX-License-Identifier: Apache-2.0
// Batches as a function of the step number alone.
#include <ATen/Context.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/rand.h>

#include <algorithm>
#include <set>
#include <thread>

#include "tests/trainer_data/data.h"

namespace steepest::trainer {
namespace {

using namespace test;
const std::vector<std::string> orders{"shuffled", "random", "sequential"};

TEST(Steps, SequentialIsFileOrderAndWraps) {
  OneText one;
  one.spec.order = "sequential";
  const auto data = one.make();
  ASSERT_EQ(data->size(Split::train), 187);  // (1500 - 1) / 8
  for (int64_t position = 0; position < 400; ++position) {
    const Batch batch = data->batch(Split::train, position / 5);
    const int64_t first = position % 187 * 8;
    EXPECT_EQ(row(batch.inputs, position % 5), tokens_at(one.text, first, 8));
    EXPECT_EQ(row(batch.targets, position % 5), tokens_at(one.text, first + 1, 8));
  }
}

std::vector<std::vector<int64_t>> epoch(const Dataset& data, int64_t number) {
  const int64_t n = data.size(Split::train);
  std::vector<std::vector<int64_t>> rows;
  for (int64_t i = number * n; i < (number + 1) * n; ++i)
    rows.push_back(row(data.batch(Split::train, i / 5, i % 5, 1).inputs, 0));
  return rows;
}

TEST(Steps, ShuffledMeetsEachWindowOnceAnEpoch) {
  OneText one;
  const auto data = one.make();
  std::set<std::vector<int64_t>> windows;
  for (int64_t i = 0; i < 187; ++i) windows.insert(tokens_at(one.text, i * 8, 8));
  ASSERT_EQ(windows.size(), 187u);
  const auto first = epoch(*data, 0), second = epoch(*data, 1);
  EXPECT_EQ(std::set(first.begin(), first.end()), windows);
  EXPECT_EQ(std::set(second.begin(), second.end()), windows);
  EXPECT_NE(first, second);
}

TEST(Steps, RandomMeetsEveryStart) {
  OneText one(60);  // 45 for training: starts 0..36
  one.spec.order = "random";
  const auto data = one.make();
  std::set<std::vector<int64_t>> starts, met;
  for (int64_t i = 0; i < 37; ++i) starts.insert(tokens_at(one.text, i, 8));
  for (int64_t step = 0; step < 200; ++step) {
    const Batch batch = data->batch(Split::train, step);
    for (int64_t i = 0; i < 5; ++i) {
      met.insert(row(batch.inputs, i));
      EXPECT_EQ(row(batch.inputs, i)[1], row(batch.targets, i)[0]);
    }
  }
  EXPECT_EQ(met, starts);
}

TEST(Steps, AreTheSameAfterMakingTheDataAgain) {
  for (const auto& order : orders) {
    OneText one;
    one.spec.order = order;
    const auto first = one.make(), second = one.make();
    for (const int64_t step : {0, 1, 37, 1000000}) {
      for (const Split split : {Split::train, Split::validation}) {
        EXPECT_TRUE(same(first->batch(split, step), second->batch(split, step))) << order;
      }
    }
  }
}

TEST(Steps, DependOnTheSeedUnlessSequential) {
  for (const auto& order : orders) {
    OneText one;
    one.spec.order = order;
    const auto first = one.make();
    one.spec.seed = 1;
    const auto second = one.make();
    const Batch a = first->batch(Split::train, 3), b = second->batch(Split::train, 3);
    EXPECT_EQ(a.inputs.equal(b.inputs), order == "sequential");
    EXPECT_NE(a.seed, b.seed);
  }
}

TEST(Steps, AreTheSameInMicroBatches) {
  for (const auto& order : orders) {
    OneText one;
    one.spec.order = order;
    const auto data = one.make();
    const Batch whole = data->batch(Split::train, 9);
    const Batch head = data->batch(Split::train, 9, 0, 2),
                tail = data->batch(Split::train, 9, 2, 3);
    EXPECT_TRUE(whole.inputs.equal(at::cat({head.inputs, tail.inputs}))) << order;
    EXPECT_TRUE(whole.targets.equal(at::cat({head.targets, tail.targets}))) << order;
    EXPECT_NE(head.seed, tail.seed);  // else both halves would draw the same dropout
  }
}

TEST(Steps, AreTheSameFromManyThreads) {
  const OneText one;
  const auto data = one.make();
  std::vector<Batch> batches(64);
  std::vector<std::thread> threads;
  for (int64_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int64_t step = 63 - t; step >= 0; step -= 4)
        batches[static_cast<size_t>(step)] = data->batch(Split::train, step);
    });
  for (auto& thread : threads) thread.join();
  for (int64_t step = 0; step < 64; ++step)
    EXPECT_TRUE(same(batches[static_cast<size_t>(step)], data->batch(Split::train, step)));
}

TEST(Steps, LeaveTheGlobalGeneratorAlone) {
  OneText one;
  one.spec.order = "random";
  at::manual_seed(5);
  const at::Tensor expected = at::rand({4});
  at::manual_seed(5);
  const auto data = one.make();
  const Batch batch = data->batch(Split::train, 0);
  EXPECT_TRUE(at::rand({4}).equal(expected));
  EXPECT_TRUE(same(batch, data->batch(Split::train, 0)));  // whatever its state is
}

TEST(Steps, ValidationWindowsFollowEachOther) {
  const OneText one;
  const auto data = one.make();
  ASSERT_EQ(data->size(Split::validation), 62);  // (500 - 1) / 8
  EXPECT_EQ(data->validation_batches(7), 9);
  int64_t seen = 0;
  for (int64_t i = 0; i < 9; ++i) {
    const Batch batch = data->validation_batch(i, 7);
    ASSERT_EQ(batch.inputs.size(0), i < 8 ? 7 : 6);
    for (int64_t k = 0; k < batch.inputs.size(0); ++k, ++seen) {
      EXPECT_EQ(row(batch.inputs, k), tokens_at(one.text, 1500 + seen * 8, 8));
      EXPECT_EQ(row(batch.targets, k), tokens_at(one.text, 1501 + seen * 8, 8));
    }
  }
  EXPECT_EQ(seen, 62);
}

TEST(Steps, RefuseRowsOutsideTheStep) {
  const OneText one;
  const auto data = one.make();
  for (const auto& [step, first, rows] :
       {std::array<int64_t, 3>{-1, 0, 5}, {0, -1, 2}, {0, 0, 0}, {0, 0, 6}, {0, 4, 2}})
    EXPECT_THROW(data->batch(Split::train, step, first, rows), DataError) << step << first << rows;
  EXPECT_THROW(data->validation_batch(-1, 4), DataError);
  EXPECT_THROW(data->validation_batch(16, 4), DataError);
  EXPECT_THROW(data->validation_batch(0, 0), DataError);
}

}  // namespace
}  // namespace steepest::trainer
