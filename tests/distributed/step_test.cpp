// SPDX-License-Identifier: Apache-2.0
// A step that processes share: what travels, what they agree on, and what is refused on all of
// them.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "steepest/optimizers/optimizers.h"
#include "tests/distributed/shared_run.h"

namespace steepest::test {
namespace {

const Placement kCopy{}, kRows{0};

// One step of equal matrices, sharded by rows, and what it has taken.
struct Traffic {
  int64_t bytes = 0, exchanges = 0, sums = 0;
};

Traffic traffic_of(const Recipe& recipe, int64_t count, int64_t rows, int64_t cols,
                   const std::vector<int64_t>& mesh, const std::vector<Placement>& placements) {
  std::vector<Traffic> each(static_cast<size_t>(c10::multiply_integers(mesh)));
  on_threads(static_cast<int64_t>(each.size()), [&](ThreadGroup& group) {
    Layout layout{mesh, std::vector(count, placements)};
    std::vector<PlannedParam> planned;
    for (int64_t i = 0; i < count; ++i)
      planned.push_back({"w" + std::to_string(i), {rows, cols}, 0, {}});
    const auto plan = share_plan(make_plan(recipe, planned, {{Role::matrix, recipe.matrix}}),
                                 {"", group.rank(), layout});
    std::vector<ParamState> states(count);
    std::vector<Param> params;
    for (int64_t i = 0; i < count; ++i) {
      const auto shape = plan.params[i].shape;
      params.push_back({at::ones(shape), at::ones(shape), &states[i]});
    }
    GlobalState global;
    engine::step(plan, params, global, {{0.1, 0}}, at::scalar_tensor(1.0), false, &group);
    each[group.rank()] = {group.sent_bytes, group.exchanges, group.sums};
  });
  Traffic all{0, each[0].exchanges, each[0].sums};
  for (const auto& own : each) {
    all.bytes += own.bytes;
    EXPECT_EQ(own.exchanges, all.exchanges);
    EXPECT_EQ(own.sums, all.sums);
  }
  return all;
}

// The least that one owner a matrix takes: it gets the (P - 1) / P of u that it has not, and gives
// as much of s back. See docs/distributed.md.
TEST(Traffic, OfShardsIsTheLeastWithOneOwner) {
  for (const int64_t processes : {2, 3, 4}) {
    const int64_t count = 7, rows = 24, cols = 40;
    const auto found = traffic_of(recipe("muon"), count, rows, cols, {processes}, {kRows});
    const double least = 2.0 * static_cast<double>((processes - 1) * count * rows * cols * 4) /
                         static_cast<double>(processes);
    EXPECT_GE(static_cast<double>(found.bytes), least);
    EXPECT_LE(static_cast<double>(found.bytes), 1.05 * least) << processes << " processes";
    EXPECT_EQ(found.exchanges, 2);
    EXPECT_EQ(found.sums, 1);
  }
}

// Replicas have u already: the owner sends s to each.
TEST(Traffic, OfReplicasIsTheDirections) {
  const auto found = traffic_of(recipe("muon"), 6, 24, 40, {3}, {kCopy});
  const double least = 2.0 * 6 * 24 * 40 * 4;
  EXPECT_GE(static_cast<double>(found.bytes), least);
  EXPECT_LE(static_cast<double>(found.bytes), 1.05 * least);
}

TEST(Traffic, OfEntriesIsNone) {
  for (const char* row : {"adamw", "signum"})
    EXPECT_EQ(traffic_of(recipe(row), 3, 8, 6, {2}, {kRows}).bytes, 0) << row;
}

TEST(Traffic, OfMomoIsOneSumMore) {
  const auto found = traffic_of(recipe("muonmax-momo"), 3, 8, 6, {2}, {kRows});
  EXPECT_EQ(found.exchanges, 2);
  EXPECT_EQ(found.sums, 2);
}

// Runs the path on processes that hold rows, and calls look(run, this process' rank) at the end.
void on_rows(const Recipe& recipe, const Path& path, int64_t processes,
             const std::function<void(SharedRun&, int64_t)>& look) {
  on_threads(processes, [&](ThreadGroup& group) {
    SharedRun run(recipe, same_everywhere("", {processes}, {kRows}).layout, group);
    for (const auto& at : path.steps) run.step(at);
    look(run, group.rank());
  });
}

TEST(SharedStep, FindsTheSameDualsFactorsAndCoefficients) {
  for (const char* duals : {"fresh", "stale"})
    for (const char* name : {"muonmax-momo", "polargrad-momo", "scion-momo"}) {
      const auto recipe = steepest::recipe(name, exactly({.duals = duals}));
      const auto path = alone(recipe);
      on_threads(3, [&](ThreadGroup& group) {
        SharedRun run(recipe, same_everywhere("", {3}, {kRows}).layout, group);
        for (int t = 0; t < kSteps; ++t) {
          const auto stats = run.step(path.steps[t]);
          const auto near = [&](const at::Tensor& a, const at::Tensor& b) {
            EXPECT_TRUE(at::allclose(a, b, 1e-10, 1e-12)) << name << " " << duals << " step " << t;
          };
          near(stats.dual, path.stats[t].dual);
          near(stats.q, path.stats[t].q);
          near(stats.coefficients, path.stats[t].coefficients);
        }
      });
    }
}

TEST(SharedStep, RefusesAGradientOnSomeProcessesOnAll) {
  const auto recipe = steepest::recipe("muon", exactly());
  const auto path = alone(recipe);
  std::vector<std::string> said(3);
  std::vector<bool> same(3);
  on_threads(3, [&](ThreadGroup& group) {
    SharedRun run(recipe, same_everywhere("", {3}, {kRows}).layout, group);
    const auto before = copies(run.values);
    auto at = path.steps[1];
    if (group.rank() == 1) at.grads[2] = at::Tensor();
    try {
      run.step(at);
    } catch (const c10::ValueError& error) {
      said[group.rank()] = error.what_without_backtrace();
    }
    same[group.rank()] = largest_difference({run.values[0]}, {before[0]}) == 0;
  });
  for (size_t r = 0; r < 3; ++r) {
    EXPECT_EQ(said[r],
              "\"fused\": received a gradient on 2 of 3 processes, allowed all or none of them");
    EXPECT_TRUE(same[r]);
  }
}

TEST(SharedStep, LeavesOutAStepThatIsNotFiniteOnOneProcess) {
  const auto recipe = steepest::recipe("muon", exactly({.nonfinite = "skip"}));
  const auto path = alone(recipe);
  on_threads(2, [&](ThreadGroup& group) {
    SharedRun run(recipe, same_everywhere("", {2}, {kRows}).layout, group);
    run.step(path.steps[0]);
    const auto before = copies(run.values);
    auto at = path.steps[1];
    at.grads[0] = at.grads[0].clone();
    at.grads[0][0].fill_(std::numeric_limits<double>::quiet_NaN());  // rows of process 0
    EXPECT_TRUE(run.step(at).skipped) << group.rank();
    EXPECT_EQ(largest_difference({run.values[0]}, {before[0]}), 0);
    EXPECT_FALSE(run.step(path.steps[1]).skipped);
    EXPECT_NE(largest_difference({run.values[0]}, {before[0]}), 0);
  });
}

// What is not sharded of the state is the same on every process: any of them may save it.
TEST(SharedStep, KeepsFlatStateEqualOnAllProcesses) {
  for (const char* name : {"normuon", "soap", "shampoo", "kl-shampoo"}) {
    const auto recipe = steepest::recipe(name, exactly());
    const auto path = alone(recipe);
    std::vector<std::vector<at::Tensor>> found(3);
    on_rows(recipe, path, 3, [&](SharedRun& run, int64_t rank) {
      for (size_t i = 0; i < run.states.size(); ++i)
        for (const auto& entry : run.plan.layouts[i].state)
          if (!entry.like_param()) found[rank].push_back(entry.of(run.states[i]).clone());
    });
    ASSERT_FALSE(found[0].empty()) << name;
    for (const size_t r : {1, 2}) EXPECT_EQ(largest_difference(found[0], found[r]), 0) << name;
  }
}

}  // namespace
}  // namespace steepest::test
