// SPDX-License-Identifier: Apache-2.0
// What every rescale of the catalog must be: a transform that measures the same twice, batch by
// batch, and keeps its entries below the bound that it states. A new one is tested by being listed.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <cctype>
#include <cmath>

#include "steepest/transforms/transform.h"

namespace steepest::test {
namespace {

std::vector<std::string> all_specs() {
  std::vector<std::string> specs;
  for (const auto& entry : rescale_catalog())
    specs.insert(specs.end(), entry.examples.begin(), entry.examples.end());
  return specs;
}

class Rescale : public testing::TestWithParam<std::string> {
 protected:
  TransformPtr rescale = make_rescale(GetParam());
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(19);

  at::Tensor normal(at::IntArrayRef shape) { return at::randn(shape, generator, at::kDouble); }

  // What it keeps before the first step, for matrices of this shape [B, r, c], and weights of that
  // shape where it looks at them.
  TransformContext context(at::IntArrayRef shape) {
    TransformContext context;
    if (rescale->uses_weight()) context.weight = normal(shape);
    for (const auto& slot : rescale->slots(shape[1], shape[2])) {
      auto sizes = slot.sizes(shape[1], shape[2]);
      sizes.insert(sizes.begin(), shape[0]);
      context.slots.push_back(at::zeros(sizes, at::kDouble));
    }
    return context;
  }
};

const std::vector<std::vector<int64_t>> kShapes = {{3, 5, 4}, {2, 4, 7}, {1, 1, 6}, {2, 6, 1}};

TEST_P(Rescale, applying_changes_nothing) {
  for (const auto& shape : kShapes) {
    const auto own = context(shape);
    const auto s = normal(shape), copy = s.clone();
    rescale->observe(s, own);
    std::vector<at::Tensor> slots;
    for (const auto& slot : own.slots) slots.push_back(slot.clone());
    const auto once = rescale->apply(s, own);
    EXPECT_TRUE(at::equal(rescale->apply(s, own), once));
    EXPECT_TRUE(at::equal(s, copy));
    for (size_t i = 0; i < slots.size(); ++i) EXPECT_TRUE(at::equal(slots[i], own.slots[i]));
  }
}

TEST_P(Rescale, a_batch_is_its_matrices) {
  for (const auto& shape : kShapes) {
    const auto s = normal(shape);
    const auto all = context(shape);
    rescale->observe(s, all);
    const auto batch = rescale->apply(s, all);
    for (int64_t i = 0; i < shape[0]; ++i) {
      const auto one = s.narrow(0, i, 1);
      auto own = context(one.sizes());
      if (all.weight.defined()) own.weight = all.weight.narrow(0, i, 1);
      rescale->observe(one, own);
      const double difference =
          (rescale->apply(one, own) - batch.narrow(0, i, 1)).abs().max().item<double>();
      EXPECT_LT(difference, 1e-12);
    }
  }
}

TEST_P(Rescale, entries_are_below_the_stated_bound) {
  for (const auto& shape : kShapes) {
    const auto own = context(shape);
    for (int step = 0; step < 5; ++step) {
      auto s = normal(shape);
      s.select(1, 0).mul_(std::pow(10.0, step - 2));  // a row far from the others
      rescale->observe(s, own);
      const double most = s.abs().max().item<double>();
      const double bound = rescale->largest_entry(most, 0, shape[1], shape[2]);
      EXPECT_LE(rescale->apply(s, own).abs().max().item<double>(), bound * (1 + 1e-12));
    }
  }
}

TEST_P(Rescale, zero_in_zero_out) {
  const auto own = context({2, 4, 3});
  const auto zero = at::zeros({2, 4, 3}, at::kDouble);
  rescale->observe(zero, own);
  EXPECT_TRUE(at::equal(rescale->apply(zero, own), zero));
}

TEST_P(Rescale, half_precision_keeps_its_dtype) {
  for (const auto dtype : {at::kBFloat16, at::kHalf}) {
    auto own = context({2, 6, 5});
    for (auto& slot : own.slots) slot = slot.to(at::kFloat);
    const auto s = normal({2, 6, 5}).to(dtype);
    rescale->observe(s, own);
    EXPECT_EQ(rescale->apply(s, own).scalar_type(), dtype);
  }
}

TEST_P(Rescale, its_name_makes_it_again) {
  EXPECT_EQ(make_rescale(rescale->name())->name(), rescale->name());
}

INSTANTIATE_TEST_SUITE_P(Rescales, Rescale, testing::ValuesIn(all_specs()), [](const auto& info) {
  std::string name = info.param;
  for (auto& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
});

}  // namespace
}  // namespace steepest::test
