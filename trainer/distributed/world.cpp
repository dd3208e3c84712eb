// SPDX-License-Identifier: Apache-2.0
#include "trainer/distributed/world.h"

#include <cstdlib>

#include "steepest/base/text.h"
#include "trainer/config/config.h"
#include "trainer/text.h"

namespace steepest::trainer {
namespace {

// The text of a variable of the environment; nothing where it is not set, or empty.
std::optional<std::string> variable(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  return text;
}

// The whole number in a variable of the environment, which has to lie within low..high. Throws
// ConfigError.
int64_t number_in(const char* name, int64_t low, int64_t high) {
  const auto text = variable(name);
  const auto number = text ? read_number(*text) : std::nullopt;
  if (number && *number >= static_cast<double>(low) && *number <= static_cast<double>(high)) {
    const auto whole = static_cast<int64_t>(*number);
    if (static_cast<double>(whole) == *number) return whole;
  }
  throw ConfigError(std::string(name) + ": received " +
                    (text ? in_quotes(one_line(*text, 100)) : "nothing") + ", allowed " +
                    std::to_string(low) + " to " + std::to_string(high) +
                    " where RANK and WORLD_SIZE are set");
}

}  // namespace

std::optional<World> world_of_environment() {
  if (!variable("RANK") || !variable("WORLD_SIZE")) return std::nullopt;
  World world;
  world.size = number_in("WORLD_SIZE", 1, 1'000'000);
  world.rank = number_in("RANK", 0, world.size - 1);
  if (world.size == 1) return std::nullopt;
  world.port = static_cast<uint16_t>(number_in("MASTER_PORT", 1, 65535));
  const auto address = variable("MASTER_ADDR");
  if (!address)
    throw ConfigError(
        "MASTER_ADDR: received nothing, allowed the address of process 0 where RANK and "
        "WORLD_SIZE are set");
  world.address = *address;
  return world;
}

void require_shareable(const RunSpec& spec, int64_t processes) {
  if (processes == 1) return;
  const std::string received = "--nproc: received " + std::to_string(processes);
  const int64_t rows = spec.data.batch / spec.accumulate;
  if (rows % processes != 0)
    throw ConfigError(received + ", allowed a divisor of " + std::to_string(rows) +
                      ", the rows of a micro-batch (batch.rows / batch.accumulate)");
  if (spec.device != "cpu")
    throw ConfigError(received + " with run.device " + in_quotes(spec.device) +
                      ", allowed 1: processes share a run on CPUs only");
}

}  // namespace steepest::trainer
