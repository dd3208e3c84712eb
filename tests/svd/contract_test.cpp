// SPDX-License-Identifier: Apache-2.0
// What every method promises besides accuracy, and the errors.

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <c10/util/Exception.h>

#include <functional>
#include <thread>

#include "tests/svd/matrices.h"

namespace steepest::test {
namespace {

class Contract : public testing::TestWithParam<std::string> {
 protected:
  SvdOptions options() const { return {.method = GetParam(), .fallback = false}; }
  Triplets solve(const at::Tensor& a, int64_t k = 3) const { return top_triplets(a, k, options()); }
};

INSTANTIATE_TEST_SUITE_P(Methods, Contract, testing::ValuesIn(svd_methods()),
                         [](const auto& info) { return info.param; });

void expect_equal(const Triplets& x, const Triplets& y) {
  EXPECT_TRUE(at::equal(x.u, y.u));
  EXPECT_TRUE(at::equal(x.s, y.s));
  EXPECT_TRUE(at::equal(x.vh, y.vh));
  EXPECT_EQ(x.passes, y.passes);
}

TEST_P(Contract, LeavesTheInputAndTheGlobalGeneratorAlone) {
  const auto a = gaussian({2, 50, 40}, 1).to(at::kFloat), start = gaussian({2, 40, 2}, 2);
  const auto a_before = a.clone(), start_before = start.clone();
  const auto state = at::globalContext().defaultGenerator(at::kCPU).get_state();
  top_triplets(a, 3, options(), start);
  shrinkage_triplets(a, options(), start);
  EXPECT_TRUE(at::equal(a, a_before));
  EXPECT_TRUE(at::equal(start, start_before));
  EXPECT_TRUE(at::equal(state, at::globalContext().defaultGenerator(at::kCPU).get_state()));
}

TEST_P(Contract, IsTheSameAtEachCallAndWhateverTheSeed) {
  const auto a = gaussian({1, 50, 40}, 1).to(at::kFloat);
  at::manual_seed(1);
  const auto first = solve(a);
  at::manual_seed(2);
  expect_equal(first, solve(a));
}

TEST_P(Contract, ABatchIsALoop) {
  const auto a = gaussian({3, 50, 40}, 1).to(at::kFloat);
  const auto start = gaussian({3, 40, 4}, 2).to(at::kFloat);
  const auto all = top_triplets(a, 3, options(), start);
  for (int64_t b = 0; b < 3; ++b) {
    const auto one = top_triplets(a.narrow(0, b, 1), 3, options(), start.narrow(0, b, 1));
    EXPECT_TRUE(at::equal(all.u[b], one.u[0]));
    EXPECT_TRUE(at::equal(all.s[b], one.s[0]));
    EXPECT_EQ(all.passes[b], one.passes[0]);
  }
}

TEST_P(Contract, TheTransposeHasTheTransposedAnswer) {
  const auto a = gaussian({1, 50, 40}, 1);
  const auto x = solve(a), y = solve(a.mT());
  EXPECT_LE(largest(x.u - y.vh.mT()), 1e-9);
  EXPECT_LE(largest(x.vh - y.u.mT()), 1e-9);
  EXPECT_LE(largest(x.s - y.s), 1e-9);
  EXPECT_EQ(x.passes, y.passes);
}

TEST_P(Contract, StridesDoNotMatter) {
  const auto a = gaussian({2, 50, 40}, 1);
  const auto strided =
      at::zeros({2, 40, 3, 100}, at::kDouble).select(2, 1).slice(2, 0, 100, 2).mT();
  strided.copy_(a);
  EXPECT_LE(largest(solve(strided).u - solve(a).u), 1e-9);
  const auto expanded = a.narrow(0, 0, 1).expand({3, 50, 40});
  EXPECT_LE(largest(solve(expanded).u[2] - solve(a).u[0]), 1e-9);
}

TEST_P(Contract, EmptyAndZeroInput) {
  using Sizes = std::vector<int64_t>;
  for (const auto& [sizes, k] : {std::pair<Sizes, int64_t>{{0, 5, 4}, 3},
                                 {{0, 2, 4}, 2},
                                 {{2, 0, 4}, 0},
                                 {{2, 5, 0}, 0},
                                 {{0, 0, 0}, 0}}) {
    const auto t = solve(at::zeros(sizes));
    EXPECT_EQ(t.u.sizes(), at::IntArrayRef({sizes[0], sizes[1], k}));
    EXPECT_EQ(t.vh.sizes(), at::IntArrayRef({sizes[0], k, sizes[2]}));
    EXPECT_EQ(std::ssize(t.status), sizes[0]);
    EXPECT_EQ(t.attained.sizes(), at::IntArrayRef({sizes[0]}));
    EXPECT_EQ(largest(t.attained), 0);
    EXPECT_EQ(shrinkage_triplets(at::zeros(sizes), options()).tau.size(0), sizes[0]);
  }
  const auto t = solve(at::zeros({2, 40, 50}));
  EXPECT_EQ(largest(t.u) + largest(t.s) + largest(t.vh) + largest(t.attained), 0);
  EXPECT_EQ(t.status[0], SvdStatus::converged);
}

TEST_P(Contract, WhatIsNotFiniteIsSaidAndStaysWhereItIs) {
  for (const double bad : {std::nan(""), static_cast<double>(INFINITY)})
    for (const int64_t fixed : {0, 6}) {
      auto a = gaussian({3, 50, 40}, 1).to(at::kFloat);
      const auto clean = a.clone();
      a[1][7][3] = bad;
      auto o = options();
      o.fixed_passes = fixed;
      const auto t = top_triplets(a, 3, o), expected = top_triplets(clean, 3, o);
      EXPECT_EQ(t.status[1], SvdStatus::not_finite);
      EXPECT_TRUE(t.u[1].isnan().all().item<bool>() && t.s[1].isnan().all().item<bool>());
      EXPECT_TRUE(t.attained[1].isnan().item<bool>());
      for (const int64_t b : {0, 2}) EXPECT_TRUE(at::equal(t.u[b], expected.u[b]));
      EXPECT_TRUE(shrinkage_triplets(a, o).tau[1].isnan().item<bool>());
    }
}

TEST_P(Contract, GradModeAutocastAndThreadsDoNotMatter) {
  const auto a = gaussian({1, 50, 40}, 1).to(at::kFloat);
  const auto plain = solve(a);
  const auto leaf = a.clone().requires_grad_();
  EXPECT_FALSE(solve(leaf).u.requires_grad());
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const auto under_autocast = solve(a);
  at::autocast::set_autocast_enabled(at::kCPU, false);
  expect_equal(plain, under_autocast);
  std::vector<Triplets> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results) threads.emplace_back([&] { result = solve(a); });
  for (auto& thread : threads) thread.join();
  for (const auto& result : results) EXPECT_LE(largest(result.u - plain.u), 1e-4);
}

std::string error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const c10::ValueError& error) {
    return error.what_without_backtrace();
  }
  return "no error";
}

