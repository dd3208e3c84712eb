// SPDX-License-Identifier: Apache-2.0
#include "trainer/distributed/launch.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <thread>
#include <vector>

#include "steepest/io/file_io.h"
#include "trainer/exit_code.h"
#include "trainer/run/signals.h"
#include "trainer/text.h"

namespace steepest::trainer {
namespace {

constexpr char kLaunched[] = "STEEPEST_LAUNCHED";
constexpr useconds_t kPause = 20'000;  // microseconds between two looks at the processes
constexpr int kGrace = 250;            // looks that the others have to end by themselves
constexpr char kLoopback[] = "127.0.0.1";

// One of the processes.
struct Process {
  pid_t id = 0;
  int errors = -1;  // a file without a name that has its stderr; -1 for process 0
  bool ended = false;
  int status = 0;  // as waitpid tells
  // Whether it has ended by a fault of its own: not by leave of process 0, nor as it lost others.
  bool failed() const {
    return ended && status != 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == kLost);
  }
};

// A port of the loopback that nobody uses now.
uint16_t free_port() {
  const int found = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  ::inet_pton(AF_INET, kLoopback, &address.sin_addr);
  socklen_t size = sizeof address;
  auto* where = reinterpret_cast<sockaddr*>(&address);
  system_call("find a port of", kLoopback, [&] { return ::bind(found, where, size); });
  system_call("find a port of", kLoopback, [&] { return ::getsockname(found, where, &size); });
  ::close(found);
  return ntohs(address.sin_port);
}

// The arguments that this process was started with.
std::vector<std::string> own_arguments() {
  std::ifstream all("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(all, word, '\0');) words.push_back(word);
  return words;
}

// What the new process does until it is the program again: only what is allowed between fork and
// exec. It is asked to end where its parent goes away; all but process 0 are silent.
[[noreturn]] void become(char* const* arguments, int errors, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  const bool orphan = ::getppid() != parent;
  const bool silenced = errors < 0 || (::dup2(::open("/dev/null", O_WRONLY), STDOUT_FILENO) >= 0 &&
                                       ::dup2(errors, STDERR_FILENO) >= 0);
  if (orphan || !silenced) ::_exit(127);
  ::execv("/proc/self/exe", arguments);
  ::_exit(127);
}

// Sets what the processes find in their environment, but for their numbers.
void set_world(int64_t count) {
  ::setenv("WORLD_SIZE", std::to_string(count).c_str(), 1);
  ::setenv("MASTER_ADDR", kLoopback, 1);
  ::setenv("MASTER_PORT", std::to_string(free_port()).c_str(), 1);
  const auto cores = static_cast<int64_t>(std::thread::hardware_concurrency());
  ::setenv("OMP_NUM_THREADS", std::to_string(std::max<int64_t>(1, cores / count)).c_str(), 0);
}

// Starts the process of that number.
Process start(int64_t rank, char* const* arguments) {
  Process process;
  const std::string number = std::to_string(rank);
  ::setenv("RANK", number.c_str(), 1);
  ::setenv("LOCAL_RANK", number.c_str(), 1);
  ::setenv(kLaunched, rank == 0 ? "1" : "", 1);
  if (rank > 0)
    process.errors = static_cast<int>(system_call("keep the errors of", "process " + number, [] {
      return ::memfd_create("stderr", MFD_CLOEXEC);
    }));
  const pid_t parent = ::getpid();
  process.id =
      static_cast<pid_t>(system_call("start", "process " + number, [] { return ::fork(); }));
  if (process.id == 0) become(arguments, process.errors, parent);
  return process;
}

// The last line that the process has written to stderr, without the program's name before it.
std::string last_words(const Process& process) {
  std::string text;
  char part[4096];
  for (ssize_t n = 0;
       (n = ::pread(process.errors, part, sizeof part, static_cast<off_t>(text.size()))) > 0;)
    text.append(part, static_cast<size_t>(n));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  text.erase(0, text.rfind('\n') + 1);
  const std::string name = "steepest: ";
  return text.starts_with(name) ? text.substr(name.size()) : text;
}

// The processes of a run from their start to the end of the last.
class Launch {
 public:
  explicit Launch(int64_t count) {
    set_world(count);
    auto words = own_arguments();
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    for (int64_t r = 0; r < count; ++r) processes_.push_back(start(r, arguments.data()));
  }

  // Waits until all have ended; ends the others by force some time after one has failed, or process
  // 0 has ended.
  void wait() {
    int passed_on = 0, looks = 0;
    while (take_ended() < processes_.size()) {
      if (const int signal = StopSignals::received(); signal != passed_on) {
        signal_all(signal), passed_on = signal;
      }
      const bool over = processes_[0].ended || first_failed_ != nullptr;
      if (over && ++looks == kGrace) signal_all(SIGKILL);
      ::usleep(kPause);
    }
  }

  // The exit code of the run, whose folder is `out`, after wait(). Prints a line where process 0
  // has not told what was wrong.
  int result(const std::string& out) const {
    const Process& first = processes_[0];
    const bool told = WIFEXITED(first.status) && WEXITSTATUS(first.status) != kLost;
    if (told) return WEXITSTATUS(first.status);
    if (const int signal = StopSignals::received()) return kSignal + signal;
    const Process& culprit = first_failed_ != nullptr ? *first_failed_ : processes_.back();
    const bool spoke = WIFEXITED(culprit.status);
    const std::string which = "process " + std::to_string(&culprit - processes_.data()) + " of " +
                              std::to_string(processes_.size());
    std::cerr << "steepest: " << which
              << (spoke ? ": " + one_line(last_words(culprit))
                        : " was ended by signal " + std::to_string(WTERMSIG(culprit.status)) +
                              " (" + ::strsignal(WTERMSIG(culprit.status)) + ")")
              << "; the others were ended; a run with a checkpoint goes on with --resume " << out
              << std::endl;
    return spoke ? WEXITSTATUS(culprit.status) : kLost;
  }

 private:
  // Notes which processes have ended since; returns how many have in all.
  size_t take_ended() {
    for (auto& process : processes_) {
      if (process.ended || ::waitpid(process.id, &process.status, WNOHANG) != process.id) continue;
      process.ended = true;
      if (process.failed() && first_failed_ == nullptr) first_failed_ = &process;
    }
    return static_cast<size_t>(std::ranges::count(processes_, true, &Process::ended));
  }

  // Sends the signal to all that have not ended.
  void signal_all(int signal) const {
    for (const auto& process : processes_)
      if (!process.ended) ::kill(process.id, signal);
  }

  std::vector<Process> processes_;
  const Process* first_failed_ = nullptr;
};

}  // namespace

int run_processes(int64_t count, const std::string& out) {
  const StopSignals signals;
  Launch launch(count);
  launch.wait();
  return launch.result(out);
}

bool is_told_of() {
  const char* launched = std::getenv(kLaunched);
  return launched != nullptr && *launched != '\0';
}

}  // namespace steepest::trainer
