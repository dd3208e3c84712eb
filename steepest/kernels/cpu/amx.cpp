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
#include "steepest/kernels/cpu/instruction_set.h"

namespace steepest::cpu {
namespace {

// Whether oneDNN, torch's library of products, may use AMX, as its environment variable says: who
// keeps torch off AMX by it keeps this library off it too. Unset, it allows all.
bool onednn_allows_amx() {
  const char* limit = std::getenv("ONEDNN_MAX_CPU_ISA");
  const std::string_view isa = limit == nullptr ? "ALL" : limit;
  return isa.find("AMX") != isa.npos || isa == "ALL" || isa == "DEFAULT";
}

// Whether the kernel multiplies one tile exactly, as sums of 64 products. The elements are integers
// from -6 to 6, whose products and sums bfloat16 and float32 hold, so that any difference is an
// instruction that does not do what it says.
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
// The handler of SIGILL, the signal of a trapped instruction: goes on in multiplies_without_trap(),
// where sigsetjmp() returns once more, now with 1.
void jump_back(int) { siglongjmp(after_trap, 1); }

// Whether the kernel multiplies rightly, and none of its instructions is trapped: on a virtual
// machine that traps them the first raises SIGILL. The handler that was there is put back.
bool multiplies_without_trap(const KernelChoice& kernel) {
  struct sigaction trap = {}, before = {};
  trap.sa_handler = jump_back;
  sigaction(SIGILL, &trap, &before);
  const bool right = sigsetjmp(after_trap, 1) == 0 && multiplies_exactly(kernel);
  sigaction(SIGILL, &before, nullptr);
  return right;
}
#else
// Only Linux on x86-64 lets a process ask for AMX: elsewhere no kernel is tried, and none is used.
bool multiplies_without_trap(const KernelChoice&) { return false; }
#endif

}  // namespace

bool has_amx() {
  static const bool found = [] {
    const KernelChoice* const kernel = amx_kernel();
    return kernel != nullptr && is_allowed(InstructionSet::amx) && onednn_allows_amx() &&
           at::cpu::init_amx() && multiplies_without_trap(*kernel);
  }();
  return found;
}

}  // namespace steepest::cpu
