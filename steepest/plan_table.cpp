// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <iomanip>
#include <sstream>

#include "steepest/base/text.h"
#include "steepest/distributed/sharing.h"

namespace steepest {
namespace {

// Returns the line that ends a shared plan's table: what a step costs this process.
std::string load_line(const Sharing& sharing) {
  const auto loads = loads_of(sharing);
  double all = 0;
  for (const auto& load : loads) all += load.flops;
  const auto& own = loads[sharing.member.rank];
  return "process " + std::to_string(sharing.member.rank) + " of " + std::to_string(loads.size()) +
         ": " + print_number(all == 0 ? 0 : std::round(1000 * own.flops / all) / 10) +
         " % of the work that is divided; sends " + std::to_string(own.sent) + " numbers a step\n";
}

}  // namespace

std::string print_plan(const Plan& plan) {
  const auto* sharing = plan.sharing.get();
  const auto& whole = sharing ? sharing->whole : plan;
  std::ostringstream out;
  out << std::left << std::setw(44) << "parameter" << std::setw(12) << "role" << std::setw(16)
      << "norm" << std::setw(20) << "matrices"
      << (sharing ? "radius      computed by\n" : "radius\n");
  for (size_t i = 0; i < whole.blocks.size(); ++i) {
    const auto& b = whole.blocks[i];
    const auto shape =
        std::to_string(b.batch) + " x " + std::to_string(b.rows) + " x " + std::to_string(b.cols);
    out << std::setw(44) << whole.params[b.param].name << std::setw(12) << text_of(b.role)
        << std::setw(16) << whole.rules_of(b).norm->name() << std::setw(20) << shape;
    if (!sharing) {
      out << print_number(b.radius) << "\n";
      continue;
    }
    const int64_t owner = sharing->owners[i];
    out << std::setw(12) << print_number(b.radius)
        << (owner == kWhereItLies ? "where it lies" : "process " + std::to_string(owner)) << "\n";
  }
  if (sharing) out << load_line(*sharing);
  return out.str();
}

}  // namespace steepest
