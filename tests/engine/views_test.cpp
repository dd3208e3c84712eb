// SPDX-License-Identifier: Apache-2.0
// A parameter seen as several matrices moves as those matrices would by themselves, and memory
// layout does not matter.
#include <gtest/gtest.h>

#include "tests/support/engine_run.h"

namespace steepest::test {
namespace {

constexpr double kRate = 0.1;
const char* const kRecipes[] = {"muon-adam", "muonmax-momo", "neon", "orthogonal-sgdm"};

// Some steps with gradients that depend on the step alone, all leaves in one group. Momo's loss
// falls like them.
std::vector<at::Tensor> run(const std::string& name, std::vector<Leaf> leaves,
                            const std::vector<std::vector<at::Tensor>>& grads) {
  for (auto& leaf : leaves) leaf.value = leaf.value.clone();  // of the same strides
  EngineRun engine(recipe(name, exactly({.duals = "stale"})), leaves);
  for (size_t t = 0; t < grads.size(); ++t) {
    engine.step(grads[t], 2.0 / static_cast<double>(t + 1), {kRate}, {0.01});
  }
  return engine.weights();
}

Leaf leaf(const std::string& name, const at::Tensor& value, View view = {}) {
  return {name, value.clone(), Role::matrix, 0, view, {}};
}

// One parameter with the view, against its parts as parameters of their own.
void expect_equal(const at::Tensor& whole, const View& view, const Parts& parts) {
  std::vector<std::vector<at::Tensor>> grads, split;
  for (int t = 0; t < 4; ++t) {
    grads.push_back({at::randn_like(whole)});
    split.emplace_back();
    for (const auto& part : parts(grads.back()[0])) split.back().push_back(part.clone());
  }
  std::vector<Leaf> separate;
  for (const auto& part : parts(whole)) {
    separate.push_back(leaf("part" + std::to_string(separate.size()), part));
  }
  for (const char* name : kRecipes) {
    const auto one = run(name, {leaf("whole", whole, view)}, grads);
    const auto many = run(name, separate, split);
    EXPECT_LT(largest_difference(parts(one[0]), many), 1e-12) << name;
    EXPECT_GT(largest_difference({whole}, one), 1e-3) << name;
  }
}

at::Tensor random(at::IntArrayRef shape) {
  at::manual_seed(2);
  return at::randn(shape, at::kDouble);
}

std::vector<at::Tensor> transposed(const std::vector<at::Tensor>& all) {
  std::vector<at::Tensor> turned;
  for (const auto& t : all) turned.push_back(t.t());
  return turned;
}

TEST(Views, split_sizes_are_parameters_of_their_own) {
  expect_equal(random({7, 4}), {.split_sizes = {3, 3, 1}}, [](const at::Tensor& t) {
    return t.split_with_sizes({3, 3, 1}, 0);
  });
  expect_equal(random({7, 4}), {.split_sizes = {1, 2, 4}}, [](const at::Tensor& t) {
    return t.split_with_sizes({1, 2, 4}, 0);
  });
}

TEST(Views, splits_of_a_batch_are_matrices_of_their_own) {
  for (const int64_t dim : {0, 1}) {  // stacked experts whose gate and up projections are fused
    expect_equal(random({3, 6, 8}), {.batch = true, .split_sizes = {2, 2, 2}}, [](const auto& t) {
      std::vector<at::Tensor> parts;
      for (const auto& m : t.unbind(0)) {
        for (const auto& part : m.split_with_sizes({2, 2, 2}, 0)) parts.push_back(part);
      }
      return parts;
    });
    const View halves{.batch = true, .transposed = dim == 1, .num_heads = 2, .split_dim = dim};
    expect_equal(random({3, 6, 8}), halves, [dim](const at::Tensor& t) {
      std::vector<at::Tensor> parts;
      for (const auto& m : t.unbind(0)) {
        for (const auto& part : m.chunk(2, dim)) parts.push_back(dim == 1 ? part.t() : part);
      }
      return parts;
    });
    const View uneven{
        .batch = true,
        .split_sizes = dim == 0 ? std::vector<int64_t>{4, 2} : std::vector<int64_t>{5, 3},
        .split_dim = dim};
    expect_equal(random({2, 6, 8}), uneven, [&](const at::Tensor& t) {
      std::vector<at::Tensor> parts;
      for (const auto& part : t.split_with_sizes(uneven.split_sizes, 1 + dim)) {
        for (const auto& m : part.unbind(0)) parts.push_back(m);
      }
      return parts;
    });
  }
}

TEST(Views, splits_of_a_flattened_convolution) {
  expect_equal(random({6, 2, 3, 3}), {.split_sizes = {4, 2}}, [](const at::Tensor& t) {
    return t.flatten(1).split_with_sizes({4, 2}, 0);
  });
}

TEST(Views, splits_along_the_second_dimension) {
  expect_equal(random({4, 9}), {.split_sizes = {3, 3, 3}, .split_dim = 1}, [](const at::Tensor& t) {
    return t.split_with_sizes({3, 3, 3}, 1);
  });
  expect_equal(random({4, 9}), {.split_sizes = {2, 7}, .split_dim = 1}, [](const at::Tensor& t) {
    return t.split_with_sizes({2, 7}, 1);
  });
}

TEST(Views, heads_are_parameters_of_their_own) {
  expect_equal(random({8, 5}), {.num_heads = 4}, [](const at::Tensor& t) { return t.chunk(4, 0); });
  expect_equal(random({5, 8}), {.num_heads = 2, .split_dim = 1},
               [](const at::Tensor& t) { return t.chunk(2, 1); });
}

TEST(Views, a_batch_is_its_matrices) {
  expect_equal(random({3, 4, 5}), {.batch = true}, [](const at::Tensor& t) { return t.unbind(0); });
  expect_equal(random({2, 2, 4, 3}), {.batch = true}, [](const at::Tensor& t) {
    return t.view({4, 4, 3}).unbind(0);
  });
}

TEST(Views, convolutions_are_flattened_after_their_first_dimension) {
  expect_equal(random({4, 3, 2, 2}), {}, [](const at::Tensor& t) {
    return std::vector<at::Tensor>{t.reshape({4, 12})};
  });
}

TEST(Views, transposed_parameters_are_the_transposed_matrices) {
  expect_equal(random({4, 6}), {.transposed = true},
               [](const at::Tensor& t) { return std::vector<at::Tensor>{t.t()}; });
  expect_equal(random({3, 4, 5}), {.batch = true, .transposed = true},
               [](const at::Tensor& t) { return transposed(t.unbind(0)); });
  expect_equal(random({4, 6}), {.transposed = true, .num_heads = 3, .split_dim = 1},
               [](const at::Tensor& t) { return transposed(t.chunk(3, 1)); });
}

TEST(Views, a_radius_is_of_the_matrix_and_not_of_the_parameter) {
  const auto r = recipe("muon-adam", exactly({.radius = "spectral_unclamped"}));
  const EngineRun split(r, {leaf("a", random({6, 2}), {.num_heads = 3})});
  EXPECT_EQ(split.plan.blocks[0].radius, 1);
  const EngineRun turned(r, {leaf("a", random({8, 2}), {.transposed = true})});
  EXPECT_EQ(turned.plan.blocks[0].radius, 0.5);
  const EngineRun conv(r, {leaf("a", random({16, 2, 1, 2}))});
  EXPECT_EQ(conv.plan.blocks[0].radius, 2);
}

TEST(Views, the_elements_between_those_of_a_strided_parameter_are_not_touched) {
  const auto wide = at::full({4, 10}, 7, at::kDouble), value = random({4, 5});
  for (const char* name : kRecipes) {
    auto strided = leaf("w", value), plain = leaf("w", value);
    strided.value = wide.slice(1, 0, 10, 2);
    strided.value.copy_(value);
    EngineRun a(recipe(name, exactly()), {strided}), b(recipe(name, exactly()), {plain});
    const auto grad = at::randn_like(value);
    a.step({grad}, 1, {kRate}, {0.01}), b.step({grad}, 1, {kRate}, {0.01});
    EXPECT_LT(largest_difference(a.weights(), b.weights()), 1e-12) << name;
    EXPECT_TRUE((wide.slice(1, 1, 10, 2) == 7).all().item<bool>());
  }
}

TEST(Views, strides_do_not_matter) {
  const auto value = random({4, 3, 2, 5});
  std::vector<std::vector<at::Tensor>> grads, strided;
  for (int t = 0; t < 4; ++t) {
    grads.push_back({at::randn_like(value)});
    strided.push_back({grads.back()[0].contiguous(at::MemoryFormat::ChannelsLast)});
  }
  for (const char* name : kRecipes) {
    const auto plain = run(name, {leaf("w", value)}, grads);
    auto other = leaf("w", value);
    other.value = value.contiguous(at::MemoryFormat::ChannelsLast);
    EXPECT_LT(largest_difference(run(name, {other}, strided), plain), 1e-12) << name;
  }
}

TEST(Views, a_plan_prints_every_block_with_its_matrices) {
  const EngineRun run(recipe("muon-adam"), tiny_leaves());
  const auto table = print_plan(run.plan);
  for (const char* text :
       {"mix", "1 x 4 x 3", "conv", "1 x 2 x 6", "fused", "2 x 3 x 4", "1 x 1 x 4", "experts",
        "2 x 3 x 3", "spectral", "ada_inf", "non-matrix"}) {
    EXPECT_NE(table.find(text), std::string::npos) << text << "\n" << table;
  }
}

}  // namespace
}  // namespace steepest::test
