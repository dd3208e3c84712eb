// SPDX-License-Identifier: Apache-2.0
#include "tests/standin/memory.h"

#include <c10/util/Exception.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <mutex>

#include "tests/standin/counts.h"

namespace standin {
namespace {

constexpr size_t kSpace = size_t{1} << 38, kPage = 4096;

// What is allocated at this moment: bytes by address, and how far addresses have been given.
struct Ledger {
  std::mutex mutex;
  std::map<void*, size_t> bytes;
  size_t used = 0;
};

Ledger& ledger() {
  static auto* const one = new Ledger;  // never destroyed: tensors may outlive static variables
  return *one;
}

int memory_file() {
  static const int file = memfd_create("standin", MFD_CLOEXEC);
  return file;
}

char* map(int protection) {
  void* const at = mmap(nullptr, kSpace, protection, MAP_SHARED | MAP_NORESERVE, memory_file(), 0);
  TORCH_CHECK(at != MAP_FAILED, "stand-in device: mmap: ", std::strerror(errno));
  return static_cast<char*>(at);
}

thread_local int current = 0;

}  // namespace

int current_device() { return current; }
void set_current_device(int index) { current = index; }

Memory& Memory::instance() {
  static auto* const one = new Memory;
  return *one;
}

Memory::Memory() {
  TORCH_CHECK(memory_file() >= 0 && ftruncate(memory_file(), kSpace) == 0,
              "stand-in device: memory file: ", std::strerror(errno));
  device_ = map(PROT_NONE), host_ = map(PROT_READ | PROT_WRITE);
}

c10::DataPtr Memory::allocate(size_t bytes) {
  const c10::Device device(c10::DeviceType::PrivateUse1, static_cast<c10::DeviceIndex>(current));
  if (bytes == 0) return {nullptr, device};
  auto& known = ledger();
  const std::lock_guard lock(known.mutex);
  const size_t pages = (bytes + kPage - 1) / kPage * kPage;
  TORCH_CHECK(known.used + pages <= kSpace, "stand-in device: out of addresses");
  void* const at = device_ + known.used;
  known.used += pages;
  known.bytes[at] = pages;
  count(Event::allocation);
  return {at, at, &Memory::release, device};
}

void Memory::release(void* device) {
  auto& known = ledger();
  const std::lock_guard lock(known.mutex);
  const auto found = known.bytes.find(device);
  const auto offset = static_cast<char*>(device) - instance().device_;
  fallocate(memory_file(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
            static_cast<off_t>(found->second));
  known.bytes.erase(found);
}

c10::DeleterFnPtr Memory::raw_deleter() const { return &Memory::release; }

void Memory::copy_data(void* to, const void* from, size_t bytes) const {
  std::memcpy(host_address(to), host_address(from), bytes);
}

void* Memory::host_address(const void* device) const {
  if (device == nullptr) return nullptr;
  const auto offset = static_cast<const char*>(device) - device_;
  TORCH_INTERNAL_ASSERT(offset >= 0 && static_cast<size_t>(offset) < kSpace,
                        "this is no address of the stand-in device");
  return host_ + offset;
}

}  // namespace standin
