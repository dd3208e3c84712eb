// SPDX-License-Identifier: Apache-2.0
// What the processes of a run tell each other, with threads in their place.
#include "trainer/distributed/team.h"

#include <gtest/gtest.h>

#include "steepest/optimizers/optimizers.h"
#include "tests/support/thread_group.h"
#include "trainer/distributed/shares.h"

namespace steepest::trainer {
namespace {

// Calls body(team) on so many threads, each a process of one team.
void on_team(int64_t size, const std::function<void(const Team&)>& body) {
  test::on_threads(size, [&](test::ThreadGroup& group) {
    // The group lives as long as the thread: nobody has to delete it.
    body(Team(std::shared_ptr<ProcessGroup>(&group, [](ProcessGroup*) {})));
  });
}

TEST(Team, HearsTheWordOfTheFirstAndASignalOfAny) {
  on_team(3, [](const Team& team) {
    const auto none = team.hear(team.rank() + 7);
    EXPECT_EQ(none.word, 7);
    EXPECT_EQ(none.signal, 0);
    const auto some = team.hear(1, team.rank() == 0 ? 0 : 14 + static_cast<int>(team.rank()));
    EXPECT_EQ(some.word, 1);
    EXPECT_EQ(some.signal, 15);
  });
}

TEST(Team, AloneHearsItself) {
  const Team alone;
  EXPECT_EQ(alone.size(), 1);
  EXPECT_EQ(alone.hear(5, 2).word, 5);
  EXPECT_EQ(alone.hear(5, 2).signal, 2);
  const auto t = at::ones({3});
  alone.sum({t});
  EXPECT_TRUE(t.equal(at::ones({3})));
}

// The tensors of a process, of several dtypes, shapes and strides, and one beyond a bucket's size.
std::vector<at::Tensor> tensors_of(int64_t rank) {
  const auto number = static_cast<double>(rank + 1);
  return {at::arange(6, at::kFloat).reshape({2, 3}) * number,
          at::arange(6, at::kFloat).reshape({2, 3}).t() * number,
          at::full({}, number, at::kDouble),
          at::full({7 << 20}, number, at::kFloat),
          at::full({4}, number, at::kFloat),
          at::empty({0}, at::kFloat)};
}

TEST(Team, SumsEveryTensorInPlace) {
  on_team(3, [](const Team& team) {
    const auto own = tensors_of(team.rank());
    team.sum(own);
    const auto wanted = tensors_of(5);  // 1 + 2 + 3 times
    for (size_t i = 0; i < own.size(); ++i) EXPECT_TRUE(own[i].equal(wanted[i])) << i;
  });
}

TEST(Team, AddsUpInTheOrderOfTheProcesses) {
  on_team(3, [](const Team& team) {
    const float own[] = {1e8f, -1e8f, 1.f};  // the 1 is lost in any other order but one
    const auto t = at::full({1, 2}, own[team.rank()]);
    team.sum({t});
    EXPECT_TRUE(t.equal(at::ones({1, 2})));
  });
}

TEST(Team, SumsSmallTensorsInOneMessageThereAndOneBack) {
  test::on_threads(2, [](test::ThreadGroup& group) {
    const Team team(std::shared_ptr<ProcessGroup>(&group, [](ProcessGroup*) {}));
    std::vector<at::Tensor> many(50);
    for (auto& t : many) t = at::ones({10});
    team.sum(many);
    EXPECT_EQ(group.exchanges, 2);
    EXPECT_EQ(group.sent_bytes, 2 * 250 * 4);  // half of the numbers there, half back
  });
}

// A plan of square matrices and a vector.
Plan plan_of_matrices(const char* name, int64_t matrices, int64_t side) {
  const Recipe chosen = recipe(name);
  std::vector<PlannedParam> params;
  for (int64_t i = 0; i < matrices; ++i)
    params.push_back({"w" + std::to_string(i), {side, side}, 0, {}});
  params.push_back({"b", {side}, 1, {}});
  return make_plan(chosen, std::move(params),
                   {{Role::matrix, chosen.matrix}, {Role::backup, chosen.backup}});
}

TEST(Shares, EveryMatrixIsOneProcessAndGoesToTheOthers) {
  const auto shares = shares_of(shared_plan(plan_of_matrices("muon", 6, 10), 3));
  ASSERT_EQ(shares.size(), 3u);
  for (const auto& share : shares) {
    EXPECT_EQ(share.matrices, 2);
    EXPECT_DOUBLE_EQ(share.gradients, 2 * 2.0 / 3 * 610 * 4);
    EXPECT_DOUBLE_EQ(share.directions, 2 * 2 * (400 + 16));  // to two others, with two numbers
  }
}

TEST(Shares, WhatIsElementwiseEachProcessDoesItself) {
  for (const auto& share : shares_of(shared_plan(plan_of_matrices("adamw", 6, 10), 3))) {
    EXPECT_EQ(share.matrices, 0);
    EXPECT_EQ(share.directions, 0);
  }
}

TEST(Shares, TextOfManyProcessesNamesTheBusiestAndTheIdlest) {
  const auto text = shares_text(shared_plan(plan_of_matrices("muon", 3, 10), 64));
  EXPECT_NE(text.find("64 processes"), std::string::npos);
  EXPECT_NE(text.find("directions of 1 matrix ("), std::string::npos) << text;
  EXPECT_NE(text.find("directions of 0 matrices"), std::string::npos) << text;
}

}  // namespace
}  // namespace steepest::trainer
