// SPDX-License-Identifier: Apache-2.0
// The one file that is written for torch's c10d in C++, whose headers differ from torch to torch.
#include "trainer/distributed/connect.h"

#include <torch/csrc/distributed/c10d/GroupRegistry.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>
#include <cstdlib>

namespace steepest::trainer {
namespace {

using Gloo = c10d::ProcessGroupGloo;

constexpr char kName[] = "steepest";  // of the group in torch
constexpr std::chrono::minutes kToMeet{5}, kToAnswer{30};

// Throws LostProcess for the exception that is being handled, whatever torch and Gloo have thrown.
[[noreturn]] void throw_lost() {
  std::string why = "no reason given";
  try {
    throw;
  } catch (const c10::Error& error) {
    why = error.what_without_backtrace();
  } catch (const std::exception& error) {
    why = error.what();
  }
  throw LostProcess("another process of the run was lost: " + why.substr(0, why.find('\n')));
}

// The network that this process is reached by: the loopback where process 0 is found by that, else
// the interface that GLOO_SOCKET_IFNAME names, as for torch in Python, or that of the machine's
// name.
std::shared_ptr<gloo::transport::Device> device_for(const World& world) {
  if (world.address == "127.0.0.1" || world.address == "localhost")
    return Gloo::createDeviceForHostname("127.0.0.1");
  const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
  return interface != nullptr ? Gloo::createDeviceForInterface(interface)
                              : Gloo::createDefaultDevice();
}

// Makes torch's group of the world.
c10::intrusive_ptr<c10d::ProcessGroup> make_group(const World& world) {
  const int rank = static_cast<int>(world.rank), size = static_cast<int>(world.size);
  c10d::TCPStoreOptions meeting;
  meeting.port = world.port;
  meeting.isServer = rank == 0;
  meeting.numWorkers = static_cast<size_t>(size);
  meeting.timeout = kToMeet;
  const auto store = c10::make_intrusive<c10d::TCPStore>(world.address, meeting);
  auto options = Gloo::Options::create(kToMeet);
  options->devices.push_back(device_for(world));
  const auto gloo = c10::make_intrusive<Gloo>(store, rank, size, options);
  gloo->setTimeout(kToAnswer);
  const auto group = c10::make_intrusive<c10d::ProcessGroup>(store, rank, size);
  const auto kind = c10d::ProcessGroup::BackendType::GLOO;
  group->setBackend(c10::DeviceType::CPU, kind, c10::intrusive_ptr<c10d::Backend>(gloo));
  group->setDefaultBackend(kind);
  group->setGroupName(kName);
  return group;
}

// torch's group, under its name while this lives, with errors of one kind.
class Connected : public ProcessGroup {
 public:
  explicit Connected(const World& world)
      : made_(make_group(world)), group_(process_group_of(kName, world.rank, world.size)) {
    c10d::register_process_group(kName, made_);
  }
  ~Connected() override { c10d::unregister_process_group(kName); }
  Connected(const Connected&) = delete;
  Connected& operator=(const Connected&) = delete;

  int64_t rank() const override { return group_->rank(); }
  int64_t size() const override { return group_->size(); }

  at::Tensor exchange(const at::Tensor& bytes, at::IntArrayRef sent,
                      at::IntArrayRef received) override {
    try {
      return group_->exchange(bytes, sent, received);
    } catch (...) {
      throw_lost();
    }
  }

  at::Tensor sum(const at::Tensor& x) override {
    try {
      return group_->sum(x);
    } catch (...) {
      throw_lost();
    }
  }

 private:
  c10::intrusive_ptr<c10d::ProcessGroup> made_;
  std::shared_ptr<ProcessGroup> group_;  // the same as the engine calls it
};

}  // namespace

std::shared_ptr<ProcessGroup> connect(const World& world) {
  try {
    return std::make_shared<Connected>(world);
  } catch (...) {
    throw_lost();
  }
}

}  // namespace steepest::trainer
