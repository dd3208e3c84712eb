// SPDX-License-Identifier: Apache-2.0
// What the host has asked of the stand-in device so far: what costs time on an accelerator.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace standin {

enum class Event {
  launch,      // an operator that computes on the device: one kernel or more
  host_read,   // the host waits for a number, or for a tensor, of the device
  upload,      // a tensor of the host goes to the device
  allocation,  // of device memory, which a caching allocator may serve without the driver
};

// Counts one event; of a launch, its operator too, by name.
void count(Event event, const std::string& name = "");

// Returns the events since reset(): "launch", "host_read", "upload" and "allocation", and the
// launches of each operator under "launch aten::bmm".
std::map<std::string, int64_t> counts();
void reset_counts();

}  // namespace standin
