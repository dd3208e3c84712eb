// SPDX-License-Identifier: Apache-2.0
// The C++ optimizer as a torch::optim::Optimizer: groups with their own options, torch's
// schedulers, closures, losses, and what a step must leave alone.
#include <gtest/gtest.h>
#include <torch/optim/schedulers/reduce_on_plateau_scheduler.h>
#include <torch/optim/schedulers/step_lr.h>

#include "tests/support/face.h"

namespace steepest::test {
namespace {

GroupOptions& options(Optimizer& optimizer, size_t group) {
  return static_cast<GroupOptions&>(optimizer.param_groups()[group].options());
}

Group group_of(const std::string& name, const at::Tensor& value, Overrides overrides = {}) {
  return {.params = {{name, value}}, .options = overrides};
}

// By how much one step with a gradient of ones moves a parameter of a signsgd optimizer: its rate.
double moved(Optimizer& optimizer, const at::Tensor& param) {
  const auto before = param.clone();
  param.mutable_grad() = at::ones_like(param);
  optimizer.step();
  return (before - param).flatten()[0].item<double>();
}

TEST(Face, a_group_keeps_its_own_options) {
  const auto a = at::randn({3, 4}, at::kDouble), b = a.clone(), c = a.clone();
  Optimizer optimizer(Groups{group_of("a", a)}, recipe("muon-adam", exactly({.lr = 0.1})));
  optimizer.add_param_group(group_of("b", b, {.lr = 0.5, .norm = "inf"}));
  optimizer.add_param_group(group_of("c", c, {.momentum = 0.1, .weight_decay = 0.25}));
  EXPECT_EQ(options(optimizer, 1).lr, 0.5);
  EXPECT_EQ(options(optimizer, 2).weight_decay, 0.25);
  EXPECT_EQ(optimizer.plan().rules[1].norm->name(), "inf");
  EXPECT_EQ(optimizer.plan().groups[2].choices.momentum, 0.1);
  EXPECT_EQ(optimizer.plan().groups[0].choices.momentum, 0.95);
  for (const auto& p : {a, b, c}) p.mutable_grad() = at::ones_like(p);
  const auto start = a.clone(), polar = at::ones_like(a) / std::sqrt(12.0);
  optimizer.step();
  EXPECT_LT(largest_difference({a, b, c}, {start - 0.1 * polar, start - 0.5,
                                           start * (1 - 0.1 * 0.25) - 0.1 * polar}),
            1e-12);
}

TEST(Face, a_group_given_to_torchs_base_class_has_the_recipes_choices) {
  const auto a = at::randn({3, 4}), b = a.clone(), bias = at::zeros({4});
  Optimizer optimizer(Groups{group_of("a", a)},
                      recipe("scion", exactly({.lr = 0.1, .backup_lr = 0.02})));
  torch::optim::Optimizer& base = optimizer;
  base.add_param_group(torch::optim::OptimizerParamGroup({b, bias}));
  for (const auto& p : {a, b, bias}) p.mutable_grad() = at::ones_like(p);
  optimizer.step();
  EXPECT_TRUE(at::equal(a, b));
  EXPECT_TRUE(at::allclose(bias, at::full({4}, -0.02)));
  EXPECT_EQ(optimizer.plan().params[1].name, "1.0");
}

TEST(Face, step_lr_drives_both_rates_and_keeps_their_ratio) {
  const auto w = at::zeros({2, 3}, at::kDouble), b = at::zeros({3}, at::kDouble);
  Optimizer optimizer({w, b}, recipe("signsgd", {.lr = 0.4, .backup_lr = 0.1}));
  Groups split{{.params = {{"w", w}}, .role = Role::matrix},
               {.params = {{"b", b}}, .role = Role::backup}};
  Optimizer apart(split, recipe("signsgd", {.lr = 0.4, .backup_lr = 0.1}));
  for (auto* each : {&optimizer, &apart}) {
    torch::optim::StepLR schedule(*each, 1, 0.5);
    for (const double factor : {1.0, 1.0, 0.5}) {  // torch's first step() changes nothing
      w.mutable_grad() = at::Tensor();
      EXPECT_NEAR(moved(*each, b), 0.1 * factor, 1e-12);
      b.mutable_grad() = at::Tensor();
      EXPECT_NEAR(moved(*each, w), 0.4 * factor, 1e-12);
      schedule.step();
    }
  }
}

TEST(Face, reduce_on_plateau_drives_the_rate) {
  const auto w = at::zeros({2, 3}, at::kDouble), b = at::zeros({3}, at::kDouble);
  Optimizer optimizer({w, b}, recipe("signsgd", {.lr = 0.4, .backup_lr = 0.1}));
  torch::optim::ReduceLROnPlateauScheduler schedule(
      optimizer, torch::optim::ReduceLROnPlateauScheduler::min, 0.5F, /*patience=*/0);
  schedule.step(1.0F);
  schedule.step(2.0F);  // worse: halved
  EXPECT_NEAR(moved(optimizer, w), 0.2, 1e-6);
  w.mutable_grad() = at::Tensor();
  EXPECT_NEAR(moved(optimizer, b), 0.05, 1e-6);
}

TEST(Face, a_closure_is_run_with_gradients_and_its_loss_returned) {
  const auto w = at::ones({2, 2}, at::kDouble).set_requires_grad(true);
  Optimizer optimizer({w}, recipe("sgd-momo", {.lr = 100, .f_star = 1}));
  at::NoGradGuard no_grad;
  const auto loss = optimizer.step([&] {
    optimizer.zero_grad();
    const auto value = w.square().sum() / 2;
    value.backward();
    return value;
  });
  EXPECT_EQ(loss.item<double>(), 2);
  // f + <g, step> = f*:  2 - 4 x = 1.
  EXPECT_TRUE(at::allclose(w, at::full({2, 2}, 0.75, at::kDouble)));
}

TEST(Face, observe_takes_the_weighted_mean_of_its_losses_and_step_consumes_it) {
  const auto q_after = [](const std::function<void(Optimizer&)>& observe) {
    const auto w = at::ones({2, 2}, at::kDouble);
    Optimizer optimizer({w}, recipe("sgd-momo", {.lr = 100}));
    w.mutable_grad() = w.clone();
    observe(optimizer);
    optimizer.step();
    return optimizer.stats().q.item<double>();
  };
  const auto number = [](double x) { return at::scalar_tensor(x, at::kDouble); };
  const double mean = q_after([&](Optimizer& o) { o.observe(number(1.75)); });
  const double parts = q_after([&](Optimizer& o) {
    o.observe(number(2), 3);
    o.observe(number(1));
  });
  EXPECT_EQ(mean, parts);
  EXPECT_NE(mean, q_after([&](Optimizer& o) { o.observe(number(1)); }));

  Optimizer optimizer(groups_of(tiny_leaves()), recipe("muonmax-momo", exactly()));
  train_step(optimizer, 1);
  EXPECT_NE(refusal([&] { optimizer.step(); }), "");  // the loss is used up
}

TEST(Face, a_missing_or_double_loss_is_refused_before_anything_changes) {
  Optimizer optimizer(groups_of(tiny_leaves()), recipe("muonmax-momo", exactly()));
  train(optimizer, 0, 3);
  const auto weights = copies(params_of(optimizer));
  EXPECT_NE(refusal([&] { optimizer.step(); }).find("received no loss"), std::string::npos);
  optimizer.observe(at::scalar_tensor(1.0));
  bool called = false;
  const auto both = refusal([&] {
    optimizer.step([&] {
      called = true;
      return at::scalar_tensor(1.0);
    });
  });
  EXPECT_NE(both.find("allowed one source"), std::string::npos);
  EXPECT_FALSE(called);
  EXPECT_TRUE(bit_equal(weights, params_of(optimizer)));
}

TEST(Face, a_nonfinite_step_is_skipped_whole_when_asked) {
  for (const double bad : {NAN, INFINITY, -INFINITY}) {
    Optimizer optimizer(groups_of(tiny_leaves()),
                        recipe("muonmax-momo", exactly({.nonfinite = "skip"})));
    Optimizer twin(groups_of(tiny_leaves()), recipe("muonmax-momo", exactly()));
    train(optimizer, 0, 3), train(twin, 0, 3);
    const auto params = params_of(optimizer);
    auto [loss, grads] = evaluate(params, 3);
    grads[5].flatten()[1] = bad;
    set_grads(params, grads);
    optimizer.observe(at::scalar_tensor(loss, at::kDouble));
    optimizer.step();
    EXPECT_TRUE(optimizer.stats().skipped);
    EXPECT_EQ(optimizer.stats().nonfinite, std::vector<std::string>{"bias"});
    EXPECT_EQ(optimizer.skipped_steps(), 1);
    train(optimizer, 3, 6), train(twin, 3, 6);  // as if it had not been
    EXPECT_TRUE(bit_equal(params, params_of(twin)));
    EXPECT_FALSE(optimizer.stats().skipped);
  }
}

TEST(Face, a_nonfinite_loss_is_named_and_nothing_is_hidden_by_default) {
  Optimizer optimizer(groups_of(tiny_leaves()),
                      recipe("muonmax-momo", exactly({.nonfinite = "skip"})));
  const auto [loss, grads] = evaluate(params_of(optimizer), 1);
  set_grads(params_of(optimizer), grads);
  optimizer.step([] { return at::scalar_tensor(NAN); });
  EXPECT_EQ(optimizer.stats().nonfinite, std::vector<std::string>{"loss"});

  const auto w = at::ones({3});
  Optimizer plain({w}, recipe("sgd", {.lr = 1, .backup_lr = 1}));
  w.mutable_grad() = at::full({3}, NAN);
  plain.step();
  EXPECT_TRUE(w.isnan().all().item<bool>());
}

TEST(Face, gradients_are_not_written_and_the_global_generator_is_not_used) {
  for (const char* name : {"muon", "adam", "sgd", "muonmax-momo", "neon", "orthogonal-sgdm"}) {
    Optimizer optimizer(groups_of(tiny_leaves(), at::kFloat), recipe(name));
    const auto params = params_of(optimizer);
    const auto [loss, grads] = evaluate(params, 1);
    const auto kept = copies(grads);
    set_grads(params, grads);
    optimizer.observe(at::scalar_tensor(loss));
    at::manual_seed(4);
    const auto next = at::rand({4});
    at::manual_seed(4);
    optimizer.step();
    EXPECT_TRUE(at::equal(at::rand({4}), next)) << name;
    for (size_t i = 0; i < params.size(); ++i) {
      EXPECT_TRUE(params[i].grad().is_same(grads[i]));
      EXPECT_TRUE(at::equal(grads[i], kept[i])) << name;
    }
  }
}

TEST(Face, without_gradient_no_state_and_with_zero_gradient_no_movement) {
  for (const auto& name : {"muon", "adamw", "muonmax-momo", "neon", "f-star", "scion-lions"}) {
    Optimizer optimizer(groups_of(tiny_leaves()),
                        recipe(name, exactly({.weight_decay = 0, .backup_weight_decay = 0})));
    const auto params = params_of(optimizer);
    const auto before = copies(params);
    for (size_t i = 1; i < params.size(); ++i) params[i].mutable_grad() = at::zeros_like(params[i]);
    optimizer.observe(at::scalar_tensor(1.0));
    optimizer.step();
    EXPECT_TRUE(bit_equal(before, params)) << name;
    const auto& states = optimizer.state();
    const auto found = states.find(params[0].unsafeGetTensorImpl());
    if (found == states.end()) continue;
    const auto& state = static_cast<const BlockState&>(*found->second).value;
    EXPECT_EQ(state.step, 0);
    EXPECT_FALSE(state.momentum_buffer.defined());
    EXPECT_TRUE(state.slots.empty());
  }
}

TEST(Face, two_equal_runs_have_equal_bits) {
  for (const char* name : {"muon", "muonmax-momo", "neon", "f-star"}) {
    Optimizer a(groups_of(tiny_leaves(), at::kFloat), recipe(name));
    Optimizer b(groups_of(tiny_leaves(), at::kFloat), recipe(name));
    train(a, 0, 8), train(b, 0, 8);
    EXPECT_TRUE(bit_equal(params_of(a), params_of(b))) << name;
  }
}

TEST(Face, half_precision_parameters_stay_so_and_follow_float32) {
  for (const auto dtype : {at::kBFloat16, at::kHalf}) {
    for (const char* name : {"muon-adam", "muonmax-momo", "adamw", "sgd"}) {
      const auto r = recipe(name, {.lr = 0.02, .polar = "svd"});
      Optimizer half(groups_of(tiny_leaves(), dtype), r);
      Optimizer wide(groups_of(tiny_leaves(), at::kFloat), r);
      for (int t = 0; t < 3; ++t) {
        train_step(half, t, false), train_step(wide, t, false);
      }
      const auto params = params_of(half);
      for (const auto& p : params) EXPECT_EQ(p.scalar_type(), dtype);
      EXPECT_LT(largest_difference(params, params_of(wide)), 0.03) << name;
    }
  }
}

}  // namespace
}  // namespace steepest::test
