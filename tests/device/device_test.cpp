// SPDX-License-Identifier: Apache-2.0
// On the stand-in device norms, solvers and optimizers answer as on the CPU: so they have the
// properties that the other suites show there.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "steepest/polar/polar.h"
#include "steepest/svd/svd.h"
#include "tests/norms/cases.h"
#include "tests/support/face.h"

namespace steepest::test {
namespace {

constexpr double kTolerance = 1e-9;  // in float64: other operators, in another order

at::Tensor on_device(const at::Tensor& t) {
  return t.defined() ? t.to(at::Device(at::kPrivateUse1, 0)) : t;
}

NormContext on_device(NormContext context) {
  for (auto& slot : context.slots) slot = on_device(slot);
  return context;
}

// Expects the device's answer to be the CPU's, and to lie on the device.
void expect_same(const at::Tensor& device, const at::Tensor& cpu, const std::string& what) {
  ASSERT_EQ(device.defined(), cpu.defined()) << what;
  if (!cpu.defined()) return;
  EXPECT_EQ(device.device().type(), at::kPrivateUse1) << what;
  EXPECT_LT(difference(device.cpu(), cpu), kTolerance) << what;
}

TEST(Device, norms_answer_as_on_the_cpu) {
  for (const auto& spec : all_specs()) {
    const auto norm = make_norm(spec, exact_solvers());
    for (const auto& shape : shapes()) {
      Random random(7);
      const auto context = random.context(*norm, shape, at::kDouble);
      const auto there = on_device(context);
      const auto m = random.normal(shape);
      const auto cpu = norm->steepest(m, context), device = norm->steepest(on_device(m), there);
      expect_same(device.matrices(at::kDouble), cpu.matrices(at::kDouble), spec);
      expect_same(device.dual, cpu.dual, spec);
      const auto direction = norm->direction({on_device(m).clone(), true}, there);
      expect_same(direction.matrices(at::kDouble), cpu.matrices(at::kDouble), spec);
      EXPECT_LT(
          difference(whole(norm->sharp(on_device(m), there)).cpu(), whole(norm->sharp(m, context))),
          kTolerance)
          << spec;
    }
  }
}

TEST(Device, norms_observe_as_on_the_cpu) {
  const Average average{.keep = 0.75, .take = 0.25};
  for (const auto& spec : all_specs()) {
    const auto norm = make_norm(spec, exact_solvers());
    if (!norm->traits().adaptive) continue;
    Random random(11);
    const std::vector<int64_t> shape = {2, 4, 7};
    const auto context = random.context(*norm, shape, at::kDouble);
    const auto there = on_device(context);
    const auto g = random.normal(shape), u = random.normal(shape);
    norm->observe(g, u, average, context);
    norm->observe(on_device(g), on_device(u), average, there);
    for (size_t i = 0; i < context.slots.size(); ++i)
      expect_same(there.slots[i], context.slots[i], spec);
  }
}

TEST(Device, polar_factors_are_the_cpus) {
  for (const auto& method : polar_methods()) {
    if (method == "custom") continue;
    const auto solver = make_polar({.method = method, .dtype = at::kDouble});
    for (const auto& shape : shapes()) {
      const auto x = Random(5).normal(shape);
      const auto cpu = solver->polar(x), device = solver->polar(on_device(x));
      EXPECT_LT(difference(device.cpu(), cpu), 1e-7) << method;  // what two long sums may differ by
    }
  }
}

TEST(Device, truncated_svds_are_the_cpus) {
  for (const auto& method : svd_methods()) {
    const SvdOptions options{.method = method, .tol = 1e-9, .fallback = false};
    const auto a = Random(9).normal({3, 40, 60});
    const auto cpu = top_triplets(a, 3, options), device = top_triplets(on_device(a), 3, options);
    EXPECT_LT(difference(device.s.cpu(), cpu.s), 1e-6) << method;
    EXPECT_LT(difference(device.attained.cpu(), cpu.attained), 1e-6) << method;
  }
}

// A step with the gradients that the network has on the CPU at these weights.
void step_on_device(Optimizer& optimizer, int t) {
  const auto params = params_of(optimizer);
  std::vector<at::Tensor> weights;
  for (const auto& p : params) weights.push_back(p.cpu());
  auto [loss, grads] = evaluate(weights, t);
  for (auto& g : grads) g = on_device(g);
  set_grads(params, grads);
  optimizer.observe(at::scalar_tensor(loss, at::kDouble));
  optimizer.step();
}

TEST(Device, optimizers_end_where_they_end_on_the_cpu) {
  for (const auto& name : optimizer_names()) {
    Optimizer cpu(groups_of(tiny_leaves()), recipe(name));
    auto leaves = tiny_leaves();
    for (auto& leaf : leaves) leaf.value = on_device(leaf.value);
    Optimizer device(groups_of(leaves), recipe(name));
    for (int t = 0; t < 4; ++t) train_step(cpu, t), step_on_device(device, t);
    const auto expected = params_of(cpu), received = params_of(device);
    for (size_t i = 0; i < expected.size(); ++i) expect_same(received[i], expected[i], name);
  }
}

}  // namespace
}  // namespace steepest::test
