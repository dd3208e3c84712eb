// SPDX-License-Identifier: Apache-2.0
// From a tensor to a launch, as on a CUDA device: NVRTC compiles, and a driver without a GPU loads
// what it has made and runs it in the emulator. What the entries of the device's table answer is
// what ATen, or the processor's loops, would.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "steepest/kernels/cpu/step.h"
#include "steepest/kernels/cuda/cubin.h"
#include "steepest/kernels/cuda/iteration.h"
#include "steepest/kernels/cuda/launch.h"
#include "steepest/kernels/cuda/step.h"
#include "steepest/kernels/cuda/table.h"
#include "tests/cuda/matrices.h"

namespace steepest::cuda::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kNoNvrtc = "no NVRTC: pip install nvidia-cuda-nvrtc beside torch";

// A cache folder of this process' own.
class DevicePath : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = fs::temp_directory_path() / ("steepest-cuda-" + std::to_string(getpid()));
    setenv("XDG_CACHE_HOME", folder_.c_str(), 1);
  }
  static void TearDownTestSuite() { fs::remove_all(folder_); }
  void SetUp() override {
    if (Nvrtc::instance() == nullptr) GTEST_SKIP() << kNoNvrtc;
    ASSERT_TRUE(is_available(at::empty({1})));
  }
  static inline fs::path folder_;
};

double difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

TEST_F(DevicePath, IterationsOfSmallMatrices) {
  const PolynomialIteration it{.steps = {{3.4445, -4.775, 2.0315}, {1.5, -.5, 0}},
                               .half_operands = true};
  const auto x = gaussian({3, 20, 100}, 1), before = x.clone();
  const auto y = iterate(x, it, /*may_overwrite=*/false);
  EXPECT_TRUE(at::equal(x, before));
  const auto expected = exact(x, it);
  EXPECT_LT(difference(y, expected), 2e-3);
  const auto transposed = iterate(x.mT(), it, false);  // rows that are not contiguous
  EXPECT_LT(difference(transposed.mT(), expected), 2e-3);
  const auto z = iterate(x, it, /*may_overwrite=*/true);
  EXPECT_TRUE(z.is_alias_of(x));
  EXPECT_TRUE(at::equal(z, y));
}

// The same beyond what a block holds, in the standard form and in the Gram form.
TEST_F(DevicePath, IterationsOfLargeMatrices) {
  PolynomialIteration it{
      .steps = {{3.4445, -4.775, 2.0315}, {3.4445, -4.775, 2.0315}, {1.5, -.5, 0}},
      .half_operands = true};
  for (const bool gram : {false, true}) {
    it.gram = gram;
    if (gram) it.restarts = {2};
    for (const bool tall : {false, true}) {
      const auto wide = gaussian({1, 256, 320}, 3), x = tall ? wide.mT().contiguous() : wide;
      const auto y = iterate(x, it, false);
      EXPECT_EQ(y.sizes(), x.sizes());
      EXPECT_TRUE(y.is_contiguous());
      const auto expected = exact(x, it);
      EXPECT_LT(at::linalg_matrix_norm(y.to(at::kDouble) - expected, 2).item<double>(), 4e-3);
    }
  }
  auto zero = at::zeros({2, 256, 256});
  zero[1][7][7] = std::nanf("");
  it.steps.resize(1);
  const auto y = iterate(zero, it, false);
  EXPECT_EQ(y[0].abs().max().item<float>(), 0);
  EXPECT_TRUE(y[1].isnan().all().item<bool>());
}

TEST_F(DevicePath, DeclinesOtherIterations) {
  const PolynomialIteration exact{.steps = {{1.5, -.5, 0}}};
  const PolynomialIteration half{.steps = {{1.5, -.5, 0}}, .half_operands = true};
  EXPECT_FALSE(iterate(gaussian({1, 8, 8}, 1), exact, false).defined());
  EXPECT_FALSE(iterate(gaussian({1, 200, 200}, 1), half, false).defined());
  EXPECT_FALSE(iterate(gaussian({0, 8, 8}, 1), half, false).defined());
  EXPECT_FALSE(iterate(gaussian({1, 8, 8}, 1, at::kDouble), half, false).defined());
}

TEST_F(DevicePath, SymmetricProducts) {
  for (const auto dtype : {at::kHalf, at::kBFloat16}) {
    const double tolerance = dtype == at::kHalf ? 2e-3 : 2e-2;
    const auto x = gaussian({2, 256, 264}, 1).div(16).to(dtype);
    const auto g = product(x, x.mT());
    EXPECT_LT(difference(g, at::matmul(x.to(at::kDouble), x.to(at::kDouble).mT())), tolerance);
    const auto wide = g.to(at::kDouble);
    const auto z = product_plus(g, g, g, 2, .5), expected = 2 * wide + .5 * at::matmul(wide, wide);
    EXPECT_LT(difference(z, expected), tolerance * 4);
    EXPECT_TRUE(at::equal(z, z.mT()));
    EXPECT_FALSE(product(x, x).defined());
    EXPECT_FALSE(product(x, x.clone().mT()).defined());
    EXPECT_FALSE(product(x.mT(), x).defined());
    EXPECT_FALSE(product_plus(g, g, z, 2, .5).defined());
    EXPECT_FALSE(product(x.narrow(1, 0, 96), x.narrow(1, 0, 96).mT()).defined());
    const auto shifted = x.narrow(2, 1, 256);
    EXPECT_FALSE(product(shifted, shifted.mT()).defined());
  }
  const auto x = gaussian({1, 256, 256}, 1);
  EXPECT_FALSE(product(x, x.mT()).defined());
}

