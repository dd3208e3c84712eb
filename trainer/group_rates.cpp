// SPDX-License-Identifier: Apache-2.0
#include "trainer/group_rates.h"

#include <ATen/ATen.h>

#include "trainer/config/config.h"
#include "trainer/replay.h"

namespace steepest::trainer {
namespace {

// In a checkpoint's state: the numbers of another run that the schedule replays.
constexpr auto kReplayKey = "replay";

// Whether the run that made the checkpoint had this schedule.
bool had_schedule(const Checkpoint& checkpoint, const ScheduleSpec& schedule) {
  const auto then = checkpoint.state.metadata.find("config");
  if (then == checkpoint.state.metadata.end()) return false;
  try {
    return parse_config(then->second, "config").schedule == schedule;
  } catch (const ConfigError&) {  // of another version
    return false;
  }
}

}  // namespace

void GroupRates::start_from(Optimizer& optimizer, std::vector<int64_t> steps) {
  group_steps_ = std::move(steps);
  base_.clear();
  for (const auto& group : optimizer.param_groups()) base_.push_back(group.options().get_lr());
}

void GroupRates::read_replayed() { replayed_ = replay_factors(schedule_, steps_); }

void GroupRates::set(Optimizer& optimizer, int64_t step) {
  double replayed = 1;
  if (schedule_.kind == "replay") {
    if (replayed_.empty()) read_replayed();
    replayed = replayed_.at(static_cast<size_t>(step));
  }
  for (size_t g = 0; g < base_.size(); ++g) {
    const int64_t steps = group_steps_.at(g);
    const double factor = step < steps ? schedule_factor(schedule_, step, steps) : 0;
    optimizer.param_groups()[g].options().set_lr(base_[g] * (factor * replayed));
  }
}

void GroupRates::save(NamedTensors& state) const {
  if (!replayed_.empty()) state.emplace_back(kReplayKey, at::tensor(replayed_, at::kDouble));
}

void GroupRates::restore(const Checkpoint& checkpoint) {
  const auto* numbers = find_tensor(checkpoint.state.tensors, kReplayKey);
  if (numbers == nullptr || numbers->scalar_type() != at::kDouble || numbers->numel() != steps_ ||
      !had_schedule(checkpoint, schedule_))
    return;
  const auto kept = numbers->contiguous();
  const auto* data = kept.const_data_ptr<double>();
  replayed_.assign(data, data + steps_);
}

}  // namespace steepest::trainer
