// SPDX-License-Identifier: Apache-2.0
#include "trainer/signals.h"

#include <atomic>

namespace steepest::trainer {
namespace {

std::atomic<int> signal_received{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may not wait");

void remember(int signal) {
  int none = 0;
  signal_received.compare_exchange_strong(none, signal);
  for (const int impatient : {SIGINT, SIGQUIT, SIGTERM}) std::signal(impatient, SIG_DFL);
}

}  // namespace

StopSignals::StopSignals() {
  signal_received = 0;
  struct sigaction action {};
  action.sa_handler = remember;
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
