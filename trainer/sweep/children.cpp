// SPDX-License-Identifier: Apache-2.0
#include "trainer/sweep/children.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>

#include "steepest/io/file_io.h"

namespace steepest::trainer {
namespace {

// The time in seconds.
double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// What the new process does until it is the other program: only what is allowed between fork and
// exec. `parent` is the process that has started it, which may be gone by now.
[[noreturn]] void become(char* const* arguments, int log, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // nobody would record its end
  const bool orphan = ::getppid() != parent;
  if (orphan || ::dup2(log, STDOUT_FILENO) < 0 || ::dup2(log, STDERR_FILENO) < 0) ::_exit(127);
  ::execv("/proc/self/exe", arguments);
  ::_exit(127);
}

}  // namespace

void Children::start(size_t id, const std::vector<std::string>& arguments, const std::string& log,
                     std::optional<double> earlier) {
  // One thread each, from the first library that is loaded on.
  ::setenv("OMP_NUM_THREADS", "1", 1);
  std::vector<std::string> words = {"steepest"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const File file(log, O_WRONLY | O_CREAT | O_TRUNC);
  const pid_t parent = ::getpid();
  const auto child = static_cast<pid_t>(system_call("start", log, [] { return ::fork(); }));
  if (child == 0) become(pointers.data(), file.descriptor(), parent);
  children_[child] = {id, 0, earlier.value_or(0), earlier.has_value(), log};
}

std::optional<ChildEnd> Children::take_ended() {
  int status = 0;
  rusage used{};
  const pid_t child = ::wait4(-1, &status, WNOHANG, &used);
  const auto found = children_.find(child);
  if (child <= 0 || found == children_.end()) return std::nullopt;
  ChildEnd end = found->second;
  children_.erase(found);
  end.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  end.cpu_seconds += seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
  return end;
}

std::vector<std::pair<size_t, double>> Children::cpu_seconds() const {
  std::vector<std::pair<size_t, double>> seconds;
  for (const auto& [child, end] : children_) {
    clockid_t clock = 0;
    timespec time{};
    const bool known =
        ::clock_getcpuclockid(child, &clock) == 0 && ::clock_gettime(clock, &time) == 0;
    const double own =
        known ? static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9 : 0;
    seconds.emplace_back(end.id, end.cpu_seconds + own);
  }
  return seconds;
}

void Children::ask_to_end() const {
  for (const auto& [child, end] : children_) ::kill(child, SIGTERM);
}

}  // namespace steepest::trainer
