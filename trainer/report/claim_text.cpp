// SPDX-License-Identifier: Apache-2.0
#include "trainer/report/claim_text.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "trainer/report/numbers.h"

namespace steepest::trainer {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Whether the last clause of the paper's text names the id: "..; M6c to M6f are predictions of this
// project", "..; K6f is a prediction of this project".
bool is_prediction(const std::string& id, const std::string& paper) {
  if (paper.find("of this project") == paper.npos) return false;
  const auto begin = paper.rfind(';');
  std::istringstream clause(begin == paper.npos ? paper : paper.substr(begin + 1));
  std::string first, to, last;
  clause >> first >> to >> last;
  return first == "these" || (to == "to" ? first <= id && id <= last : first == id);
}

// Whether numbers of the contrast are differences, which have a sign where they are above 0, too.
bool is_difference(const Contrast& c) { return c.reference == 0 && c.unit != unit_of_ratio(); }

}  // namespace

Unit unit_of_measure(const std::string& measure) {
  struct Known {
    const char *measure, *after, *name;
  };
  static constexpr Known kKnown[] = {
      {"val_loss", "nats", "nats of validation loss"},
      {"val_accuracy", "of accuracy", "validation accuracy, from 0 to 1"},
      {"steps", "steps", "steps to the target"},
      {"log_steps", "in ln(steps)", "natural logarithm of the steps"},
      {"log_seconds", "in ln(seconds)", "natural logarithm of the seconds"},
      {"log_step_seconds", "in ln(seconds a step)", "natural logarithm of CPU seconds a step"},
      {"log_optimizer_seconds", "in ln(optimizer's seconds a step)",
       "natural logarithm of the optimizer's CPU seconds a step"},
      {"log_seconds_to_accuracy", "in ln(seconds to the accuracy)",
       "natural logarithm of CPU seconds to the accuracy that all reach"},
      {"first_text_loss", "nats", "nats of validation loss on the first text"},
      {"log_steps_to_loss", "in ln(steps)", "natural logarithm of the steps to AdamW's last loss"},
      {"log_seconds_to_loss", "in ln(seconds)",
       "natural logarithm of CPU seconds to AdamW's last loss"},
      {"rank_share", "of the full rank", "stable rank of the momentum over its full rank"},
      {"update_rank_share", "of the full rank", "stable rank of the update over its full rank"},
      {"overhead", "of T m / B", "optimizer's work over the model's, in multiples of T m / B"},
      {"slope", "", "slope of ln(gradient norm) by ln(steps)"}};
  for (const auto& known : kKnown)
    if (measure == known.measure) return {known.after, known.name};
  std::string words = measure;
  std::replace(words.begin(), words.end(), '_', ' ');
  return {words, words};
}

Unit unit_of_ratio() { return {"as a ratio", "ratio of two effects"}; }

std::string source_of(const Contrast& c, const std::string& paper) {
  if (paper.empty()) return "";
  const bool has_value = c.paper || !c.paper_text.empty();
  const bool named = !c.id.empty() && std::string("LQC").find(c.id.front()) != std::string::npos;
  if (paper.starts_with("no claim of a paper") || is_prediction(c.id, paper) ||
      (named && !has_value))
    return "own question";
  const auto name = paper.substr(0, paper.find_first_of(",:;("));
  return "claim of " + name.substr(0, name.find_last_not_of(' ') + 1);
}

std::string paper_text(const Contrast& c) {
  if (!c.paper) return c.paper_text;
  const auto number =
      *c.paper == 0 ? "0" : decimal_text(*c.paper, decimals_of(*c.paper), is_difference(c));
  return c.paper_text.empty() ? number : number + ", " + c.paper_text;
}

std::string effect_text(const Contrast& c) {
  if (!c.effect) return "–";
  const double low = c.low.value_or(-kInfinity), high = c.high.value_or(kInfinity);
  const bool wide = c.has_interval() && std::isfinite(high - low) && high > low;
  const int decimals = wide ? decimals_for((high - low) / 2) : decimals_of(*c.effect);
  auto text = decimal_text(*c.effect, decimals, is_difference(c));
  if (!c.unit.after.empty()) text += " " + c.unit.after;
  if (!c.has_interval()) return text;
  return text + " [" + decimal_text(low, decimals, is_difference(c)) + ", " +
         decimal_text(high, decimals, is_difference(c)) + "]";
}

std::string inner_text(const Contrast& c) {
  if (!c.inner_low || !c.inner_high) return "";
  const int decimals = decimals_for((*c.inner_high - *c.inner_low) / 2);
  return "90 %: [" + decimal_text(*c.inner_low, decimals, is_difference(c)) + ", " +
         decimal_text(*c.inner_high, decimals, is_difference(c)) + "]";
}

void add_verdict(Html& html, const std::string& verdict) {
  static constexpr const char* kKnown[] = {"confirmed", "contradicted", "absent", "not resolved"};
  std::string kind = "untested";
  for (const char* known : kKnown)
    if (verdict.starts_with(known)) kind = known;
  std::replace(kind.begin(), kind.end(), ' ', '-');
  html.element("span", verdict, {{"class", "verdict " + kind}});
}

}  // namespace steepest::trainer
