// SPDX-License-Identifier: Apache-2.0
#include "trainer/run/wait_policy.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <string_view>

namespace steepest::trainer {
namespace {

// Whether the user has said how many threads there are, and that it is one, or how they wait.
bool is_said() {
  const char* threads = std::getenv("OMP_NUM_THREADS");
  return std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr ||
         (threads != nullptr && std::string_view(threads) == "1");
}

// Whether the command computes on several threads.
bool computes(const char* command) {
  constexpr std::array<std::string_view, 3> kCommands = {"train", "eval", "sample"};
  return command != nullptr && std::ranges::find(kCommands, command) != kCommands.end();
}

}  // namespace

// By its own path, as /proc/self/exe would be shown as the name "exe".
void wait_briefly(char** argv) {
  if (argv[0] == nullptr || !computes(argv[1]) || is_said()) return;
  std::array<char, PATH_MAX> path{};
  if (readlink("/proc/self/exe", path.data(), path.size() - 1) <= 0) return;
  setenv("GOMP_SPINCOUNT", "1000", 1);
  execv(path.data(), argv);
}

}  // namespace steepest::trainer
