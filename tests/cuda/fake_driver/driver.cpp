// SPDX-License-Identifier: Apache-2.0
// A libcuda.so.1 without a GPU: its one device has the processor's memory, and what is launched
// runs in the emulator, from the source of which the loaded machine code was compiled. So the whole
// path from a tensor to a launch is tested. STEEPEST_FAKE_CUDA=<function> makes that function fail.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>

#include "tests/cuda/host_unit.h"
// The kernels come behind the unit that they use.
#include "steepest/kernels/cuda/device/one_block.cuh"
#include "steepest/kernels/cuda/device/step.cuh"
#include "steepest/kernels/cuda/device/symmetric_product.cuh"

namespace {

using namespace steepest::cuda;

struct Function {
  void (*run)(const void* task);
  int threads;
  int shared_bytes = 48 << 10;  // that it may have, until it is allowed more
};

template <class Task, void (*kernel)(const Task&)>
void run_as(const void* task) {
  kernel(*static_cast<const Task*>(task));
}

template <int width>
Function one_block_function() {
  return {run_as<IterationTask, one_block<width, unit::Fp16>>, threads_of(width)};
}

std::map<std::string, Function>& functions() {
  static std::map<std::string, Function> all{
      {"one_block_32", one_block_function<32>()},
      {"one_block_64", one_block_function<64>()},
      {"one_block_96", one_block_function<96>()},
      {"one_block_128", one_block_function<128>()},
      {"one_block_192", one_block_function<192>()},
      {"symmetric_float16",
       {run_as<SymmetricTask, symmetric_product<unit::Fp16>>, kSymmetricThreads}},
      {"symmetric_bfloat16",
       {run_as<SymmetricTask, symmetric_product<unit::Bf16>>, kSymmetricThreads}},
      {"step_advance", {run_as<AdvanceTask, advance>, kStepThreads}},
      {"step_move", {run_as<MoveTask, steepest::cuda::move>, kStepThreads}},
      {"step_sum", {run_as<SumTask, sum_partials>, kStepThreads}}};
  return all;
}

bool fails(const char* function) {
  const char* const failing = std::getenv("STEEPEST_FAKE_CUDA");
  return failing != nullptr && std::strcmp(failing, function) == 0;
}

int context;
constexpr int kInvalidValue = 1, kNotFound = 500, kLaunchFailed = 719;

// Returns the whole of an image of machine code; empty where it is none.
std::string_view image_of(const void* image) {
  const auto* const bytes = static_cast<const char*>(image);
  uint16_t machine, entry, count;
  uint64_t sections;
  std::memcpy(&machine, bytes + 18, sizeof machine);
  std::memcpy(&sections, bytes + 40, sizeof sections);
  std::memcpy(&entry, bytes + 58, sizeof entry);
  std::memcpy(&count, bytes + 60, sizeof count);
  constexpr uint16_t kCuda = 190;
  if (std::memcmp(bytes, "\177ELF", 4) != 0 || machine != kCuda) return {};
  return {bytes, sections + uint64_t{entry} * count};
}

}  // namespace

// The driver's own names.
extern "C" {
#pragma GCC visibility push(default)
int cuInit(unsigned) { return fails("cuInit") ? kInvalidValue : 0; }

// NVRTC asks for tables of the driver's, and does without where there are none.
int cuGetExportTable(const void**, const void*) { return kNotFound; }

int cuDeviceGetAttribute(int* value, int attribute, int) {
  static const std::map<int, int> kHopper{{75, 9}, {76, 0}, {97, 232448}};
  *value = kHopper.at(attribute);
  return 0;
}

int cuCtxGetCurrent(void** current) {
  *current = nullptr;
  return 0;
}
int cuDevicePrimaryCtxRetain(void** primary, int) {
  *primary = &context;
  return 0;
}
int cuCtxSetCurrent(void* current) { return current == &context ? 0 : kInvalidValue; }

int cuModuleLoadData(void** module, const void* image) {
  if (fails("cuModuleLoadData") || image_of(image).empty()) return kInvalidValue;
  *module = const_cast<void*>(image);
  return 0;
}

// The image serves as the module while the caller loads it: its names are looked up at once.
int cuModuleGetFunction(void** function, void* module, const char* name) {
  const auto found = functions().find(name);
  const std::string symbol = std::string(".text.") + name + '\0';
  if (found == functions().end() || image_of(module).find(symbol) == std::string_view::npos)
    return kNotFound;
  *function = &found->second;
  return 0;
}

int cuFuncSetAttribute(void* function, int attribute, int value) {
  constexpr int kMaxDynamicShared = 8;
  if (attribute != kMaxDynamicShared || value > 232448) return kInvalidValue;
  static_cast<Function*>(function)->shared_bytes = value;
  return 0;
}

int cuLaunchKernel(void* function, unsigned blocks, unsigned, unsigned, unsigned threads, unsigned,
                   unsigned, unsigned shared_bytes, void*, void** parameters, void**) {
  const auto& f = *static_cast<Function*>(function);
  const bool valid = blocks > 0 && threads == static_cast<unsigned>(f.threads) &&
                     shared_bytes <= static_cast<unsigned>(f.shared_bytes);
  if (fails("cuLaunchKernel") || !valid) return kLaunchFailed;
  emulator::run({.blocks = blocks, .threads = threads, .shared_bytes = shared_bytes},
                [&] { f.run(parameters[0]); });
  return 0;
}

int cuGetErrorString(int number, const char** text) {
  *text = number == kLaunchFailed ? "launch failed" : "invalid value";
  return 0;
}
#pragma GCC visibility pop
}
