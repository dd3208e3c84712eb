// SPDX-License-Identifier: Apache-2.0
// The table of a + b mod p, and no data.
#include "trainer/data/modular.h"

#include <map>
#include <set>

#include "tests/trainer_data/data.h"

namespace steepest::trainer {
namespace {

using namespace test;

DataSpec modular(int64_t modulus = 7, double fraction = 0.5) {
  DataSpec spec;
  spec.kind = "modular";
  spec.modulus = modulus;
  spec.train_fraction = fraction;
  spec.batch = 4;
  return spec;
}

// The pairs of a split, over one epoch, with how often each was met.
std::map<std::vector<int64_t>, int> pairs_of(const Dataset& data, Split split) {
  std::map<std::vector<int64_t>, int> met;
  const int64_t n = data.size(split);
  for (int64_t i = 0; i < n; ++i) {
    const Batch batch =
        split == Split::train ? data.batch(split, i / 4, i % 4, 1) : data.validation_batch(i, 1);
    EXPECT_EQ(batch.inputs.sizes(), (std::vector<int64_t>{1, 3}));
    EXPECT_EQ(batch.targets.sizes(), (std::vector<int64_t>{1}));
    const auto tokens = row(batch.inputs, 0);
    EXPECT_EQ(batch.targets.item<int64_t>(), (tokens[0] + tokens[1]) % data.spec().modulus);
    EXPECT_EQ(tokens[2], data.spec().modulus);
    ++met[{tokens[0], tokens[1]}];
  }
  return met;
}

TEST(Modular, EveryPairIsInOneSplitOnce) {
  for (const auto& [modulus, fraction, shown] :
       {std::tuple<int64_t, double, int64_t>{7, 0.5, 25}, {11, 0.3, 36}, {3, 0.8, 7}}) {
    const auto data = make_dataset(modular(modulus, fraction));
    EXPECT_EQ(data->size(Split::train), shown);
    EXPECT_EQ(data->size(Split::validation), modulus * modulus - shown);
    EXPECT_EQ(data->classes(), modulus + 1);
    auto all = pairs_of(*data, Split::train);
    EXPECT_EQ(static_cast<int64_t>(all.size()), shown);
    all.merge(pairs_of(*data, Split::validation));
    EXPECT_EQ(static_cast<int64_t>(all.size()), modulus * modulus);
    for (const auto& [pair, count] : all) {
      EXPECT_EQ(count, 1);
      EXPECT_TRUE(pair[0] >= 0 && pair[0] < modulus && pair[1] >= 0 && pair[1] < modulus);
    }
  }
}

TEST(Modular, TheShownPairsAreChosenByTheSeed) {
  DataSpec spec = modular(13, 0.4);
  const auto shown = [&](uint64_t seed) {
    spec.seed = seed;
    const auto met = pairs_of(*make_dataset(spec), Split::train);
    std::set<std::vector<int64_t>> pairs;
    for (const auto& [pair, count] : met) pairs.insert(pair);
    return pairs;
  };
  EXPECT_EQ(shown(1), shown(1));
  EXPECT_NE(shown(1), shown(2));
}

TEST(Modular, WhatIsRefused) {
  expect_refused(modular(1), {"data.modulus", "received 1", "2..10000"});
  expect_refused(modular(7, 0.001), {"data.train_fraction", "received 0 of 49 pairs", "1..48"});
  expect_refused(modular(7, 0.999), {"data.train_fraction", "received 49 of 49 pairs"});
  DataSpec spec = modular();
  spec.batch = 26;
  expect_refused(spec, {"batch.rows", "received 26 rows", "allowed 1..25"});
}

TEST(NoData, GivesRowsOfSeedsAlone) {
  for (const char* order : {"shuffled", "random", "sequential"}) {
    DataSpec spec;
    spec.kind = "none";
    spec.order = order;
    spec.batch = 3;
    const auto data = make_dataset(spec);
    const Batch batch = data->batch(Split::train, 1'000'000'000, 1, 2);
    EXPECT_EQ(batch.targets.sizes(), (std::vector<int64_t>{2}));
    EXPECT_NE(batch.seed, data->batch(Split::train, 5).seed);
    EXPECT_TRUE(same(batch, data->batch(Split::train, 1'000'000'000, 1, 2)));
    EXPECT_EQ(data->validation_batches(3), 1);
    EXPECT_EQ(data->validation_batch(0, 3).targets.size(0), 1);
    EXPECT_EQ(data->describe(), "none");
    EXPECT_TRUE(data->files().empty());
  }
}

}  // namespace
}  // namespace steepest::trainer
