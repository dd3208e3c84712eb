// SPDX-License-Identifier: Apache-2.0
// The C++ face among processes: every weight is as in one process.
#include "steepest/optimizer.h"

#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include "steepest/optimizers/optimizers.h"
#include "tests/support/thread_group.h"

namespace steepest::test {
namespace {

// Three matrices and a vector, the same wherever they are made.
std::vector<at::Tensor> make_params() {
  auto random = at::make_generator<at::CPUGeneratorImpl>(3);
  std::vector<at::Tensor> params;
  for (const auto& shape : std::vector<std::vector<int64_t>>{{6, 4}, {5, 5}, {4, 9}, {4}})
    params.push_back(at::randn(shape, random).requires_grad_());
  return params;
}

// Takes steps with gradients of their own, and the losses of this process, 3 on the mean of all.
std::vector<at::Tensor> train(const std::string& name, std::shared_ptr<ProcessGroup> group) {
  const auto params = make_params();
  Optimizer optimizer(params, recipe(name));
  const double apart = group ? static_cast<double>(2 * group->rank() - group->size() + 1) : 0;
  if (group) optimizer.share(std::move(group));
  auto random = at::make_generator<at::CPUGeneratorImpl>(4);
  for (int step = 0; step < 4; ++step) {
    for (const auto& p : params) p.mutable_grad() = at::randn(p.sizes(), random);
    if (optimizer.recipe().step_size == StepSize::momo)
      optimizer.observe(at::full({}, 3 + apart, at::kDouble));
    optimizer.step();
  }
  return params;
}

TEST(SharedOptimizer, EndsWithTheWeightsOfOneProcess) {
  for (const std::string name : {"muon", "muonmax-momo", "adamw", "soap"}) {
    const auto alone = train(name, nullptr);
    on_threads(3, [&](ThreadGroup& group) {
      const auto shared = train(name, std::shared_ptr<ProcessGroup>(&group, [](ProcessGroup*) {}));
      for (size_t i = 0; i < alone.size(); ++i)
        EXPECT_TRUE(at::allclose(shared[i], alone[i], 1e-6, 1e-7)) << name << " " << i;
      EXPECT_GT(group.sums, 0);
    });
  }
}

}  // namespace
}  // namespace steepest::test
