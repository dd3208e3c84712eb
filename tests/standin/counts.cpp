// SPDX-License-Identifier: Apache-2.0
#include "tests/standin/counts.h"

#include <mutex>

namespace standin {
namespace {

std::mutex mutex;

std::map<std::string, int64_t>& tally() {
  static auto* const one = new std::map<std::string, int64_t>;
  return *one;
}

const char* name_of(Event event) {
  switch (event) {
    case Event::launch:
      return "launch";
    case Event::host_read:
      return "host_read";
    case Event::upload:
      return "upload";
    default:
      return "allocation";
  }
}

}  // namespace

void count(Event event, const std::string& name) {
  const std::lock_guard lock(mutex);
  ++tally()[name_of(event)];
  if (!name.empty()) ++tally()[std::string(name_of(event)) + " " + name];
}

std::map<std::string, int64_t> counts() {
  const std::lock_guard lock(mutex);
  return tally();
}

void reset_counts() {
  const std::lock_guard lock(mutex);
  tally().clear();
}

}  // namespace standin
