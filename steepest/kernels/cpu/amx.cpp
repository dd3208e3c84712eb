// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cpu/amx.h"

#include <ATen/cpu/Utils.h>

#include <cmath>
#include <csetjmp>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "steepest/kernels/cpu/gemm_kernel.h"

namespace steepest::cpu {
namespace {

// Whether oneDNN may use AMX, as its own environment variable says.
bool is_allowed() {
  const char* limit = std::getenv("ONEDNN_MAX_CPU_ISA");
  const std::string_view isa = limit == nullptr ? "ALL" : limit;
  return isa.find("AMX") != isa.npos || isa == "ALL" || isa == "DEFAULT";
}

// Whether a tile of small integers comes out right: all its products and sums are exact.
bool multiplies_exactly(const KernelChoice& kernel) {
  constexpr int64_t kSteps = 64;
  const int64_t m = kernel.rows, n = kernel.columns;
  std::vector<float> a(m * kSteps), b(kSteps * n), c(m * n, -1);
  for (int64_t i = 0; i < m * kSteps; ++i) a[i] = static_cast<float>(i % 13 - 6);
  for (int64_t i = 0; i < kSteps * n; ++i) b[i] = static_cast<float>(i % 11 - 5);
  std::vector<std::byte> a_panel(m * kSteps * kernel.bytes), b_panel(kSteps * n * kernel.bytes);
  kernel.pack_a(a.data(), kSteps, 1, m, kSteps, 1, a_panel.data());
  kernel.pack_b(b.data(), 1, n, n, kSteps, 1, b_panel.data());
  kernel.store(a_panel.data(), m, b_panel.data(), kSteps, c.data(), n);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      float sum = 0;
      for (int64_t k = 0; k < kSteps; ++k) sum += a[i * kSteps + k] * b[k * n + j];
      if (sum != c[i * n + j]) return false;
    }
  }
  return true;
}

#if defined(__x86_64__) && defined(__linux__)
sigjmp_buf after_trap;
void jump_back(int) { siglongjmp(after_trap, 1); }

// Whether the kernel multiplies rightly, and none of its instructions is trapped.
bool works(const KernelChoice& kernel) {
  struct sigaction trap = {}, before = {};
  trap.sa_handler = jump_back;
  sigaction(SIGILL, &trap, &before);
  const bool right = sigsetjmp(after_trap, 1) == 0 && multiplies_exactly(kernel);
  sigaction(SIGILL, &before, nullptr);
  return right;
}
#else
bool works(const KernelChoice&) { return false; }
#endif

}  // namespace

bool has_amx() {
  static const bool found = [] {
    const KernelChoice* const kernel = amx_kernel();
    return kernel != nullptr && is_allowed() && at::cpu::init_amx() && works(*kernel);
  }();
  return found;
}

}  // namespace steepest::cpu
