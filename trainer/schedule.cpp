// SPDX-License-Identifier: Apache-2.0
#include "trainer/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace steepest::trainer {

double schedule_factor(const ScheduleSpec& spec, int64_t step, int64_t steps) {
  if (step < spec.warmup) {
    return static_cast<double>(step + 1) / static_cast<double>(spec.warmup + 1);
  }
  const std::string& kind = spec.kind == "replay" ? spec.base : spec.kind;
  if (kind == "constant") return 1;
  const bool cosine = kind == "cosine";
  const double last = static_cast<double>(steps - 1);
  const double begin = cosine ? static_cast<double>(spec.warmup)
                              : std::max(static_cast<double>(spec.warmup),
                                         spec.constant_fraction * static_cast<double>(steps));
  if (static_cast<double>(step) <= begin || last <= begin) return 1;
  const double part = std::min(1.0, (static_cast<double>(step) - begin) / (last - begin));
  const double fall = cosine ? (1 + std::cos(std::numbers::pi * part)) / 2 : 1 - part;
  return spec.floor + (1 - spec.floor) * fall;
}

}  // namespace steepest::trainer
