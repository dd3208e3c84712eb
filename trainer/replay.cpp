// SPDX-License-Identifier: Apache-2.0
#include "trainer/replay.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "steepest/base/text.h"
#include "steepest/optimizers/optimizers.h"
#include "trainer/config/config.h"
#include "trainer/run/read_metrics.h"

namespace steepest::trainer {
namespace {

using Json = nlohmann::ordered_json;

// Throws ConfigError with the key of [schedule], what was received there, and what is allowed.
[[noreturn]] void refuse_schedule(const std::string& key, const std::string& received,
                                  const std::string& allowed) {
  throw ConfigError("schedule." + key + ": received " + received + ", allowed " + allowed);
}

// The power of a step's rate that its D was made with: R_l is lr r of a constrained step, and
// sqrt(lr) r of a regularized one. 0 for columns that hold no rate.
double power_of_rate(const ScheduleSpec& spec) {
  if (spec.key != "D") return 0;
  const auto run = load_config(spec.path + "/config.toml");
  const auto chosen = recipe(run.recipe, run.optimizer);
  return chosen.update == UpdateForm::regularized ? 0.5 : 1;
}

// The number of a column in a line of metrics, without the rate to this power; NaN where there is
// none, or where the rate was 0.
double number_in(const Json& line, const std::string& key, double power) {
  const auto number = [&](const std::string& name) {
    return line.contains(name) && line[name].is_number() ? line[name].get<double>() : std::nan("");
  };
  const double value = number(key);
  if (power == 0) return value;
  const double rate = number("lr");
  const double divisor = power == 0.5 ? std::sqrt(rate) : rate;
  return divisor > 0 ? value / divisor : std::nan("");
}

// The column of the run's first `steps` steps, each step without a number with that of the step
// before.
std::vector<double> column(const ScheduleSpec& spec, int64_t steps) {
  const double power = power_of_rate(spec);
  std::vector<double> numbers(static_cast<size_t>(steps), std::nan(""));
  int64_t last = 0;
  for_each_metrics_line(spec.path, [&](const Json& line) {
    const auto step = line["step"].get<int64_t>();
    if (step < 1 || step > steps) return;
    last = std::max(last, step);
    const double number = number_in(line, spec.key, power);
    if (std::isfinite(number)) numbers[static_cast<size_t>(step) - 1] = number;
  });
  if (last < steps)
    refuse_schedule("path", in_quotes(spec.path) + ", a run of " + std::to_string(last) + " steps",
                    "one of run.steps = " + std::to_string(steps) + " or more");
  if (std::isnan(numbers[0]))
    refuse_schedule("key", in_quotes(spec.key),
                    "a number that " + spec.path + "/metrics.jsonl has at step 1");
  for (size_t i = 1; i < numbers.size(); ++i)
    if (std::isnan(numbers[i])) numbers[i] = numbers[i - 1];
  return numbers;
}

// Throws ConfigError unless all numbers can be factors of a rate, and have a logarithm where one is
// taken.
void require_factors(const ScheduleSpec& spec, const std::vector<double>& numbers) {
  const bool logarithms = spec.smooth > 0 || spec.detrend;
  const auto bad = std::find_if(numbers.begin(), numbers.end(),
                                [&](double x) { return logarithms ? x <= 0 : x < 0; });
  if (bad == numbers.end()) return;
  refuse_schedule("key",
                  in_quotes(spec.key) + ", which is " + print_number(*bad) + " at step " +
                      std::to_string(bad - numbers.begin() + 1),
                  logarithms ? "numbers above 0 with smooth or detrend" : "numbers from 0");
}

}  // namespace

std::vector<double> geometric_means(const std::vector<double>& numbers, int64_t smooth) {
  if (smooth == 0) return numbers;
  std::vector<double> sums = {0};  // of the logarithms before each number
  for (const double number : numbers) sums.push_back(sums.back() + std::log(number));
  std::vector<double> means;
  const auto count = static_cast<int64_t>(numbers.size());
  for (int64_t i = 0; i < count; ++i) {
    const int64_t side = std::min({smooth, i, count - 1 - i});
    const auto width = static_cast<double>(2 * side + 1);
    means.push_back(std::exp((sums[i + side + 1] - sums[i - side]) / width));
  }
  return means;
}

std::vector<double> replay_factors(const ScheduleSpec& spec, int64_t steps) {
  if (spec.kind != "replay") return {};
  auto numbers = column(spec, steps);
  require_factors(spec, numbers);
  numbers = geometric_means(numbers, spec.smooth);
  if (!spec.detrend) return numbers;
  const auto add_log = [](double sum, double x) { return sum + std::log(x); };
  const double mean = std::exp(std::accumulate(numbers.begin(), numbers.end(), 0.0, add_log) /
                               static_cast<double>(numbers.size()));
  for (auto& number : numbers) number = mean / number;
  return numbers;
}

}  // namespace steepest::trainer
