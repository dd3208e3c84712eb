// SPDX-License-Identifier: Apache-2.0
// What every geometry of the catalog must be: its head's invariant holds after each step, batch by
// batch, from zeros and in half precision. A new one is tested by being listed, and says here what
// stays true of its weights.
#include "steepest/geometry.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <cctype>
#include <functional>
#include <map>

#include "steepest/base/tensor.h"

namespace steepest::test {
namespace {

constexpr double kLr = 0.1;

std::vector<std::string> all_specs() {
  std::vector<std::string> specs;
  for (const auto& entry : geometry_catalog())
    specs.insert(specs.end(), entry.examples.begin(), entry.examples.end());
  return specs;
}

// One step of weights [B, r, c].
struct Step {
  at::Tensor before, moved, after;
  std::vector<at::Tensor> slots;
};

// How far the weights after a step are from what the geometry promises of them.
using Defect = std::function<at::Tensor(const Step&)>;

at::Tensor row_norms(const at::Tensor& w) { return at::linalg_vector_norm(w, 2, {2}); }

const std::map<std::string, Defect>& invariants() {
  static const std::map<std::string, Defect> all = {
      {"hyperball",
       [](const Step& s) { return frobenius_norm(s.after) - frobenius_norm(s.before); }},
      {"radial_brake",
       [](const Step& s) {
         const auto growth = frobenius_norm(s.moved) - frobenius_norm(s.before);
         return (frobenius_norm(s.after) - frobenius_norm(s.before) - growth.clamp_max(0)) *
                (growth - (frobenius_norm(s.after) - frobenius_norm(s.before))).clamp_max(0);
       }},
      {"muown", [](const Step& s) { return row_norms(s.after) - s.slots[0].abs(); }}};
  return all;
}

class Geometries : public testing::TestWithParam<std::string> {
 protected:
  GeometryPtr geometry = make_geometry(GetParam());
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(23);

  at::Tensor normal(at::IntArrayRef shape) { return at::randn(shape, generator, at::kDouble); }

  // What it keeps before the first step, for matrices of this shape [B, r, c].
  GeometryContext context(at::IntArrayRef shape, at::ScalarType dtype = at::kDouble) const {
    GeometryContext context{.lr = kLr, .decay = 0.01};
    for (const auto& slot : geometry->slots(shape[1], shape[2])) {
      auto sizes = slot.sizes(shape[1], shape[2]);
      sizes.insert(sizes.begin(), shape[0]);
      context.slots.push_back(at::zeros(sizes, dtype));
    }
    return context;
  }

  // Takes a step of w by the tangent of g, as the engine does.
  Step step(const at::Tensor& w, const at::Tensor& g, const GeometryContext& context) const {
    geometry->observe(g, w, context);
    const auto moved = w - kLr * geometry->tangent(g, w, context);
    const auto after = moved.clone();
    geometry->retract(after, w, context);
    return {w, moved, after, context.slots};
  }
};

const std::vector<std::vector<int64_t>> kShapes = {{3, 5, 4}, {2, 4, 7}, {1, 1, 6}, {2, 6, 1}};

TEST_P(Geometries, weights_stay_where_they_may_be) {
  const auto name = parse_spec(GetParam()).name;
  ASSERT_TRUE(invariants().contains(name)) << "say in this test what " << name << " keeps";
  for (const auto& shape : kShapes) {
    auto own = context(shape);
    auto w = normal(shape);
    for (own.step = 1; own.step <= 5; ++own.step) {
      const auto taken = step(w, normal(shape), own);
      EXPECT_LT(invariants().at(name)(taken).abs().max().item<double>(), 1e-12);
      EXPECT_GT((taken.after - w).abs().max().item<double>(), 1e-4);
      w = taken.after;
    }
  }
}

TEST_P(Geometries, a_tangent_may_be_asked_for_again) {
  for (const auto& shape : kShapes) {
    const auto own = context(shape);
    const auto w = normal(shape), g = normal(shape), copy = g.clone();
    geometry->observe(g, w, own);
    std::vector<at::Tensor> slots;
    for (const auto& slot : own.slots) slots.push_back(slot.clone());
    const auto once = geometry->tangent(g, w, own);
    EXPECT_TRUE(at::equal(geometry->tangent(g, w, own), once));
    EXPECT_TRUE(at::equal(g, copy));
    for (size_t i = 0; i < slots.size(); ++i) EXPECT_TRUE(at::equal(slots[i], own.slots[i]));
  }
}

TEST_P(Geometries, a_batch_is_its_matrices) {
  for (const auto& shape : kShapes) {
    const auto w = normal(shape), g = normal(shape);
    const auto all = step(w, g, context(shape)).after;
    for (int64_t i = 0; i < shape[0]; ++i) {
      const auto one = w.narrow(0, i, 1);
      const auto own = step(one, g.narrow(0, i, 1), context(one.sizes())).after;
      EXPECT_LT((own - all.narrow(0, i, 1)).abs().max().item<double>(), 1e-12);
    }
  }
}

// A matrix, or a row, of zeros leaves zero by a step, and without a gradient stays there.
TEST_P(Geometries, zeros_move_when_there_is_a_gradient) {
  const std::vector<int64_t> shape = {2, 4, 3};
  auto own = context(shape);
  const auto zero = at::zeros(shape, at::kDouble);
  EXPECT_TRUE(at::equal(step(zero, zero, own).after, zero));
  const double least = GetParam() == "radial_brake(keep=0)" ? 0 : 1e-4;  // which cannot grow
  auto w = zero;
  for (own.step = 2; own.step <= 4; ++own.step) {
    w = step(w, normal(shape), own).after;
    EXPECT_TRUE(at::isfinite(w).all().item<bool>());
    EXPECT_GE(row_norms(w).min().item<double>(), least);
  }
}

TEST_P(Geometries, half_precision_keeps_its_dtype) {
  for (const auto dtype : {at::kBFloat16, at::kHalf}) {
    const std::vector<int64_t> shape = {2, 6, 5};
    const auto own = context(shape, at::kFloat);
    const auto w = normal(shape).to(dtype), g = normal(shape).to(dtype);
    const auto wide = step(w.to(at::kDouble), g.to(at::kDouble), context(shape)).after;
    const auto taken = step(w, g, own);
    EXPECT_EQ(geometry->tangent(g, w, own).scalar_type(), dtype);
    EXPECT_EQ(taken.after.scalar_type(), dtype);
    EXPECT_LT((taken.after.to(at::kDouble) - wide).abs().max().item<double>(), 0.05);
  }
}

TEST_P(Geometries, its_name_makes_it_again) {
  EXPECT_EQ(make_geometry(geometry->name())->name(), geometry->name());
}

INSTANTIATE_TEST_SUITE_P(Catalog, Geometries, testing::ValuesIn(all_specs()), [](const auto& info) {
  std::string name = info.param;
  for (auto& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
});

}  // namespace
}  // namespace steepest::test
