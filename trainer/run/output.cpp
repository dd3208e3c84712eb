// SPDX-License-Identifier: Apache-2.0
#include "trainer/run/output.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>

namespace steepest::trainer {

void secure_standard_streams() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor) {
    // The lowest free number is given out, which is the one that was found closed.
    if (::fcntl(descriptor, F_GETFD) < 0 && errno == EBADF) (void)!::open("/dev/null", O_RDWR);
  }
  std::signal(SIGPIPE, SIG_IGN);
}

void print_out(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {  // the caller has made it non-blocking
      pollfd ready{STDOUT_FILENO, POLLOUT, 0};
      ::poll(&ready, 1, -1);
      continue;
    }
    if (written < 0)
      throw OutputError("stdout: cannot write: " + std::system_category().message(errno),
                        errno == EPIPE);
    text.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace steepest::trainer
