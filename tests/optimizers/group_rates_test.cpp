// SPDX-License-Identifier: Apache-2.0
// lr in a group's options is the rate of its parameters: of all in a group of one role, of the
// matrices in one of both, whose other rate follows by a ratio.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "steepest/serialize/snapshot.h"
#include "tests/support/face.h"

namespace steepest::test {
namespace {

GroupOptions& options(Optimizer& optimizer, size_t group) {
  return static_cast<GroupOptions&>(optimizer.param_groups()[group].options());
}

at::Tensor matrix() { return at::ones({3, 4}).set_requires_grad(true); }
at::Tensor vector() { return at::ones({4}).set_requires_grad(true); }

// A group of matrices and one of vectors, which say their roles or leave them to the shapes.
Groups apart(bool with_roles) {
  Groups groups{{.params = {{"w", matrix()}}}, {.params = {{"b", vector()}}}};
  if (with_roles) groups[0].role = Role::matrix, groups[1].role = Role::backup;
  return groups;
}

TEST(GroupRates, a_group_of_one_role_has_that_roles_lr) {
  for (const bool with_roles : {true, false}) {
    Optimizer optimizer(apart(with_roles), recipe("muon", {.lr = 0.02, .backup_lr = 0.001}));
    EXPECT_EQ(options(optimizer, 0).lr, 0.02);
    EXPECT_EQ(options(optimizer, 1).lr, 0.001);
    EXPECT_EQ(options(optimizer, 1).weight_decay, recipe("muon").backup.weight_decay);
    EXPECT_EQ(options(optimizer, 1).backup_lr_ratio, 1);
  }
}

TEST(GroupRates, a_group_of_both_roles_has_the_matrices_lr_and_a_ratio) {
  Optimizer optimizer({matrix(), vector()}, recipe("muon", {.lr = 0.02, .backup_lr = 0.001}));
  EXPECT_EQ(options(optimizer, 0).lr, 0.02);
  EXPECT_DOUBLE_EQ(options(optimizer, 0).backup_lr_ratio, 0.05);
}

TEST(GroupRates, a_group_of_both_roles_that_says_lr_says_the_matrices) {
  const Groups both{{.params = {{"w", matrix()}, {"b", vector()}}, .options = {.lr = 0.02}}};
  Optimizer muon(both, recipe("muon", {.lr = 1e-28, .backup_lr = 0.001}));
  EXPECT_DOUBLE_EQ(options(muon, 0).lr * options(muon, 0).backup_lr_ratio, 0.001);
  Optimizer adamw(both, recipe("adamw", {.lr = 1e-28}));
  EXPECT_EQ(options(adamw, 0).backup_lr_ratio, 1);
  torch::optim::Optimizer& base = muon;
  base.add_param_group(torch::optim::OptimizerParamGroup({matrix(), vector()}));
  options(muon, 1).lr = 0.5;
  (void)muon.plan();
  EXPECT_DOUBLE_EQ(options(muon, 1).lr * options(muon, 1).backup_lr_ratio, 0.001);
}

TEST(GroupRates, a_group_of_torchs_base_class_gets_its_roles_lr) {
  Optimizer optimizer({matrix()}, recipe("muon", {.lr = 0.02, .backup_lr = 0.001}));
  torch::optim::Optimizer& base = optimizer;
  base.add_param_group(torch::optim::OptimizerParamGroup({vector()}));
  base.add_param_group(torch::optim::OptimizerParamGroup({vector()}));
  options(optimizer, 2).lr = 0.5;
  (void)optimizer.plan();
  EXPECT_EQ(options(optimizer, 1).lr, 0.001);
  EXPECT_EQ(options(optimizer, 2).lr, 0.5);
}

TEST(GroupRates, lr_alone_is_of_both_roles_only_in_rows_that_give_them_one) {
  EXPECT_EQ(recipe("muon", {.lr = 0.5}).backup.lr, recipe("muon").backup.lr);
  EXPECT_EQ(recipe("scion", {.lr = 0.5}).backup.lr, recipe("scion").backup.lr);
  for (const char* name : {"sgd", "adamw", "adam", "signsgd", "adamw-momo"})
    EXPECT_EQ(recipe(name, {.lr = 0.5}).backup.lr, 0.5) << name;
  EXPECT_EQ(recipe("adamw", {.lr = 0.5, .backup_lr = 0.25}).backup.lr, 0.25);
}

TEST(GroupRates, lr_0_loses_nothing) {
  const auto row = recipe("muon", {.lr = 0, .backup_lr = 0.001});
  Optimizer optimizer(apart(true), row);
  EXPECT_EQ(options(optimizer, 1).lr, 0.001);
  EXPECT_NE(refusal([&] {
              Optimizer({matrix(), vector()}, row);
            }).find("lr: received 0 with backup_lr 0.001 in a group of matrices and others"),
            std::string::npos);
}

// Of a snapshot's groups as they were when lr was a base: {"lr", "lr_ratio", "backup_ratio"}.
std::string as_saved_before(const std::string& text, bool with_roles) {
  auto groups = nlohmann::json::parse(text);
  for (auto& group : groups) {
    const bool of_vectors = group["lr"] == 0.001;
    group.erase("backup_lr_ratio");
    group["lr"] = 0.02;
    group["lr_ratio"] = of_vectors && with_roles ? 0.05 : 1.0;
    group["backup_ratio"] = with_roles ? 1.0 : 0.05;
  }
  return groups.dump();
}

TEST(GroupRates, older_files_mean_what_they_meant) {
  const auto row = recipe("muon", {.lr = 0.02, .backup_lr = 0.001});
  const auto both = [] { return Groups{{.params = {{"w", matrix()}, {"b", vector()}}}}; };
  for (const auto& [groups, with_roles] :
       {std::pair{apart(true), true}, std::pair{apart(false), false}, std::pair{both(), false}}) {
    Optimizer source(groups, row), target(groups, recipe("muon", {.lr = 1, .backup_lr = 1}));
    auto shot = Snapshot::of(source);
    shot.metadata["groups"] = as_saved_before(shot.metadata["groups"], with_roles);
    shot.restore(target, "here");
    for (size_t g = 0; g < groups.size(); ++g) {
      EXPECT_DOUBLE_EQ(options(target, g).lr, options(source, g).lr);
      EXPECT_DOUBLE_EQ(options(target, g).backup_lr_ratio, options(source, g).backup_lr_ratio);
    }
  }
}

}  // namespace
}  // namespace steepest::test