TEST_F(DevicePath, StepsHaveTheProcessorsBits) {
  const auto m = gaussian({60, 70}, 1), g = gaussian({60, 70}, 2), u = at::empty_like(m);
  const auto n = m.clone(), v = at::empty_like(m);
  const auto version = m._version();
  ASSERT_TRUE(advance(m, g, u, .05, .95));
  EXPECT_GT(m._version(), version);
  ASSERT_TRUE(cpu::advance(n, g, v, .05, .95));
  EXPECT_TRUE(at::equal(m, n));
  EXPECT_TRUE(at::equal(u, v));
  ASSERT_TRUE(apply(m, u, {.coefficient = .1, .keep = .99}));
  ASSERT_TRUE(cpu::apply(n, v, {.coefficient = .1, .keep = .99}));
  EXPECT_TRUE(at::equal(m, n));
}

TEST_F(DevicePath, StepsDeclineWhatIsNotPlain) {
  const auto m = gaussian({6, 6}, 1), other = m.to(at::kDouble);
  EXPECT_FALSE(advance(other, other, other, .1, .9));
  EXPECT_FALSE(advance(m, m.t(), m, .1, .9));
  EXPECT_FALSE(advance(m, m.narrow(0, 0, 5), m, .1, .9));
  EXPECT_FALSE(advance_list({m, m.to(at::kHalf)}, {m, m}, {m, m}, .1, .9));
  EXPECT_FALSE(apply(other, other, {}));
  EXPECT_FALSE(apply(m.t(), m, {}));
}

// The second time the code comes from a file; a file that is not whole is written anew.
TEST_F(DevicePath, CodeIsCached) {
  const auto& kernel = kernel_sources().back();
  const auto files = [&] {
    std::vector<fs::path> all;
    for (const auto& entry : fs::directory_iterator(cache_folder()))
      if (entry.path().string().find("sm_80") != std::string::npos) all.push_back(entry.path());
    return all;
  };
  const auto compiled = cached_kernel(*Nvrtc::instance(), kernel, "sm_80");
  ASSERT_FALSE(compiled.cubin.empty()) << compiled.log;
  ASSERT_EQ(files().size(), 1u);
  const auto file = files()[0];
  const auto written = fs::last_write_time(file);
  EXPECT_EQ(cached_kernel(*Nvrtc::instance(), kernel, "sm_80").cubin, compiled.cubin);
  EXPECT_EQ(fs::last_write_time(file), written);
  const auto size = fs::file_size(file);
  for (const auto bytes : {uintmax_t{0}, uintmax_t{40}, size - 1}) {
    fs::resize_file(file, bytes);
    EXPECT_EQ(cached_kernel(*Nvrtc::instance(), kernel, "sm_80").cubin, compiled.cubin);
    EXPECT_EQ(fs::file_size(file), size);
  }
  EXPECT_EQ(files().size(), 1u);
}

TEST_F(DevicePath, AFolderThatCannotBeWrittenIsNone) {
  setenv("XDG_CACHE_HOME", "/proc/nowhere", 1);
  EXPECT_FALSE(cached_kernel(*Nvrtc::instance(), kernel_sources().back(), "sm_80").cubin.empty());
  setenv("XDG_CACHE_HOME", folder_.c_str(), 1);
}

TEST_F(DevicePath, WhatDoesNotCompileSaysWhy) {
  const auto compiled = compile_kernel(*Nvrtc::instance(), kernel_sources().back(), "sm_1");
  EXPECT_TRUE(compiled.cubin.empty());
  EXPECT_NE(compiled.log.find("gpu-architecture"), std::string::npos) << compiled.log;
}

// In a process of its own, as a device that has failed stays without kernels. (Death tests run
// first, before any kernel is loaded.)
TEST(DevicePathDeathTest, AFailureLeavesTheWorkToAten) {
  if (Nvrtc::instance() == nullptr) GTEST_SKIP() << kNoNvrtc;
  for (const char* function : {"cuModuleLoadData", "cuLaunchKernel"}) {
    const auto exit_code = [&] {
      setenv("STEEPEST_FAKE_CUDA", function, 1);
      const auto m = gaussian({6, 70}, 1), before = m.clone();
      if (advance(m, before, m, .1, .9)) return 1;
      if (difference(m, before) != 0) return 2;
      setenv("STEEPEST_FAKE_CUDA", "", 1);
      if (advance(m, before, m, .1, .9)) return 3;
      return is_available(m) ? 4 : 0;
    };
    EXPECT_EXIT(std::_Exit(exit_code()), testing::ExitedWithCode(0), "no CUDA kernels of its own")
        << function;
  }
}

TEST(DeviceTable, IsOffUnlessAskedFor) {
  EXPECT_EQ(kernels().fast_dtype, at::kBFloat16);
  EXPECT_FALSE(kernels().host_reads);
  EXPECT_EQ(kernels().iterate, nullptr);
  EXPECT_NE(kernels_text().find("off (STEEPEST_CUDA=kernels)"), std::string::npos);
  setenv("STEEPEST_CUDA", "yes", 1);
  EXPECT_THROW(kernels_text(), c10::ValueError);
  unsetenv("STEEPEST_CUDA");
}

}  // namespace
}  // namespace steepest::cuda::test
