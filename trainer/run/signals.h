// SPDX-License-Identifier: Apache-2.0
// The first signal that asks a run to stop asks for an orderly end; an impatient second one ends
// the process at once.
#pragma once

#include <csignal>
#include <iterator>

namespace steepest::trainer {

// What asks: a person (INT, QUIT, TERM), a terminal or session that goes away (HUP), a batch system
// (USR1, XCPU, TERM).
constexpr int kStopSignals[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGXCPU};

// Whether a second signal of this kind ends the process, as a person's request does; a terminal or
// a batch system just repeats itself.
constexpr bool ends_at_once(int signal) {
  return signal == SIGINT || signal == SIGQUIT || signal == SIGTERM;
}

// Milliseconds within which signals are one request: timeout(1) signals its child and then the
// child's group, launchers pass on what the terminal has sent to all.
constexpr int kSameRequest = 1000;

// While it lives, the first of them is only remembered. One of INT, QUIT and TERM that comes
// kSameRequest later has its default action. A SIGHUP that was ignored before (nohup) stays
// ignored. A file that grows beyond the process's limit is an error, not a signal (SIGXFSZ).
class StopSignals {
 public:
  // Sets the handlers and forgets signals from before: the first stop signal is only remembered, a
  // SIGHUP that was ignored stays so, and SIGXFSZ becomes an error of the write. The destructor
  // puts back what was there before.
  StopSignals();
  // Puts back the handlers that were there before.
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // Returns the first of kStopSignals that came since the handlers were set, or 0.
  static int received();

 private:
  struct sigaction old_[std::size(kStopSignals)]{}, old_xfsz_{};
};

}  // namespace steepest::trainer
