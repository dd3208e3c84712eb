// SPDX-License-Identifier: Apache-2.0
// Eight times as many parameters take some eight times as long, wherever an optimizer walks over
// them; the square would be 64.
#include <gtest/gtest.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "steepest/engine/entries.h"
#include "steepest/engine/param_registry.h"
#include "steepest/serialize/plan_json.h"
#include "steepest/serialize/snapshot.h"
#include "tests/support/face.h"

namespace steepest::test {
namespace {

constexpr int kFew = 2'000, kMany = 16'000;

// Of the processor: other programs on the machine do not count.
double seconds_of(const auto& body) {
  const auto start = std::clock();
  body();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

engine::NamedParams scalars(int count) {
  engine::NamedParams params;
  for (int i = 0; i < count; ++i) {
    params.emplace_back("layers." + std::to_string(i) + ".bias", at::zeros({1}));
    params.back().second.mutable_grad() = at::ones({1});
  }
  return params;
}

struct Times {
  double make = 0, step = 0, save = 0, load = 0;
};

Times times_of(int count, bool own_groups) {
  const auto params = scalars(count);
  Groups groups;
  for (const auto& param : params) {
    if (groups.empty() || own_groups) groups.emplace_back();
    groups.back().params.push_back(param);
  }
  Times times;
  std::unique_ptr<Optimizer> optimizer;
  times.make =
      seconds_of([&] { optimizer = std::make_unique<Optimizer>(groups, recipe("signsgd")); });
  optimizer->step();
  times.step = seconds_of([&] { optimizer->step(); });
  Snapshot shot;
  times.save = seconds_of([&] { shot = Snapshot::of(*optimizer); });
  times.load = seconds_of([&] { shot.restore(*optimizer, "here"); });
  return times;
}

class Growth : public testing::TestWithParam<bool> {};

TEST_P(Growth, of_a_face_is_linear) {
  const auto few = times_of(kFew, GetParam()), many = times_of(kMany, GetParam());
  const auto linear = [](double a, double b) { return b < 16 * a + 0.1; };
  EXPECT_PRED2(linear, few.make, many.make);
  EXPECT_PRED2(linear, few.step, many.step);
  EXPECT_PRED2(linear, few.save, many.save);
  EXPECT_PRED2(linear, few.load, many.load);
}

INSTANTIATE_TEST_SUITE_P(one_group_or_one_each, Growth, testing::Bool());

TEST(Growth, of_a_plans_text_is_linear) {
  const auto text_of = [](int count) {
    nlohmann::json params = nlohmann::json::array();
    for (int i = 0; i < count; ++i) {
      params.push_back({{"name", "layers." + std::to_string(i)}, {"shape", {4, 4}}, {"group", 0}});
    }
    const auto nothing = nlohmann::json::object();
    return nlohmann::json{{"recipe", "muon"},
                          {"name", "muon"},
                          {"options", nothing},
                          {"sides", {{"matrix", nothing}, {"backup", nothing}}},
                          {"groups", {{{"role", "matrix"}, {"options", nothing}}}},
                          {"params", params}}
        .dump();
  };
  const auto few = text_of(kFew), many = text_of(kMany);
  const double a = seconds_of([&] { plan_from_json(few); });
  const double b = seconds_of([&] { plan_from_json(many); });
  EXPECT_LT(b, 16 * a + 0.1);
}

// What the plan says of each parameter is what a walk over all blocks finds.
TEST(Layouts, list_every_block_once_in_the_plans_order) {
  Optimizer optimizer(groups_of(tiny_leaves()), recipe("muonmax-momo", {.duals = "stale"}));
  const auto& plan = optimizer.plan();
  std::vector<std::vector<size_t>> blocks(plan.params.size());
  std::vector<int64_t> matrices(plan.params.size());
  for (size_t i = 0; i < plan.blocks.size(); ++i) {
    blocks[plan.blocks[i].param].push_back(i);
    matrices[plan.blocks[i].param] += plan.blocks[i].batch;
  }
  ASSERT_EQ(plan.layouts.size(), plan.params.size());
  for (size_t i = 0; i < plan.params.size(); ++i) {
    EXPECT_EQ(plan.layouts[i].blocks, blocks[i]);
    EXPECT_EQ(plan.layouts[i].matrices, matrices[i]);
    for (const auto& entry : engine::state_entries(plan, i)) {
      const auto dual = std::vector<int64_t>{matrices[i]};
      const bool own = entry.like_param();
      if (own || entry.kind == EntryKind::dual) {
        EXPECT_EQ(entry.shape, own ? plan.params[i].shape : dual);
      }
    }
  }
}

}  // namespace
}  // namespace steepest::test
