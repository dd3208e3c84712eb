// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cpu/tall.h"

#include <gtest/gtest.h>

#include "tests/cpu/matrices.h"

namespace steepest::cpu::test {
namespace {

TEST(Tall, GramAndProductAreATens) {
  for (const int64_t n : {1, 3, 4, 16, 101}) {
    const auto x = gaussian(n, kTallWidth, 1), t = gaussian(kTallWidth, kTallWidth, 2);
    auto g = at::full({kTallWidth, kTallWidth}, 7, at::kDouble);
    tall_gram(x.const_data_ptr<float>(), n, g.mutable_data_ptr<double>());
    const auto wide = x.to(at::kDouble);
    EXPECT_LE((g - wide.t().mm(wide)).abs().max().item<double>(), 1e-12 * n) << n;
    auto y = x.clone();
    tall_product(y.const_data_ptr<float>(), n, t.const_data_ptr<float>(),
                 y.mutable_data_ptr<float>());
    const auto error = (y - wide.mm(t.to(at::kDouble))).abs().max().item<double>();
    EXPECT_LE(error, 1e-5) << n;
  }
}

TEST(Tall, TransposesSomeOfItsColumns) {
  for (const int64_t n : {1, 63, 64, 200}) {
    const auto x = gaussian(n, kTallWidth, 3), some = x.narrow(1, 0, 5);
    auto y = at::zeros({6, n});
    transpose_tall(some.const_data_ptr<float>(), n, 5, some.stride(0), y.mutable_data_ptr<float>());
    EXPECT_TRUE(at::equal(y, at::cat({some.t(), at::zeros({1, n})})));
  }
}

}  // namespace
}  // namespace steepest::cpu::test
