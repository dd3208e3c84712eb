// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/step_input.h"

namespace steepest::engine {

StepInput::StepInput(const Plan& plan, const std::vector<Param>& params,
                     const std::vector<Rates>& rates)
    : plan(plan), params(params) {
  for (size_t g = 0; g < plan.groups.size(); ++g) {
    const auto& choices = plan.groups[g].choices;
    const auto own = g < rates.size() ? rates[g] : Rates{};
    const double momentum = own.momentum.value_or(choices.momentum);
    numbers.push_back({own.lr, own.weight_decay, momentum,
                       momentum_map(choices, momentum, /*first=*/true),
                       momentum_map(choices, momentum, /*first=*/false)});
  }
}

StepInput::StepInput(const StepInput& like, const Plan& plan, const std::vector<Param>& params)
    : plan(plan),
      params(params),
      numbers(like.numbers),
      measure_duals(like.measure_duals),
      gathered(true),
      found_rate{like.found_rate[0], like.found_rate[1]} {}

const MomentumMap& StepInput::map(const Block& block) const {
  const auto& numbers = numbers_of(block);
  return param(block).state->step == 1 ? numbers.first_map : numbers.map;
}

double StepInput::correction(const Block& block) const {
  return momentum_correction(choices(block), numbers_of(block).momentum, param(block).state->step);
}

double StepInput::decay(const Block& block) const {
  const auto& geometry = plan.rules_of(block).geometry;
  return geometry && geometry->owns_decay() ? 0 : share_of_decay(block);
}

double StepInput::share_of_decay(const Block& block) const {
  const auto& c = choices(block);
  const auto& numbers = numbers_of(block);
  if (!c.decoupled) return 0;
  if (c.decay == Decay::soda)
    return numbers.weight_decay / static_cast<double>(param(block).state->step + 1);
  if (c.decay == Decay::independent) return numbers.weight_decay;
  return numbers.lr * found_rate[block.role == Role::backup] * numbers.weight_decay;
}

}  // namespace steepest::engine
