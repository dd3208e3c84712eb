// SPDX-License-Identifier: Apache-2.0
// Which parameter of a module is a matrix and which is not, with the reason, and what the user may
// say against it.
#include <gtest/gtest.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>

#include <sstream>

#include "tests/support/face.h"

namespace steepest::test {
namespace {

using torch::nn::Conv2d, torch::nn::Conv2dOptions, torch::nn::Linear, torch::nn::Embedding;

struct Tied : torch::nn::Module {
  explicit Tied(const at::Tensor& weight) { register_parameter("weight", weight); }
};

// "first" owns the embedding's weight too, and is met before it.
struct Net : torch::nn::Module {
  Net() {
    const Embedding table(11, 6);
    register_module("first", std::make_shared<Tied>(table->weight));
    register_module("table", table);
    register_module("words", Embedding(7, 6));
    register_module("stem", Conv2d(Conv2dOptions(3, 8, 3).bias(false)));
    register_module("conv", Conv2d(Conv2dOptions(8, 4, 3).bias(false)));
    register_module("deep", Conv2d(Conv2dOptions(4, 4, 3).groups(4).bias(false)));
    register_module("mix", Linear(6, 6));
    register_module("qkv", Linear(torch::nn::LinearOptions(6, 18).bias(false)));
    register_module("gate", Linear(torch::nn::LinearOptions(6, 1).bias(false)));
    register_module("lm_head", Linear(torch::nn::LinearOptions(6, 5).bias(false)));
    auto frozen = register_module("frozen", Linear(6, 2));
    for (auto& p : frozen->parameters()) p.set_requires_grad(false);
  }
};

struct Routed {
  Role role;
  std::string reason;
  View view;
};

std::map<std::string, Routed> by_name(const Groups& groups) {
  std::map<std::string, Routed> all;
  for (const auto& g : groups) {
    for (size_t i = 0; i < g.params.size(); ++i) {
      all[g.params[i].first] = {*g.role, g.reasons[i], g.view};
    }
  }
  return all;
}

TEST(Route, judges_every_parameter_and_says_why) {
  const auto all = by_name(route(Net()));
  const std::map<std::string, std::pair<Role, std::string>> expected = {
      {"first.weight", {Role::backup, "embedding, tied"}},
      {"words.weight", {Role::backup, "embedding"}},
      {"stem.weight", {Role::backup, "first convolution"}},
      {"conv.weight", {Role::matrix, "convolution, flattened"}},
      {"deep.weight", {Role::backup, "depthwise convolution"}},
      {"mix.weight", {Role::matrix, "matrix"}},
      {"mix.bias", {Role::backup, "bias"}},
      {"qkv.weight", {Role::matrix, "fused q, k, v"}},
      {"gate.weight", {Role::backup, "1 x n"}},
      {"lm_head.weight", {Role::backup, "output head by name"}},
  };
  for (const auto& [name, verdict] : expected) {
    ASSERT_EQ(all.count(name), 1u) << name;
    EXPECT_EQ(all.at(name).role, verdict.first) << name;
    EXPECT_EQ(all.at(name).reason, verdict.second) << name;
  }
  EXPECT_EQ(all.at("qkv.weight").view.split_sizes, (std::vector<int64_t>{6, 6, 6}));
  EXPECT_EQ(all.size(), expected.size());  // no frozen parameter, no tied one twice
}

TEST(Route, what_the_user_asks_for_comes_first) {
  const RouteOptions options{.backup = {"mi?.weight"},
                             .matrix = {"lm_*", "stem.*"},
                             .views = {{"qkv.weight", {.split_sizes = {6, 12}}}}};
  const auto all = by_name(route(Net(), options));
  EXPECT_EQ(all.at("mix.weight").role, Role::backup);
  EXPECT_EQ(all.at("lm_head.weight").role, Role::matrix);
  EXPECT_EQ(all.at("stem.weight").role, Role::matrix);
  EXPECT_EQ(all.at("stem.weight").reason, "asked for");
  EXPECT_EQ(all.at("qkv.weight").view.split_sizes, (std::vector<int64_t>{6, 12}));
  EXPECT_TRUE(all.at("conv.weight").view == View{});
}

TEST(Route, a_glob_that_matches_nothing_is_refused) {
  for (const RouteOptions& options :
       {RouteOptions{.backup = {"nothing*"}}, RouteOptions{.matrix = {"nothing*"}},
        RouteOptions{.views = {{"nothing*", {.num_heads = 2}}}}}) {
    const auto message = refusal([&] { route(Net(), options); });
    EXPECT_NE(message.find("\"nothing*\""), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
}

TEST(Route, globs) {
  EXPECT_TRUE(matches_glob("layers.2.mlp", "layers.*.mlp"));
  EXPECT_TRUE(matches_glob("abcabd", "*ab?"));
  EXPECT_TRUE(matches_glob("", "*"));
  EXPECT_TRUE(matches_glob("x", "x**"));
  EXPECT_FALSE(matches_glob("layers.2.mlps", "layers.*.mlp"));
  EXPECT_FALSE(matches_glob("ab", "ab?"));
  EXPECT_FALSE(matches_glob("xab", "ab"));
}

TEST(Route, prints_a_table_that_covers_every_parameter) {
  const auto groups = route(Net());
  std::ostringstream out;
  out.precision(3);
  const auto flags = out.flags();
  out << groups;
  EXPECT_EQ(out.precision(), 3);  // the caller's numbers are printed as before
  EXPECT_EQ(out.flags(), flags);
  const auto table = out.str();
  for (const auto& [name, routed] : by_name(groups)) {
    const size_t line = table.find("\n" + name);
    ASSERT_NE(line, std::string::npos) << name;
    const auto text = table.substr(line + 1, table.find('\n', line + 1) - line - 1);
    EXPECT_NE(text.find(routed.role == Role::matrix ? "matrix" : "non-matrix"), std::string::npos)
        << text;
    EXPECT_NE(text.find(routed.reason), std::string::npos) << text;
  }
  // conv 4*8*9 + mix 36 + qkv 108 = 432; the rest 66 + 42 + 216 + 36 + 6 + 6 + 30 = 402.
  EXPECT_NE(table.find("matrix: 3 tensors, 432 parameters (51.8 %)\nnon-matrix: 7 tensors, 402"),
            std::string::npos)
      << table;
  EXPECT_EQ(table.find("by shape"), std::string::npos) << table;
}

TEST(Route, makes_groups_that_train) {
  Net net;
  Optimizer optimizer(route(net), recipe("muon"));
  std::vector<at::Tensor> before;
  for (const auto& p : params_of(optimizer)) {
    before.push_back(p.detach().clone());
    p.mutable_grad() = at::ones_like(p);
  }
  optimizer.step();
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_GT(largest_difference({before[i]}, {params_of(optimizer)[i].detach()}), 1e-5) << i;
  }
}

}  // namespace
}  // namespace steepest::test
