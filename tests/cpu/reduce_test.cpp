// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cpu/reduce.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <vector>

namespace steepest::cpu::test {
namespace {

std::vector<double> computed(const at::Tensor& a, const at::Tensor& b) {
  std::vector<double> sums(a.size(0), -1);
  inner_products(a.const_data_ptr<float>(), b.const_data_ptr<float>(), a.size(0), a.size(1),
                 sums.data());
  return sums;
}

TEST(InnerProducts, AreThoseOfFloat64OnAnyNumberOfThreads) {
  const int threads = at::get_num_threads();
  auto generator = at::detail::createCPUGenerator(1);
  for (const int64_t batch : {1, 3}) {
    for (const int64_t size : {0, 1, 7, 1000, 16384, 16385, 100000}) {
      const auto a = at::randn({batch, size}, generator, at::kFloat);
      const auto b = at::randn({batch, size}, generator, at::kFloat);
      const auto products = a.to(at::kDouble) * b.to(at::kDouble);
      at::set_num_threads(1);
      const auto sums = computed(a, b);
      for (int64_t i = 0; i < batch; ++i) {
        const double scale = products[i].abs().sum().item<double>();
        EXPECT_NEAR(sums[i], products[i].sum().item<double>(), 1e-14 * scale) << size;
      }
      at::set_num_threads(3);
      EXPECT_EQ(computed(a, b), sums) << size;
      at::set_num_threads(threads);
    }
  }
}

}  // namespace
}  // namespace steepest::cpu::test
