// SPDX-License-Identifier: Apache-2.0
// Faults by real means: killed processes, full disks, folders without the right to write, and
// operations made to fail or to be the last one through steepest::set_fault_hook.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>

#include "steepest/io/file_io.h"

namespace steepest::test {

// The wait status of a forked child that runs `body` and exits with what it returns (99:
// exception).
inline int in_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) {
    int code = 99;
    try {
      code = body();
    } catch (...) {
    }
    ::_exit(code);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

inline bool exited_with(int status, int code) {
  return WIFEXITED(status) && WEXITSTATUS(status) == code;
}
inline bool killed(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL; }

// The text of the FileError (or other exception) that `body` throws; "" when it throws none.
inline std::string error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

inline bool one_line(const std::string& text) {
  return !text.empty() && text.find('\n') == std::string::npos;
}

// While it lives, the operation with number `at` (from 0) fails with `error`, or, when that is 0,
// never happens because the process is killed before it. Operations are counted in any case.
class FaultAt {
 public:
  FaultAt(int at, int error) {
    count() = 0;
    target() = at;
    code() = error;
    set_fault_hook([](const char* operation, const std::string&) {
      if (count()++ != target()) return 0;
      last() = operation;
      if (code() == 0) ::kill(::getpid(), SIGKILL);
      return code();
    });
  }
  ~FaultAt() { set_fault_hook(nullptr); }
  FaultAt(const FaultAt&) = delete;
  FaultAt& operator=(const FaultAt&) = delete;

  static int& count() {
    static int value = 0;
    return value;
  }
  static std::string& last() {  // the operation that failed
    static std::string value;
    return value;
  }

 private:
  static int& target() {
    static int value = 0;
    return value;
  }
  static int& code() {
    static int value = 0;
    return value;
  }
};

// How many file operations `body` makes.
inline int operations_of(const std::function<void()>& body) {
  FaultAt never(-1, 0);
  body();
  return FaultAt::count();
}

// In a child: from now on no file can grow beyond `bytes`; needs no rights.
inline void limit_file_size(rlim_t bytes) {
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{bytes, bytes};
  if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) throw std::runtime_error("setrlimit failed");
}

// In a child: a mount table of its own, in which it may mount; false where that is not allowed.
inline bool own_mounts() {
  const unsigned user = ::geteuid();
  if (::unshare(CLONE_NEWNS) != 0) {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    std::ofstream("/proc/self/uid_map") << "0 " << user << " 1";  // without it nothing can be made
  }
  return ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

// In a child: a file system of `bytes` over the folder, seen by this process alone. Where mounting
// is not allowed, a limit on file sizes takes its place: writes then fail too.
inline void limit_space(const std::string& folder, int bytes) {
  const std::string size = "size=" + std::to_string(bytes);
  if (!own_mounts() || ::mount("none", folder.c_str(), "tmpfs", 0, size.c_str()) != 0) {
    limit_file_size(static_cast<rlim_t>(bytes));
  }
}

// In a child: the rights of nobody, so that permission bits bind even where tests run as root.
inline void drop_rights() {
  if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) {
    throw std::runtime_error("setuid failed");
  }
}

}  // namespace steepest::test
