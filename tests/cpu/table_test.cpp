// SPDX-License-Identifier: Apache-2.0
// The table of a device's kernels: what its entries answer is what ATen would, and what is not
// plain float32 memory they decline, having done nothing.
#include "steepest/kernels/table.h"

#include <gtest/gtest.h>

#include "steepest/kernels/cpu/gemm.h"
#include "steepest/kernels/cpu/kernel_rows.h"
#include "steepest/kernels/kernels.h"
#include "tests/cpu/matrices.h"

namespace steepest::cpu::test {
namespace {

at::Tensor batch(int64_t rows, int64_t columns, uint64_t seed) {
  return gaussian(3 * rows, columns, seed).view({3, rows, columns});
}

double difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

TEST(Table, OfADeviceWithoutKernelsIsEmpty) {
  const auto meta = at::empty({2, 3, 4}, at::TensorOptions(at::kMeta));
  const Kernels& kernels = kernels_of(meta);
  EXPECT_FALSE(kernels.host_reads);
  EXPECT_EQ(kernels.blocks, nullptr);
  EXPECT_FALSE(try_kernel(kernels.advance, meta, meta, meta, .1, .9));
  EXPECT_FALSE(try_kernel(kernels.normalize, meta, 1.).defined());
  EXPECT_TRUE(kernels_of(batch(2, 3, 1)).host_reads);
}

TEST(Table, DeclinesWhatIsNotPlain) {
  const auto x = batch(6, 6, 1);
  const Kernels& kernels = kernels_of(x);
  for (const auto& other : {x.to(at::kDouble), x.mT(), x.to(at::kHalf), x.narrow(2, 0, 5)}) {
    const auto before = other.clone();
    EXPECT_FALSE(kernels.advance(other, other, other, .1, .9));
    EXPECT_FALSE(kernels.apply(other, other, {.coefficient = .1}));
    EXPECT_FALSE(kernels.fill_pseudo_random(other.select(0, 0), 0));
    EXPECT_FALSE(kernels.normalize(other, 1).defined());
    EXPECT_TRUE(at::equal(other, before));
  }
  const auto wide = x.to(at::kDouble);
  EXPECT_FALSE(kernels.inner_products(wide, x).defined());
  EXPECT_FALSE(kernels.inner_products(x, x.narrow(0, 0, 1)).defined());
  EXPECT_FALSE(kernels.largest_magnitude(wide).defined());
  EXPECT_FALSE(kernels.iterate(wide, {.steps = {{1.5, -.5, 0}}}, false).defined());
  EXPECT_FALSE(kernels.product(x, x).defined());  // at::bmm multiplies float32
}

TEST(Table, ReductionsAreThoseOfAten) {
  const auto x = batch(30, 50, 1), y = batch(30, 50, 2);
  const auto exact = (x.to(at::kDouble) * y.to(at::kDouble)).sum({1, 2});
  EXPECT_LE(difference(kernels_of(x).inner_products(x, y), exact), 1e-12 * 1500);
  EXPECT_EQ(kernels_of(x).largest_magnitude(x).item<double>(), x.abs().max().item<double>());
  const auto unit = kernels_of(x).normalize(x, 1);
  EXPECT_LE(difference(unit.flatten(1).norm(2, 1), at::ones({3})), 1e-6);
}

TEST(Table, OneByOneProductsAreThoseOfAloneMatrices) {
  const auto a = batch(8, 8, 1).to(at::kBFloat16), b = batch(8, 8, 2).to(at::kBFloat16);
  const auto all = kernels_of(a).product(a, b), plus = kernels_of(a).product_plus(a, a, b, 2, 3);
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(at::equal(all[i], at::mm(a[i], b[i])));
    EXPECT_TRUE(at::equal(plus[i], at::addmm(a[i], a[i], b[i], 2, 3)));
  }
}

TEST(Table, BlocksAreMultipliedAsByAten) {
  const auto a = gaussian(70, 40, 1), x = gaussian(40, kBlockColumns, 2);
  const auto* const blocks = kernels_of(a).blocks;
  if (blocks == nullptr) GTEST_SKIP() << "not on this processor";
  const auto y = at::empty({70, kBlockColumns}), z = at::empty_like(x);
  blocks->gram_apply(a, x, y, z);
  EXPECT_LE(difference(y, at::mm(a, x)), 1e-4);
  EXPECT_LE(difference(z, at::mm(a.t(), at::mm(a, x))), 1e-2);

  const auto g = at::empty({kBlockColumns, kBlockColumns}, at::kDouble);
  ASSERT_TRUE(blocks->gram(x, g.mutable_data_ptr<double>()));
  EXPECT_LE(difference(g, at::mm(x.to(at::kDouble).t(), x.to(at::kDouble))), 1e-12);
  const auto t = gaussian(kBlockColumns, kBlockColumns, 3), xt = at::empty_like(x);
  ASSERT_TRUE(blocks->product(x, t.const_data_ptr<float>(), xt));
  EXPECT_LE(difference(xt, at::mm(x, t)), 1e-4);
  const auto rows = at::empty({5, 40});
  ASSERT_TRUE(blocks->transpose(x.narrow(1, 0, 5), rows));
  EXPECT_TRUE(at::equal(rows, x.narrow(1, 0, 5).t()));
  EXPECT_FALSE(blocks->gram(x.narrow(1, 0, 5), g.mutable_data_ptr<double>()));
  EXPECT_FALSE(blocks->transpose(x.t().contiguous().t(), at::empty({kBlockColumns, 40})));
}

TEST(Table, WorkspaceIsKept) {
  const auto x = batch(2, 3, 1);
  const auto memory = [&](Workspace use) {
    return kernels_of(x).workspace(use, x, 7, 9).data_ptr<float>();
  };
  EXPECT_EQ(memory(Workspace::krylov_v), memory(Workspace::krylov_v));
  EXPECT_NE(memory(Workspace::krylov_v), memory(Workspace::krylov_y));
  EXPECT_NE(memory(Workspace::krylov_y), memory(Workspace::krylov_z));
}

TEST(Table, IterationMayUseTheMemoryThatItIsGiven) {
  if (!has_gemm()) GTEST_SKIP() << "not on this processor";
  const auto x = batch(8, 12, 1), before = x.clone();
  const PolynomialIteration cubic{.steps = {{1.5, -.5, 0}, {1.5, -.5, 0}}};
  const auto y = kernels_of(x).iterate(x, cubic, /*may_overwrite=*/false);
  EXPECT_TRUE(at::equal(x, before));
  EXPECT_FALSE(y.is_alias_of(x));
  const auto z = kernels_of(x).iterate(x, cubic, /*may_overwrite=*/true);
  EXPECT_TRUE(z.is_alias_of(x));
  EXPECT_TRUE(at::equal(y, z));
}

TEST(Table, HalfOperandsOfSmallMatricesAreDeclined) {
  const PolynomialIteration half{.steps = {{1.5, -.5, 0}}, .half_operands = true};
  const auto small = batch(8, 12, 1), large = batch(128, 128, 2);
  EXPECT_FALSE(kernels_of(small).iterate(small, half, false).defined());
  EXPECT_EQ(kernels_of(large).iterate(large, half, false).defined(),
            fast_kernel(128).operands != at::kFloat);
}

}  // namespace
}  // namespace steepest::cpu::test
