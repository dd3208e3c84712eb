// SPDX-License-Identifier: Apache-2.0
// What every solver promises besides accuracy, and the errors of make_polar.

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <thread>

#include "steepest/polar/schedules.h"
#include "tests/polar/matrices.h"

namespace steepest::polar::test {
namespace {

class Contract : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Methods, Contract, testing::ValuesIn(polar_methods()),
                         [](const auto& info) { return info.param; });

// Two orders of summation apart. A schedule that has not converged multiplies bfloat16's rounding
// by its slopes.
double tolerance(at::ScalarType dtype) {
  if (dtype == at::kBFloat16) return .15;
  return dtype == at::kDouble ? 1e-10 : dtype == at::kFloat ? 2e-4 : 3e-2;
}

constexpr at::ScalarType kDtypes[] = {at::kDouble, at::kFloat, at::kBFloat16, at::kHalf};

TEST_P(Contract, BatchIsLoop) {
  const auto polar = solver(GetParam());
  for (const auto dtype : kDtypes) {
    for (const auto& [r, c] : {std::pair{3, 3}, {16, 16}, {8, 20}, {20, 8}, {33, 40}}) {
      at::Tensor x = gaussian({4, r, c}, 1).to(dtype);
      x[2].mul_(1e-6);  // each matrix has its own scale
      const at::Tensor batch = polar->polar(x);
      for (int64_t i = 0; i < 4; ++i) {
        const at::Tensor alone = polar->polar(x.narrow(0, i, 1));
        const bool same = at::equal(batch.narrow(0, i, 1), alone);
        EXPECT_TRUE(same || dtype != at::kBFloat16) << r << "x" << c;
        EXPECT_LE(largest(batch.narrow(0, i, 1) - alone), tolerance(dtype)) << r << "x" << c;
      }
    }
  }
}

TEST_P(Contract, TransposePartner) {
  const auto polar = solver(GetParam());
  for (const auto dtype : kDtypes) {
    for (const auto& [r, c] : {std::pair{12, 12}, {7, 15}, {1, 6}}) {
      const at::Tensor s = logarithmic(std::min(r, c), .2);
      const at::Tensor x = with_spectrum(s, r, c, 3).to(dtype);
      const at::Tensor y = polar->polar(x.mT());
      EXPECT_LE(largest(y - polar->polar(x).mT()), tolerance(dtype)) << dtype << r << "x" << c;
    }
  }
}

TEST_P(Contract, AnyStrides) {
  const auto polar = solver(GetParam());
  for (const auto dtype : kDtypes) {
    const at::Tensor x = gaussian({3, 10, 14}, 2).to(dtype);
    const at::Tensor y = polar->polar(x);
    EXPECT_TRUE(y.is_contiguous());
    const at::Tensor transposed = x.mT().contiguous().mT();
    const at::Tensor padded = at::zeros({3, 20, 42}, dtype).slice(1, 0, 20, 2).slice(2, 0, 42, 3);
    padded.copy_(x);
    const at::Tensor outer = x.permute({1, 2, 0}).contiguous().permute({2, 0, 1});
    for (const at::Tensor& z : {transposed, padded, outer})
      EXPECT_LE(largest(polar->polar(z) - y), tolerance(dtype)) << dtype;
    const at::Tensor expanded = polar->polar(x.narrow(0, 0, 1).expand({2, 10, 14}));
    EXPECT_LE(largest(expanded[1] - y[0]), tolerance(dtype)) << dtype;
  }
}

TEST_P(Contract, LeavesInputAndGeneratorAlone) {
  const auto polar = solver(GetParam());
  const at::Tensor before = at::detail::getDefaultCPUGenerator().get_state();
  for (const auto dtype : kDtypes) {
    for (const auto& sizes : {std::vector<int64_t>{2, 5, 8}, {1, 8, 5}, {1, 1, 1}}) {
      const at::Tensor x = gaussian(sizes, 5).to(dtype), copy = x.clone();
      const at::Tensor y = polar->polar(x);
      EXPECT_TRUE(at::equal(x, copy));
      EXPECT_FALSE(y.is_alias_of(x));
    }
  }
  EXPECT_TRUE(at::equal(before, at::detail::getDefaultCPUGenerator().get_state()));
}

TEST_P(Contract, IsDeterministicAlsoFromManyThreads) {
  const auto polar = solver(GetParam());
  const at::Tensor x = gaussian({2, 24, 40}, 6).to(at::kFloat), y = polar->polar(x);
  std::vector<at::Tensor> results(3);
  std::vector<std::thread> threads;
  for (at::Tensor& r : results) threads.emplace_back([&] { r = polar->polar(x); });
  for (std::thread& t : threads) t.join();
  EXPECT_TRUE(at::equal(polar->polar(x), y));
  for (const at::Tensor& r : results) EXPECT_LE(largest(r - y), 1e-4);
}

TEST_P(Contract, DescribesItself) {
  const std::string text = solver(GetParam(), {}, at::kFloat)->describe();
  EXPECT_EQ(text.rfind(GetParam() + "(", 0), 0u) << text;
  EXPECT_NE(text.find("dtype=float32"), std::string::npos) << text;
}

TEST_P(Contract, RefusesWhatIsNoBatchOfMatrices) {
  const auto polar = solver(GetParam());
  EXPECT_THROW(polar->polar(at::ones({3, 4})), c10::ValueError);
  EXPECT_THROW(polar->polar(at::ones({2, 3, 4}, at::kInt)), c10::ValueError);
  EXPECT_THROW(polar->polar(at::ones({2, 3, 4}, at::kComplexFloat)), c10::ValueError);
  EXPECT_THROW(polar->polar(at::Tensor()), c10::ValueError);
}

std::string message(const PolarOptions& options) {
  try {
    make_polar(options);
  } catch (const c10::ValueError& e) {
    return e.what_without_backtrace();
  }
  return "no error";
}

TEST(MakePolar, NamesWhatWasReceivedAndWhatIsAllowed) {
  const std::string method = message({.method = "polar_expres"});
  EXPECT_NE(method.find("polar: received \"polar_expres\", allowed svd, "), std::string::npos)
      << method;
  EXPECT_NE(method.find("nearest: polar_express"), std::string::npos) << method;
  for (const std::string& name : polar_methods()) {
    if (name.starts_with("gram_") || name.starts_with("fast_")) continue;
    EXPECT_NE(method.find(name), std::string::npos) << method;
  }
  for (const std::string name : {"newtonschulz", "newton_schulz5", "zeropower_via_newtonschulz5"})
    EXPECT_NE(message({.method = name}).find("; nearest: jordan"), std::string::npos) << name;
  EXPECT_EQ(message({.method = "jordan", .steps = 0}), "polar_steps: received 0, allowed 1 to 100");
  EXPECT_EQ(message({.method = "svd", .steps = 5}),
            "polar_steps: received 5, allowed unset: \"svd\" takes no steps");
  EXPECT_EQ(message({.method = "gram_jordan", .dtype = at::kBFloat16}),
            "polar_dtype: received bfloat16, allowed for \"gram_jordan\": float64, "
            "float32");
  EXPECT_EQ(message({.method = "cans", .dtype = at::kHalf}),
            "polar_dtype: received float16, allowed for \"cans\": float64, float32");
  EXPECT_EQ(message({.method = "jordan", .dtype = at::kInt}),
            "polar_dtype: received Int, allowed for \"jordan\": float64, float32, "
            "bfloat16, float16");
  EXPECT_EQ(message({.method = "jordan", .restarts = {{2}}}),
            "polar_restarts: received [2], allowed unset: \"jordan\" is no Gram form");
  EXPECT_EQ(message({.method = "gram_jordan", .restarts = {{3, 2}}}),
            "polar_restarts: received [3, 2], allowed ascending steps from 1 on");
  for (const PolarOptions& o :
       {PolarOptions{.method = ""}, PolarOptions{.method = "newton", .steps = 101}})
    EXPECT_EQ(message(o).find('\n'), std::string::npos);
}

TEST(MakePolar, Defaults) {
  EXPECT_EQ(make_polar({})->describe(), "polar_express(steps=5, dtype=input)");
  EXPECT_EQ(solver("polar_express", 6, at::kFloat)->describe(),
            "polar_express(steps=6, dtype=float32)");
  EXPECT_EQ(solver("gram_polar_express", 5, at::kFloat)->describe(),
            "gram_polar_express(steps=5, dtype=float32, restarts=[2])");
  EXPECT_EQ(solver("svd")->describe(), "svd(dtype=input, float32 at least)");
  EXPECT_EQ(solver("svd")->bound(1e-9), 0);
}

}  // namespace
}  // namespace steepest::polar::test
