// SPDX-License-Identifier: Apache-2.0
// The first SIGINT or SIGTERM asks for an orderly end; the second ends the process at once.
#pragma once

#include <csignal>

namespace steepest::trainer {

// While it lives, the first of the two signals is only remembered and the default action of both is
// restored. A file that grows beyond the process's limit is then an error, not a signal (SIGXFSZ).
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // 0, SIGINT or SIGTERM.
  static int received();

 private:
  struct sigaction old_int_ {
  }, old_term_{}, old_xfsz_{};
};

}  // namespace steepest::trainer
