// SPDX-License-Identifier: Apache-2.0
#undef _FORTIFY_SOURCE  // it takes a jump to another stack for an error
#include "tests/cuda/emulator.h"

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

namespace steepest::cuda {

Index threadIdx, blockIdx, blockDim, gridDim;

namespace emulator {
namespace {

constexpr size_t kStack = 1 << 17;
constexpr unsigned short kNaN = 0xffff;  // in either 16-bit format; two of them in float32

struct Copy {
  unsigned short* to;
  const unsigned short* from;
  int bytes;
};

enum class State { ready, in_collective, at_barrier, ended };

struct Thread {
  unsigned index = 0;
  State state = State::ready;
  ucontext_t context;
  jmp_buf resume;
  bool started = false;
  std::unique_ptr<char[]> stack = std::make_unique<char[]>(kStack);
  void* operands = nullptr;
  void (*compute)(const Lanes&) = nullptr;
  std::deque<std::vector<Copy>> groups;
  std::vector<Copy> group;
};

// What runs now: a block, one thread of it at a time.
std::vector<std::unique_ptr<Thread>> threads;  // and their stacks, for all launches
std::vector<unsigned short> memory;
const std::function<void()>* body;
Thread* current;
jmp_buf scheduler;
ucontext_t caller;

void enter() {
  (*body)();
  current->state = State::ended;
  _longjmp(scheduler, 1);
}

// Lets the thread go on until it waits or ends.
void go_on(Thread& thread) {
  current = &thread;
  threadIdx.x = thread.index;
  if (_setjmp(scheduler) != 0) return;
  if (thread.started) _longjmp(thread.resume, 1);
  thread.started = true;
  getcontext(&thread.context);
  thread.context.uc_stack.ss_sp = thread.stack.get();
  thread.context.uc_stack.ss_size = kStack;
  thread.context.uc_link = nullptr;
  makecontext(&thread.context, enter, 0);
  swapcontext(&caller, &thread.context);
}

// Leaves the current thread, which waits for others, and returns when it may go on.
void wait_in(State state) {
  current->state = state;
  if (_setjmp(current->resume) == 0) _longjmp(scheduler, 1);
}

// Runs the warp's lanes in this order until all of them wait for a barrier or have ended.
void run_warp(Thread* const* lanes, const std::vector<unsigned>& order) {
  while (true) {
    for (const unsigned lane : order)
      if (lanes[lane]->state == State::ready) go_on(*lanes[lane]);
    if (lanes[0]->state != State::in_collective) break;
    Lanes operands;
    for (unsigned lane = 0; lane < 32; ++lane) {
      if (lanes[lane]->state != State::in_collective || lanes[lane]->compute != lanes[0]->compute)
        throw std::logic_error("the lanes of a warp diverge at a collective operation");
      operands[lane] = lanes[lane]->operands;
      lanes[lane]->state = State::ready;
    }
    lanes[0]->compute(operands);
  }
}

void run_block(unsigned count, std::mt19937_64& random) {
  std::vector<Thread*> all;
  for (unsigned i = 0; i < count; ++i) {
    auto& thread = *threads[i];
    thread.index = i;
    thread.state = State::ready;
    thread.started = false;
    thread.groups.clear();
    thread.group.clear();
    all.push_back(&thread);
  }
  std::vector<unsigned> warps(count / 32), lanes(32);
  for (unsigned i = 0; i < warps.size(); ++i) warps[i] = i;
  for (unsigned i = 0; i < 32; ++i) lanes[i] = i;
  while (true) {
    std::shuffle(warps.begin(), warps.end(), random);
    std::shuffle(lanes.begin(), lanes.end(), random);
    for (const unsigned warp : warps) run_warp(&all[32 * warp], lanes);
    const auto waits = std::count_if(all.begin(), all.end(),
                                     [](auto* t) { return t->state == State::at_barrier; });
    if (waits == 0) return;
    if (waits != static_cast<int64_t>(count))
      throw std::logic_error("some threads of a block wait for a barrier that others do not reach");
    for (auto* thread : all) thread->state = State::ready;
  }
}

}  // namespace

void run(const Launch& launch, const std::function<void()>& kernel) {
  std::mt19937_64 random(launch.seed);
  while (threads.size() < launch.threads) threads.push_back(std::make_unique<Thread>());
  body = &kernel;
  blockDim.x = launch.threads;
  gridDim.x = launch.blocks;
  for (unsigned block = 0; block < launch.blocks; ++block) {
    blockIdx.x = block;
    memory.assign(launch.shared_bytes / 2, kNaN);
    memory.shrink_to_fit();
    run_block(launch.threads, random);
  }
}

unsigned short* shared_memory() { return memory.data(); }

void barrier() { wait_in(State::at_barrier); }

void collective(void* operands, void (*compute)(const Lanes& lanes)) {
  current->operands = operands;
  current->compute = compute;
  wait_in(State::in_collective);
}

// The destination has no numbers until the copy has arrived.
void begin_copy(unsigned short* to, const unsigned short* from, int bytes) {
  std::fill_n(to, 8, kNaN);
  current->group.push_back({to, from, bytes});
}

void end_group() { current->groups.push_back(std::exchange(current->group, {})); }

void wait_for(int groups) {
  while (static_cast<int>(current->groups.size()) > groups) {
    for (const auto& copy : current->groups.front()) {
      std::fill_n(copy.to, 8, 0);
      std::memcpy(copy.to, copy.from, copy.bytes);
    }
    current->groups.pop_front();
  }
}

}  // namespace emulator
}  // namespace steepest::cuda
