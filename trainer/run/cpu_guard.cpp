// SPDX-License-Identifier: Apache-2.0
#include "trainer/run/cpu_guard.h"

#include <ATen/ATen.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>

namespace steepest::trainer {
namespace {

// Whether the kernel lists AMX for bfloat16 among the processor's features; false where it lists
// none.
bool announces_amx() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("flags", 0) == 0) return line.find("amx_bf16") != std::string::npos;
  }
  return false;
}

}  // namespace

bool avoid_broken_amx() {
  if (!announces_amx() || std::getenv("ONEDNN_MAX_CPU_ISA") != nullptr) return false;
  const pid_t child = fork();
  if (child < 0) return false;
  if (child == 0) {
    std::signal(SIGILL, SIG_DFL);
    const auto a = at::ones({256, 256}, at::kBFloat16);
    _exit(at::mm(a, a).numel() == 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  const bool broken = WIFSIGNALED(status);
  if (broken) setenv("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16", 1);
  return broken;
}

}  // namespace steepest::trainer