void expect_error(const std::string& error, const std::string& text) {
  EXPECT_NE(error.find(text), std::string::npos) << error;
  EXPECT_EQ(error.find('\n'), std::string::npos) << error;
}

TEST(Errors, NameWhatWasReceivedAndWhatIsAllowed) {
  const auto a = at::ones({2, 5, 4});
  const auto with = [&](const SvdOptions& o) { return error_of([&] { top_triplets(a, 1, o); }); };
  const auto start = [&](const at::Tensor& x) {
    return error_of([&] { top_triplets(a, 1, {}, x); });
  };
  expect_error(with({.method = "qr"}),
               "svd: received \"qr\", allowed auto, exact, lanczos, block_krylov, power, "
               "randomized");
  expect_error(with({.tol = 0}), "svd_tol: received 0, allowed 0 < tol < 1");
  expect_error(with({.tol = std::nan("")}), "svd_tol: received nan");
  expect_error(with({.stop = "never"}),
               "svd_stop: received \"never\", allowed value, subspace, approximation");
  expect_error(with({.max_passes = 0}), "svd_max_passes: received 0");
  expect_error(with({.fixed_passes = -1}), "svd_passes: received -1");
  expect_error(with({.dtype = at::kInt}), "svd_dtype: received Int, allowed float64");
  expect_error(error_of([&] { top_triplets(a, 0); }), "svd k: received 0, allowed k >= 1");
  expect_error(error_of([&] { top_triplets(a[0], 1); }), "received float32 [5, 4] on cpu");
  expect_error(error_of([&] { top_triplets(a.to(at::kLong), 1); }), "received Long [2, 5, 4]");
  expect_error(error_of([&] { top_triplets({}, 1); }), "received nothing");
  expect_error(start(at::ones({2, 5, 1})), "received float32 [2, 5, 1] on cpu, allowed");
  expect_error(start(at::ones({1, 4, 1})),
               "allowed float64, float32, bfloat16, float16 [2, 4, p] on cpu");
  expect_error(start(at::ones({2, 4})), "received float32 [2, 4]");
}

}  // namespace
}  // namespace steepest::test
