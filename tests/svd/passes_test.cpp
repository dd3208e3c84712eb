// SPDX-License-Identifier: Apache-2.0
// The counters, fixed passes and warm starts.

#include <ATen/record_function.h>

#include "steepest/kernels/cpu/gram_apply.h"
#include "tests/svd/matrices.h"

namespace steepest::test {
namespace {

// While it lives: how often this thread calls a product with an operand of r x c or c x r.
class ProductCounter {
 public:
  ProductCounter(int64_t r, int64_t c) {
    rows() = r;
    columns() = c;
    count() = 0;
    handle_ = at::addThreadLocalCallback(at::RecordFunctionCallback(&ProductCounter::on_call)
                                             .needsInputs(true)
                                             .scopes({at::RecordScope::FUNCTION}));
  }
  ~ProductCounter() { at::removeCallback(handle_); }
  static int64_t& count() { return value(0); }

 private:
  static int64_t& value(int which) {
    static int64_t values[3];
    return values[which];
  }
  static int64_t& rows() { return value(1); }
  static int64_t& columns() { return value(2); }

  static bool is_a(const c10::IValue& x) {
    if (!x.isTensor() || x.toTensor().dim() != 2) return false;
    const auto sizes = x.toTensor().sizes();
    return sizes == at::IntArrayRef({rows(), columns()}) ||
           sizes == at::IntArrayRef({columns(), rows()});
  }
  static std::unique_ptr<at::ObserverContext> on_call(const at::RecordFunction& call) {
    const std::string name = call.name();
    if (name == "aten::mm" || name == "aten::mv" || name == "aten::bmm" || name == "aten::addmm")
      count() += std::any_of(call.inputs().begin(), call.inputs().end(), is_a);
    return nullptr;
  }
  at::CallbackHandle handle_;
};

class Passes : public testing::TestWithParam<std::string> {
 protected:
  SvdOptions options() const {
    return {.method = GetParam(), .max_passes = 4000, .fallback = false};
  }
};

INSTANTIATE_TEST_SUITE_P(Methods, Passes, testing::ValuesIn(iterative_methods()),
                         [](const auto& info) { return info.param; });

TEST_P(Passes, AreTheProductsThatWereMade) {
  const auto start = gaussian({1, 301, 4}, 2).to(at::kFloat);
  for (const auto& [r, c] : {std::pair<int64_t, int64_t>{401, 301}, {211, 301}})
    for (const auto& stop : {"value", "subspace"})
      for (const int64_t k : {1, 5})
        for (const auto& s : {at::Tensor(), start}) {
          auto o = options();
          o.stop = stop;
          o.tol = 1e-2;
          const ProductCounter counter(r, c);
          const auto t = top_triplets(gaussian({1, r, c}, 1).to(at::kFloat), k, o, s);
          // gram_apply() makes its two products without ATen.
          const bool by_gram = GetParam() == "auto" && o.stop == "value" && cpu::has_gram_apply();
          EXPECT_EQ(by_gram ? t.passes[0] % 2 : t.passes[0], ProductCounter::count())
              << r << " " << stop << " k = " << k;
          EXPECT_GT(t.passes[0], 3);
        }
}

TEST_P(Passes, FixedMeansSoMany) {
  const auto a = gaussian({2, 120, 90}, 1).to(at::kFloat);
  double before = 0;
  for (const int64_t fixed : {1, 2, 3, 6, 11, 24}) {
    auto o = options();
    o.fixed_passes = fixed;
    const ProductCounter counter(120, 90);
    const auto t = top_triplets(a, 2, o);
    EXPECT_EQ(ProductCounter::count(), 2 * fixed);
    EXPECT_EQ(t.passes, (std::vector<int64_t>{fixed, fixed}));
    EXPECT_EQ(t.status, (std::vector<SvdStatus>{SvdStatus::fixed, SvdStatus::fixed}));
    EXPECT_EQ(t.u.sizes(), at::IntArrayRef({2, 120, 2}));
    EXPECT_NEAR(inner_product(a[0], direction(t)) / number(t.attained[0]), 1, 1e-5);
    EXPECT_GT(number(t.attained[0]), before);  // each pass attains more
    before = number(t.attained[0]);
  }
}

TEST_P(Passes, TheLimitIsKeptAndSaid) {
  const auto a = gaussian({1, 120, 90}, 1).to(at::kFloat);
  for (const int64_t most : {1, 2, 7}) {
    auto o = options();
    o.max_passes = most;
    const auto t = top_triplets(a, 2, o);
    // A step is two products.
    EXPECT_LE(t.passes[0], most);
    EXPECT_GE(t.passes[0], most - (GetParam() == "auto" ? most % 2 : 0));
    EXPECT_EQ(t.status[0], SvdStatus::stopped_early);
    EXPECT_GT(number(t.attained), 0);
  }
}

TEST_P(Passes, SmallMatricesAreDecomposedInFullUnlessFixed) {
  auto o = options();
  o.fallback = true;
  EXPECT_EQ(top_triplets(gaussian({1, 32, 90}, 1), 1, o).passes[0], 0);
  EXPECT_GT(top_triplets(gaussian({1, 33, 90}, 1), 1, o).passes[0], 0);
  EXPECT_EQ(top_triplets(gaussian({1, 60, 90}, 1), 30, o).passes[0], 0);
  EXPECT_GT(top_triplets(gaussian({1, 61, 90}, 1), 30, o).passes[0], 0);
  o.fixed_passes = 3;
  EXPECT_EQ(top_triplets(gaussian({1, 32, 90}, 1), 1, o).passes[0], 3);
}

// Two steps of a momentum of .95: A and .95 A + .05 G.
// Most of the triplets there are: once V holds as many vectors, no more are waited for.
// Nearly all triplets that there are: seven blocks of 16 columns hold the rank of 100, and no more
// vectors than that are waited for before the values are tested.
TEST(AutomaticPasses, AreNotMoreThanTheRankNeeds) {
  const auto a = gaussian({1, 100, 300}, 31).to(at::kFloat);
  const auto t = top_triplets(a, 99, {.tol = 1e-2, .fallback = false});
  EXPECT_EQ(t.status[0], SvdStatus::converged);
  EXPECT_LE(t.passes[0], 2 * (7 + 3));
}

TEST_P(Passes, AWarmStartNeedsFewer) {
  for (const auto& [r, c] : {std::pair<int64_t, int64_t>{200, 160}, {160, 200}})
    for (const int64_t k : {1, 5}) {
      const auto old = gaussian({1, r, c}, 1);
      const auto a = .95 * old + .05 * gaussian({1, r, c}, 2);
      const auto start = top_triplets(old, k, options()).vh.mT();
      const auto cold = top_triplets(a, k, options());
      const auto warm = top_triplets(a, k, options(), start);
      EXPECT_LT(warm.passes[0], cold.passes[0]) << r << " k = " << k;
      EXPECT_GE(number(warm.attained), (1 - 1e-3) * number(cold.attained)) << r << " k = " << k;
    }
}

TEST_P(Passes, AWarmStartOfFixedPassesAttainsMore) {
  auto o = options();
  o.fixed_passes = 3;
  const auto a = matrix("inverse", 200, 160, 1);
  const auto start = Exact(a).vh.narrow(0, 0, 1).t().unsqueeze(0);
  const double top = Exact(a).sum(1);
  EXPECT_LT(1 - number(top_triplets(a, 1, o, start).attained) / top, 5e-5);
  EXPECT_GT(1 - number(top_triplets(a, 1, o).attained) / top, 5e-5);
}

// A start that is wrong, empty, not finite, of any scale or wider than the matrix does no harm.
TEST_P(Passes, ABadStartDoesNoHarm) {
  auto a = at::zeros({1, 60, 50}, at::kDouble);
  a[0].diagonal().copy_(at::pow(.9, at::arange(50, at::kDouble)));
  const auto wrong = at::eye(50, at::kDouble).narrow(1, 10, 3).unsqueeze(0);
  for (const auto& start :
       {wrong, wrong * 1e-300, wrong * 1e300, wrong * 0, wrong * std::nan(""),
        wrong.narrow(2, 0, 0), at::ones({1, 50, 70}, at::kDouble), gaussian({1, 50, 70}, 1)}) {
    const auto t = top_triplets(a, 3, options(), start);
    EXPECT_GE(number(t.attained), (1 - 1e-2) * Exact(a).sum(3));
    EXPECT_LE(orthonormality(t.vh[0].t()), 1e-12);
  }
}

TEST_P(Passes, ProductsInHalfPrecisionAttainNearlyAsMuch) {
  const auto a = gaussian({1, 150, 120}, 1).to(at::kFloat);
  const double exact = Exact(a).sum(4);
  for (const auto dtype : {at::kBFloat16, at::kHalf, at::kDouble}) {
    auto o = options();
    o.dtype = dtype;
    const auto t = top_triplets(a, 4, o);
    EXPECT_EQ(t.u.scalar_type(), dtype == at::kDouble ? at::kDouble : at::kFloat);
    EXPECT_GE(inner_product(a[0], direction(t)), (1 - 2e-2) * exact);
    EXPECT_NEAR(number(t.attained) / inner_product(a[0], direction(t)), 1, 1e-2);
    EXPECT_LE(orthonormality(t.u[0]), 1e-5);
  }
}

}  // namespace
}  // namespace steepest::test
