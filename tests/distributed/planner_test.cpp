// SPDX-License-Identifier: Apache-2.0
// Who computes what: every block once, in balance, and the same on every process.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "steepest/optimizers/optimizers.h"
#include "tests/distributed/shared_run.h"

namespace steepest::test {
namespace {

// Of p + 1 equal blocks one process has two, which is the least too: so the bound is taken with
// that of the p-th and the next dearest together.
double least_of_two(std::vector<Cost> costs, int64_t processes) {
  std::sort(costs.begin(), costs.end(),
            [](const Cost& a, const Cost& b) { return a.flops > b.flops; });
  const auto p = static_cast<size_t>(processes);
  return p < costs.size() ? costs[p - 1].flops + costs[p].flops : 0;
}

TEST(Planner, OwnsEveryBlockOnceAndInBalance) {
  std::mt19937 random(1);
  for (int model = 0; model < 10000; ++model) {
    const auto processes = int64_t{2} << random() % 10;  // 2 .. 1024
    std::vector<Cost> costs(1 + random() % 200);
    for (auto& cost : costs) {
      const double kind = 1 << random() % 6;
      cost = {random() % 5 == 0 ? 0 : kind * kind * kind, kind * kind};
    }
    const auto owners = balanced_owners(costs, processes);
    ASSERT_EQ(owners.size(), costs.size());
    double total = 0, dearest = 0;
    std::vector<double> loads(processes, 0);
    for (size_t i = 0; i < costs.size(); ++i) {
      ASSERT_EQ(owners[i] == kWhereItLies, costs[i].flops == 0);
      ASSERT_LT(owners[i], processes);
      if (owners[i] >= 0) loads[owners[i]] += costs[i].flops;
      total += costs[i].flops, dearest = std::max(dearest, costs[i].flops);
    }
    const double least =
        std::max({total / static_cast<double>(processes), dearest, least_of_two(costs, processes)});
    const double most = *std::max_element(loads.begin(), loads.end());
    ASSERT_LE(most, 4.0 / 3 * least + 1e-9) << processes << " processes, model " << model;
  }
}

// A plan of one matrix for each shape, all adamw but for these.
Plan plan_of(const Recipe& recipe, const std::vector<std::vector<int64_t>>& shapes,
             int64_t processes, int64_t rank) {
  std::vector<PlannedParam> params;
  Layout layout{{processes}, {}};
  for (const auto& shape : shapes) {
    params.push_back({"p" + std::to_string(params.size()), shape, 0, {.batch = true}});
    layout.placements.push_back({{0}});
  }
  return share_plan(make_plan(recipe, std::move(params), {{Role::matrix, recipe.matrix}}),
                    {"", rank, std::move(layout)});
}

TEST(Planner, IsTheSameOnEveryProcess) {
  const auto muon = recipe("muon");
  const std::vector<std::vector<int64_t>> shapes(13, {7, 5});
  const auto owners = plan_of(muon, shapes, 4, 0).sharing->owners;
  for (int64_t rank = 1; rank < 4; ++rank)
    EXPECT_EQ(plan_of(muon, shapes, 4, rank).sharing->owners, owners);
  std::vector<int64_t> count(4, 0);
  for (const auto owner : owners) ++count.at(owner);
  EXPECT_EQ(count, (std::vector<int64_t>{4, 3, 3, 3}));
}

TEST(Planner, LeavesWholeMatricesWhereTheyLie) {
  const auto experts = plan_of(recipe("muon"), {{4, 6, 5}}, 2, 0);
  EXPECT_EQ(experts.sharing->owners, (std::vector<int64_t>{kWhereItLies}));
  EXPECT_EQ(experts.blocks.at(0).batch, 2);
  const auto uneven = plan_of(recipe("muon"), {{3, 6, 5}}, 2, 1);
  EXPECT_EQ(uneven.sharing->owners, (std::vector<int64_t>{kWhereItLies}));
  EXPECT_EQ(uneven.blocks.at(0).batch, 1);
  EXPECT_EQ(uneven.blocks.at(0).leaf, 2);
}

TEST(Planner, RefusesWhatCannotBeShared) {
  const auto recursive = recipe("muon-momo", {.momo_model = "recursive"});
  EXPECT_THROW(plan_of(recursive, {{4, 4}}, 2, 0), c10::ValueError);
  EXPECT_THROW(plan_of(recipe("muonh"), {{4, 4}}, 2, 0), c10::ValueError);
}

}  // namespace
}  // namespace steepest::test
