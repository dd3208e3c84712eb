// SPDX-License-Identifier: Apache-2.0
#include "trainer/run/signals.h"

#include <atomic>
#include <cstdint>
#include <ctime>

namespace steepest::trainer {
namespace {

std::atomic<int> signal_received{0};
std::atomic<int64_t> first_at{0};  // milliseconds
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<int64_t>::is_always_lock_free,
              "a signal handler may not wait");

// The time in milliseconds by a clock that never goes back, from an arbitrary start; never 0, which
// stands for no signal yet. It may be called in a signal handler.
int64_t milliseconds_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000 + 1;  // never 0
}

// The handler of all stop signals: the first is only remembered; one that a person repeats, later
// than kSameRequest, ends the process.
void remember_or_end(int signal) {
  const int64_t now = milliseconds_now();
  int64_t none = 0;
  if (first_at.compare_exchange_strong(none, now)) {
    signal_received = signal;
  } else if (ends_at_once(signal) && now - none >= kSameRequest) {
    std::signal(signal, SIG_DFL);
    ::raise(signal);  // it is blocked until this returns
  }
}

}  // namespace

StopSignals::StopSignals() {
  signal_received = 0, first_at = 0;
  struct sigaction action {};
  action.sa_handler = remember_or_end;
  action.sa_flags = SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  for (const int signal : kStopSignals) ::sigaddset(&action.sa_mask, signal);
  for (size_t i = 0; i < std::size(kStopSignals); ++i) {
    ::sigaction(kStopSignals[i], &action, &old_[i]);
    if (kStopSignals[i] == SIGHUP && old_[i].sa_handler == SIG_IGN) {
      ::sigaction(SIGHUP, &old_[i], nullptr);
    }
  }
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGXFSZ, &action, &old_xfsz_);
}

StopSignals::~StopSignals() {
  for (size_t i = 0; i < std::size(kStopSignals); ++i) {
    ::sigaction(kStopSignals[i], &old_[i], nullptr);
  }
  ::sigaction(SIGXFSZ, &old_xfsz_, nullptr);
}

int StopSignals::received() { return signal_received; }

}  // namespace steepest::trainer
