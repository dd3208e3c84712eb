// SPDX-License-Identifier: Apache-2.0
// The C++ optimizer and its parameters: which it takes, what happens when they are replaced, grow,
// are unfrozen or never get a gradient, and what is said of it.
#include <c10/util/Logging.h>
#include <gtest/gtest.h>

#include "steepest/engine/param_registry.h"
#include "tests/support/face.h"

namespace steepest::test {
namespace {

// Collects TORCH_WARN's lines.
class Warnings : public c10::WarningHandler {
 public:
  void process(const c10::Warning& warning) override { lines.push_back(warning.msg()); }
  std::vector<std::string> lines;
};

std::vector<std::string> warnings_of(const auto& body) {
  Warnings warnings;
  const c10::WarningUtils::WarningHandlerGuard guard(&warnings);
  body();
  return warnings.lines;
}

Optimizer make(const engine::NamedParams& params, const char* name = "muon-adam") {
  return {Groups{{.params = params}}, recipe(name, exactly())};
}

void step_with_ones(Optimizer& optimizer) {
  for (const auto& p : params_of(optimizer)) p.mutable_grad() = at::ones_like(p);
  optimizer.step();
}

std::string line_of(const engine::NamedParams& params) {
  const auto message = refusal([&] { make(params); });
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  return message;
}

void expect_words(const std::string& message, const std::vector<std::string>& words) {
  for (const auto& word : words) EXPECT_NE(message.find(word), std::string::npos) << message;
}

TEST(Params, that_an_optimizer_does_not_take) {
  const auto w = at::zeros({4, 6});
  for (const auto dtype : {at::kFloat8_e5m2, at::kFloat8_e4m3fn, at::kLong, at::kBool}) {
    expect_words(line_of({{"w", at::zeros({2, 2}).to(dtype)}}),
                 {"w: received", "allowed float64, float32, bfloat16, float16"});
  }
  expect_words(line_of({{"w", at::empty({2, 2}, at::kMeta)}}), {"w: received a meta tensor"});
  expect_words(line_of({{"w", w.to_sparse()}}), {"w: received Sparse", "dense"});
  expect_words(line_of({{"w", at::zeros({1, 6}).expand({4, 6})}}), {"w: received an expanded"});
  expect_words(line_of({{"w", w}, {"w", at::zeros({2})}}), {"w: received two", "prefix"});
}

TEST(Params, that_share_memory_are_refused_and_neighbours_are_not) {
  const auto flat = at::zeros({24}), wide = at::zeros({4, 6});
  const auto part = [&](int64_t from, int64_t to) { return flat.slice(0, from, to); };
  EXPECT_EQ(line_of({{"a", part(0, 8)}, {"b", part(8, 16)}, {"c", part(16, 24)}}), "");
  EXPECT_EQ(line_of({{"b", part(8, 16)}, {"a", part(0, 8)}}), "");
  expect_words(line_of({{"a", part(0, 9)}, {"b", part(8, 16)}}), {"b: received memory of a"});
  expect_words(line_of({{"b", part(8, 16)}, {"a", part(0, 24)}}), {"a: received memory of b"});
  expect_words(line_of({{"a", flat}, {"b", flat.view({4, 6})}}), {"b: received memory of a"});
  const auto column = [&](int64_t from, int64_t to) { return wide.slice(1, from, to); };
  EXPECT_EQ(line_of({{"a", column(0, 2)}, {"b", column(2, 5)}, {"c", column(5, 6)}}), "");
  expect_words(line_of({{"a", column(0, 1)}, {"b", column(1, 3)}, {"c", column(2, 5)}}),
               {"c: received memory of b"});
  expect_words(line_of({{"a", wide.select(0, 3)}, {"b", column(2, 4)}}), {"memory of a"});
  auto optimizer = make({{"a", part(0, 8)}});
  expect_words(refusal([&] {
                 optimizer.add_param_group({.params = {{"b", part(7, 9)}}});
               }),
               {"b: received memory of a"});
  optimizer.add_param_group({.params = {{"b", part(8, 9)}}});
  EXPECT_EQ(optimizer.param_groups().size(), 2);
}

TEST(Params, replaced_by_larger_ones_are_laid_out_again) {
  const auto w = at::zeros({4, 4}), bias = at::zeros({4});
  auto optimizer = make({{"w", w}, {"b", bias}}, "scion");
  step_with_ones(optimizer);
  const auto grown = at::zeros({64, 4});
  optimizer.param_groups()[0].params()[0] = grown;
  step_with_ones(optimizer);
  Optimizer fresh(Groups{{.params = {{"w", at::zeros({64, 4})}, {"b", at::zeros({4})}}}},
                  recipe("scion", exactly()));
  step_with_ones(fresh);
  EXPECT_TRUE(at::equal(grown, params_of(fresh)[0]));
  EXPECT_EQ(optimizer.plan().params[0].shape, (std::vector<int64_t>{64, 4}));
  EXPECT_EQ(optimizer.state().size(), 2);  // nothing of the tensor that is gone
}

TEST(Params, whose_data_has_changed_shape_keep_no_state_that_does_not_fit) {
  auto w = at::zeros({4, 4}), bias = at::zeros({4});
  auto optimizer = make({{"w", w}, {"b", bias}});
  step_with_ones(optimizer);
  w.set_data(at::zeros({8, 4}));
  const auto before = bias.clone();
  const auto message = refusal([&] { step_with_ones(optimizer); });
  expect_words(message, {"w.momentum_buffer: received shape [4, 4], allowed [8, 4]", "dropped"});
  EXPECT_TRUE(at::equal(bias, before));
  optimizer.state().erase(w.unsafeGetTensorImpl());
  step_with_ones(optimizer);
  EXPECT_TRUE((w != 0).all().item<bool>());
}

TEST(Params, cast_after_construction_to_what_cannot_be_trained_are_refused) {
  auto w = at::zeros({4, 4});
  const auto bias = at::zeros({4});
  auto optimizer = make({{"b", bias}, {"w", w}});
  for (const auto dtype : {at::kLong, at::kFloat8_e5m2}) {
    w.set_data(at::zeros({4, 4}).to(dtype));
    expect_words(refusal([&] { step_with_ones(optimizer); }),
                 {"w: received", "allowed float64, float32, bfloat16, float16"});
    EXPECT_TRUE((bias == 0).all().item<bool>());
  }
}

TEST(Params, frozen_ones_move_once_they_have_a_gradient) {
  const auto frozen = at::zeros({3, 3}), free = at::zeros({3, 3}).set_requires_grad(true);
  auto optimizer = make({{"frozen", frozen}, {"free", free}}, "signsgd");
  at::NoGradGuard no_grad;
  free.mutable_grad() = at::ones({3, 3});
  optimizer.step();
  EXPECT_TRUE((frozen == 0).all().item<bool>());
  frozen.set_requires_grad(true);
  frozen.mutable_grad() = at::ones({3, 3});
  optimizer.step();
  EXPECT_TRUE((frozen != 0).all().item<bool>());
}

TEST(Params, empty_groups_and_optimizers) {
  Optimizer none(Groups{}, recipe("muon-adam"));
  Optimizer empty(Groups{Group{}, Group{.role = Role::backup}}, recipe("muonmax-momo"));
  for (auto* optimizer : {&none, &empty}) {
    EXPECT_EQ(optimizer->plan().leaves, 0);
    EXPECT_EQ(warnings_of([&] {
                optimizer->observe(at::scalar_tensor(1.0));
                optimizer->step(), optimizer->step([] { return at::scalar_tensor(1.0); });
              }).size(),
              1);
    const auto w = at::zeros({3, 3});
    optimizer->add_param_group({.params = {{"w", w}}});
    w.mutable_grad() = at::ones({3, 3});
    optimizer->step([] { return at::scalar_tensor(1.0); });
    EXPECT_TRUE((w != 0).all().item<bool>());
  }
  expect_words(
      refusal([] { Optimizer(Groups{Group{.options = {.norm = "x"}}}, recipe("muon-adam")); }),
      {"norm", "\"x\""});
}

TEST(Params, of_groups_given_to_torchs_base_class_are_checked_as_well) {
  const auto w = at::zeros({3, 3});
  auto optimizer = make({{"w", w}});
  torch::optim::Optimizer& base = optimizer;
  base.add_param_group(torch::optim::OptimizerParamGroup({w.view({9})}));
  const auto message = refusal([&] { step_with_ones(optimizer); });
  expect_words(message, {"1.0: received memory of w"});
  EXPECT_TRUE((w == 0).all().item<bool>());
}

TEST(Params, without_any_gradient_nothing_is_done_and_it_is_said_once) {
  for (const char* name : {"muon-adam", "muonmax-momo", "adamw"}) {
    const auto w = at::ones({3, 3});
    Optimizer optimizer(Groups{{.params = {{"w", w}}}},
                        recipe(name, exactly({.weight_decay = 0.1, .nonfinite = "skip"})));
    Optimizer twin(Groups{{.params = {{"w", at::ones({3, 3})}}}},
                   recipe(name, exactly({.weight_decay = 0.1, .nonfinite = "skip"})));
    const auto lines = warnings_of([&] {
      for (int i = 0; i < 3; ++i) optimizer.step([] { return at::scalar_tensor(1.0); });
    });
    ASSERT_EQ(lines.size(), 1) << name;
    EXPECT_NE(lines[0].find("no parameter has a gradient"), std::string::npos);
    EXPECT_TRUE((w == 1).all().item<bool>());
    for (auto* each : {&optimizer, &twin}) {  // as if those steps had not been
      params_of(*each)[0].mutable_grad() = at::eye(3);
      each->step([] { return at::scalar_tensor(1.0); });
    }
    EXPECT_TRUE(bit_equal(params_of(optimizer), params_of(twin))) << name;
  }
}

TEST(Params, a_loss_below_f_star_or_of_nan_is_said_once) {
  const auto lines_at = [](double loss, const Overrides& overrides) {
    const auto w = at::ones({3, 3});
    Optimizer optimizer({w}, recipe("muonmax-momo", overrides));
    return warnings_of([&] {
      for (int i = 0; i < 4; ++i) {
        w.mutable_grad() = at::eye(3);
        optimizer.step([&] { return at::scalar_tensor(loss); });
      }
    });
  };
  const auto below = lines_at(-3.5, {});
  ASSERT_EQ(below.size(), 1);
  expect_words(below[0], {"loss: received -3.5", "f_star 0", "set f_star"});
  EXPECT_EQ(lines_at(-3.5, {.f_star = -4}).size(), 0);
  EXPECT_EQ(lines_at(3.5, {}).size(), 0);
  const auto nan = lines_at(NAN, {});
  ASSERT_EQ(nan.size(), 1);
  expect_words(nan[0], {"received nan", "nonfinite = skip"});
  EXPECT_EQ(lines_at(NAN, {.nonfinite = "skip"}).size(), 0);  // the step's stats say it
}

TEST(Params, state_of_a_wrong_kind_is_refused_before_anything_moves) {
  const auto w = at::zeros({4, 4}), bias = at::zeros({4});
  auto optimizer = make({{"b", bias}, {"w", w}});
  step_with_ones(optimizer);
  const auto before = copies({bias, w});
  auto& state = static_cast<BlockState&>(*optimizer.state().at(w.unsafeGetTensorImpl())).value;
  const auto good = state.momentum_buffer;
  for (const auto& wrong : {at::zeros({4, 4}, at::kLong), at::zeros({4, 4}, at::kComplexFloat),
                            at::zeros({4, 5}), at::zeros({}), at::zeros({4, 4}, at::kMeta)}) {
    state.momentum_buffer = wrong;
    const auto message = refusal([&] { step_with_ones(optimizer); });
    expect_words(message, {"w.momentum_buffer: received"});
    EXPECT_EQ(message.find('\n'), std::string::npos);
    EXPECT_TRUE(bit_equal({bias, w}, before));
  }
  state.momentum_buffer = good;
  step_with_ones(optimizer);
  EXPECT_FALSE(bit_equal({bias, w}, before));
}

TEST(Params, gradients_of_a_wrong_kind_are_refused_before_anything_moves) {
  const auto w = at::zeros({4, 4}), bias = at::zeros({4});
  auto optimizer = make({{"b", bias}, {"w", w}});
  for (const auto& wrong :
       {at::zeros({4, 4}).to(at::kFloat8_e5m2), at::zeros({4, 4}).to_sparse()}) {
    bias.mutable_grad() = at::ones({4});
    w.mutable_grad() = wrong;
    const auto message = refusal([&] { optimizer.step(); });
    expect_words(message, {"w: gradient: received"});
    EXPECT_TRUE((bias == 0).all().item<bool>());
  }
}

}  // namespace
}  // namespace steepest::test
