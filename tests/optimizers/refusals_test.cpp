// SPDX-License-Identifier: Apache-2.0
// Bad input is one line that says what, what was received and what is allowed, before anything has
// changed.
#include <gtest/gtest.h>

#include "steepest/base/text.h"
#include "tests/support/face.h"

namespace steepest::test {
namespace {

struct Bad {
  std::string recipe;
  Overrides overrides;
  std::vector<std::string> words;  // that the message must hold
};

void expect_line(const std::string& message, const std::vector<std::string>& words) {
  EXPECT_FALSE(message.empty()) << "accepted: " << join(words);
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  for (const auto& word : words) EXPECT_NE(message.find(word), std::string::npos) << message;
}

TEST(Refusals, of_recipes) {
  const std::vector<Bad> all = {
      {"muonn", {}, {"recipe", "muonn", "allowed", "nearest: muon"}},
      {"muonmax-moma", {}, {"muonmax-moma", "nearest: muonmax-momo"}},
      {"muon(k=2)", {}, {"muon", "k", "allowed none"}},
      {"neon(k=0)", {}, {"k", "received 0"}},
      {"muon", {.lr = NAN}, {"lr", "received nan", "from 0 up"}},
      {"muon", {.lr = INFINITY}, {"lr", "received inf"}},
      {"muon", {.lr = -1}, {"lr", "received -1"}},
      {"muon", {.backup_lr = -1}, {"backup_lr", "received -1"}},
      {"muon", {.momentum = 1}, {"momentum", "received 1", "0 to below 1"}},
      {"muon", {.momentum = -0.1}, {"momentum", "received -0.1"}},
      {"muon", {.backup_momentum = 1}, {"backup_momentum", "received 1"}},
      {"muon", {.beta2 = 1}, {"beta2", "received 1"}},
      {"muon", {.eps = -1}, {"eps", "received -1"}},
      {"muon", {.weight_decay = -1}, {"weight_decay", "received -1"}},
      {"muon", {.dampening = 0.5}, {"dampening", "received 0.5", "allowed 0"}},
      {"muon", {.norm = "spectrall"}, {"norm", "spectrall", "nearest: spectral"}},
      {"muon", {.norm = "ky_fan(p=2)"}, {"ky_fan", "p", "allowed k"}},
      {"muon", {.norm = "ky_fan(k=1.5)"}, {"ky_fan", "k", "1.5", "whole number"}},
      {"muon", {.norm = "schatten(p=0.5)"}, {"schatten", "p", "0.5"}},
      {"muon", {.norm = "0.5*spectral+"}, {"spec", "position"}},
      {"muon", {.norm = "0.5*ada_2+0.5*inf"}, {"mixture", "ada_2"}},
      {"muon", {.backup = "none"}, {"norm", "none"}},
      {"muon", {.outer = "l3"}, {"outer", "l3", "max, l2, hybrid"}},
      {"muon", {.update = "both"}, {"update", "both", "constrained, regularized"}},
      {"muon", {.step_size = "mom"}, {"step_size", "mom", "fixed, momo"}},
      {"muon", {.duals = "old"}, {"duals", "old", "fresh, stale"}},
      {"muon", {.radius = "big"}, {"radius", "big", "original"}},
      {"muon", {.radius = "-1"}, {"radius", "-1"}},
      {"muon", {.start = "last"}, {"start", "last"}},
      {"muon", {.polar = "nns"}, {"polar: received", "nns"}},
      {"muon", {.polar = "jordan", .polar_steps = 0}, {"steps", "0"}},
      {"muon", {.polar_dtype = "int8"}, {"polar_dtype", "int8"}},
      {"neon", {.svd = "magic"}, {"magic"}},
      {"neon", {.svd_tol = -1.0}, {"tol", "-1"}},
      {"muon-jordan", {.start = "corrected"}, {"start", "corrected", "heavy_ball"}},
      {"muon-adam-momo", {.backup_momentum = 0.5}, {"momo", "one momentum map"}},
      {"muon-adam-momo", {.f_star = NAN}, {"f_star", "nan"}},
      {"adam-momo", {.weight_decay = 0.1}, {"momo", "coupled"}},
      {"orthogonal-sgdm", {.step_size = "momo"}, {"momo", "momentum"}},
      {"orthogonal-sgdm", {.update = "regularized"}, {"momentum_place", "regularized"}},
  };
  for (const auto& bad : all) {
    expect_line(refusal([&] { recipe(bad.recipe, bad.overrides); }), bad.words);
  }
}

// A schedule may write a group's weight decay at any step: the rule of the recipe holds then, too.
TEST(Refusals, of_a_coupled_decay_that_comes_later_under_momo) {
  auto w = at::ones({2, 2}).set_requires_grad(true);
  Optimizer optimizer(std::vector<at::Tensor>{w}, recipe("adam-momo"));
  w.mutable_grad() = at::ones({2, 2});
  optimizer.observe(at::ones({}));
  static_cast<GroupOptions&>(optimizer.param_groups()[0].options()).weight_decay = 0.1;
  const auto before = w.detach().clone();
  expect_line(refusal([&] { optimizer.step(); }), {"adam", "momo", "coupled"});
  EXPECT_TRUE(w.equal(before));
}

// Text of any length, of any bytes: one line that shows the beginning of it.
TEST(Refusals, of_endless_and_strange_names_are_short) {
  std::string terms = "0.5*spectral", factors = "2";
  for (int i = 0; i < 10'000; ++i) terms += "+0.5*spectral", factors += "*2";
  const std::string megabyte(1'000'000, 'a'), many_momo = [] {
    std::string name = "muon";
    for (int i = 0; i < 10'000; ++i) name += "-momo";
    return name;
  }();
  const std::string parentheses = "neon(" + std::string(100'000, '(');
  for (const auto& name : {std::string("neon(k=4)-momo-momo"),
                           std::string("muon-momo-momo"),
                           many_momo,
                           megabyte,
                           "neon(" + megabyte + "=1)",
                           parentheses,
                           std::string("neon(k=1000000000000000000)"),
                           std::string("neon(k=1e400)"),
                           std::string("neon(k=nan)"),
                           std::string("neon(k=-1)"),
                           std::string("neon(k=4)(k=5)"),
                           std::string("neon(k=4,k=5)"),
                           std::string("mu on"),
                           std::string("muon\n"),
                           std::string("muon -momo"),
                           std::string("-momo"),
                           std::string(),
                           std::string("m\xc3\xbcon"),
                           std::string("muon\nadam"),
                           std::string("muon\0", 5),
                           std::string("\xff\xfe")}) {
    const auto message = refusal([&] { recipe(name); });
    expect_line(message, {});
    EXPECT_LT(message.size(), 900) << message.substr(0, 200);
  }
  for (const auto& norm :
       {terms, megabyte, std::string("nan*spectral"), std::string("-1*spectral"),
        std::string("0*spectral"), std::string("1e400*spectral"), std::string("1e300*spectral"),
        std::string("inf*spectral"), std::string("0.5*0.5*spectral"),
        std::string("0.5*(spectral+inf)"), std::string("ky_fan(k=1000000000000000000)"),
        std::string("spectral+"), std::string("spectral inf"), std::string("sp\xc3\xa9\x63tral"),
        std::string("spectral\ninf")}) {
    for (const auto& overrides : {Overrides{.norm = norm}, Overrides{.backup = norm}}) {
      const auto message = refusal([&] { recipe("muon", overrides); });
      expect_line(message, {});
      EXPECT_LT(message.size(), 400) << message.substr(0, 200);
    }
  }
  for (const auto& radius :
       {factors, megabyte, std::string("nan"), std::string("1e400"), std::string("1e300*1e300"),
        std::string("1e-300*1e-300"), std::string("0x10"), std::string("*"), std::string("2*"),
        std::string("0,25"), std::string()}) {
    const auto message = refusal([&] { recipe("muon", {.radius = radius}); });
    expect_line(message, {});
    EXPECT_LT(message.size(), 400) << message.substr(0, 200);
  }
  for (const auto& o : {Overrides{.polar = megabyte}, Overrides{.svd = megabyte},
                        Overrides{.outer = megabyte}, Overrides{.polar_dtype = megabyte}}) {
    const auto message = refusal([&] { recipe("muon", o); });
    expect_line(message, {});
    EXPECT_LT(message.size(), 400) << message.substr(0, 200);
  }
}

TEST(Refusals, of_groups) {
  const auto w = at::zeros({4, 6});
  const auto make = [&](Group group) {
    return refusal([&] { Optimizer(Groups{std::move(group)}, recipe("muon-adam")); });
  };
  const auto with = [&](const Overrides& o) { return Group{.params = {{"w", w}}, .options = o}; };
  const auto viewed = [&](const View& view) {
    return Group{.params = {{"w", w}}, .role = Role::matrix, .view = view};
  };
  expect_line(make(with({.outer = "l2"})), {"outer", "whole network"});
  expect_line(make(with({.update = "regularized"})), {"update", "whole network"});
  expect_line(make(with({.step_size = "momo"})), {"step_size", "whole network"});
  expect_line(make(with({.f_star = 1})), {"f_star", "whole network"});
  expect_line(make(with({.f_star_rule = "level"})), {"f_star_rule", "whole network"});
  expect_line(make(with({.backup_lr = 1})), {"backup_lr", "only in the recipe"});
  expect_line(make(with({.backup = "inf"})), {"backup", "only in the recipe"});
  expect_line(make(with({.lr = -1})), {"lr", "received -1"});
  expect_line(make(with({.momentum = 1})), {"momentum", "received 1"});
  expect_line(make(with({.norm = "x"})), {"norm", "\"x\""});
  expect_line(make(viewed({.split_sizes = {1, 2}})), {"w", "split_sizes", "sum of 3", "4"});
  expect_line(make(viewed({.num_heads = 3})), {"w", "num_heads", "received 3", "divisor of 4"});
  expect_line(make(viewed({.split_sizes = {4}, .num_heads = 1})),
              {"w", "split_sizes and num_heads"});
  expect_line(make(viewed({.num_heads = 2, .split_dim = 2})), {"w", "split_dim", "received 2"});
  expect_line(make({.params = {{"v", at::zeros({3})}}, .role = Role::matrix}),
              {"v", "role matrix"});
  expect_line(make({.params = {{"w", w}, {"again", w}}}), {"again", "twice"});
  expect_line(make({.params = {{"i", at::zeros({2, 2}, at::kLong)}}}), {"i", "Long"});
  expect_line(make({.params = {{"c", at::zeros({2, 2}, at::kComplexFloat)}}}), {"c", "Complex"});
  expect_line(make({.params = {{"u", at::Tensor()}}}), {"u", "undefined"});
  const auto leaf = at::zeros({2, 2}).set_requires_grad(true);
  expect_line(make({.params = {{"n", leaf * 2}}}), {"n", "non-leaf"});
}

TEST(Refusals, of_a_group_leave_the_optimizer_as_it_was) {
  Optimizer optimizer(groups_of(tiny_leaves()), recipe("muon-adam", exactly()));
  Optimizer twin(groups_of(tiny_leaves()), recipe("muon-adam", exactly()));
  train(optimizer, 0, 2), train(twin, 0, 2);
  const Group bad{.params = {{"w", at::zeros({2, 2})}}, .options = {.norm = "x"}};
  EXPECT_NE(refusal([&] { optimizer.add_param_group(bad); }), "");
  EXPECT_EQ(optimizer.param_groups().size(), twin.param_groups().size());
  train(optimizer, 2, 4), train(twin, 2, 4);
  EXPECT_TRUE(bit_equal(params_of(optimizer), params_of(twin)));
}

TEST(Refusals, of_steps_change_nothing) {
  const auto w = at::ones({3, 2}), v = at::ones({2});
  Optimizer optimizer(Groups{{.params = {{"w", w}, {"v", v}}}}, recipe("muon-adam", exactly()));
  const auto attempt = [&](const at::Tensor& grad, double lr) {
    w.mutable_grad() = grad, v.mutable_grad() = at::ones({2});
    optimizer.param_groups()[0].options().set_lr(lr);
    const auto message = refusal([&] { optimizer.step(); });
    EXPECT_TRUE((w == 1).all().item<bool>() && (v == 1).all().item<bool>());
    for (const auto& [key, state] : optimizer.state()) {
      EXPECT_EQ(static_cast<const BlockState&>(*state).value.step, 0);
    }
    return message;
  };
  expect_line(attempt(at::ones({3, 2}), NAN), {"lr", "nan"});
  expect_line(attempt(at::ones({3, 2}), -1), {"lr", "-1"});
  expect_line(attempt(at::ones({3, 2}).to_sparse(), 0.1), {"w", "gradient", "dense"});
}

TEST(Refusals, of_losses) {
  Optimizer optimizer(groups_of(tiny_leaves()), recipe("muonmax-momo", exactly()));
  expect_line(refusal([&] { optimizer.observe(at::zeros({2})); }), {"loss", "[2]", "one number"});
  expect_line(refusal([&] { optimizer.observe({}); }), {"loss"});
  for (const double weight : {0.0, -1.0, double(NAN), double(INFINITY)}) {
    expect_line(refusal([&] { optimizer.observe(at::scalar_tensor(1.0), weight); }),
                {"weight", "above 0"});
  }
}

}  // namespace
}  // namespace steepest::test
