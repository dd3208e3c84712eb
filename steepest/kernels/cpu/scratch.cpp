// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cpu/scratch.h"

#include <array>
#include <atomic>
#include <cstdlib>
#include <new>

namespace steepest::cpu {
namespace {

std::atomic<int64_t> held{0};  // bytes, by all threads

// Memory of one purpose, freed with its thread.
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  // Frees the memory when its thread ends.
  ~Buffer() { release(); }

  // Returns the buffer's memory, aligned to 64 bytes, grown to `bytes` where it is smaller: what it
  // held is lost then. Throws std::bad_alloc.
  void* at_least(int64_t bytes) {
    if (bytes > size_) {
      release();
      const int64_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
      data_ = std::aligned_alloc(kAlignment, static_cast<size_t>(rounded));
      if (data_ == nullptr) throw std::bad_alloc();
      size_ = rounded;
      held += size_;
    }
    return data_;
  }

 private:
  static constexpr int64_t kAlignment = 64;
  // Frees the memory, if there is any, and takes its size off `held`, the bytes of all threads.
  void release() {
    std::free(data_);
    held -= size_;
    data_ = nullptr, size_ = 0;
  }

  void* data_ = nullptr;
  int64_t size_ = 0;
};

}  // namespace

// A buffer grows to the largest size that is asked of it, and is kept until its thread ends.
void* scratch_bytes(Scratch purpose, int64_t bytes) {
  thread_local std::array<Buffer, static_cast<size_t>(Scratch::count)> buffers;
  return buffers[static_cast<size_t>(purpose)].at_least(bytes);
}

int64_t workspace_bytes() { return held; }

}  // namespace steepest::cpu
