// SPDX-License-Identifier: Apache-2.0
#include "trainer/report/scale.h"

#include <cmath>
#include <cstdio>

namespace steepest::trainer {
namespace {

// The multiples of a round step, 1, 2 or 5 times a power of ten, between two numbers.
std::vector<double> linear_ticks(double low, double high, int count) {
  const double wanted = (high - low) / count;
  const double power = std::pow(10, std::floor(std::log10(wanted)));
  const double share = wanted / power;
  const double step = power * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10);
  std::vector<double> ticks;
  const double slack = 1e-9 * (high - low);
  for (double k = std::ceil((low - slack) / step); k * step <= high + slack; ++k)
    ticks.push_back(k * step);
  return ticks;
}

// The powers of ten between the powers `low` and `high`, every n-th where they are many, with their
// triples where they are few.
std::vector<double> logarithmic_ticks(double low, double high, int count) {
  const bool few = high - low < count / 2.;
  const double every = few ? 1 : std::ceil((high - low) / count);
  std::vector<double> ticks;
  for (double power = std::floor(low); power <= high + 1e-9; power += every) {
    for (const double factor : {1., 3.}) {
      const double at = power + std::log10(factor);
      if ((factor == 1 || few) && at >= low - 1e-9 && at <= high + 1e-9)
        ticks.push_back(factor * std::pow(10, power));
    }
  }
  return ticks;
}

}  // namespace

Scale::Scale(double low, double high, bool logarithmic)
    : low_(logarithmic ? std::log10(low) : low),
      high_(logarithmic ? std::log10(high) : high),
      logarithmic_(logarithmic) {
  if (high_ > low_) return;
  const double room = logarithmic ? 0.5 : std::fmax(1e-6, std::fabs(low_) / 10);
  low_ -= room, high_ += room;
}

double Scale::percent(double number) const {
  const double at = logarithmic_ ? std::log10(number) : number;
  return 100 * (at - low_) / (high_ - low_);
}

std::vector<double> Scale::ticks(int count) const {
  return logarithmic_ ? logarithmic_ticks(low_, high_, count) : linear_ticks(low_, high_, count);
}

std::string percent_text(double percent) {
  char text[64];
  std::snprintf(text, sizeof text, "%.2f%%", percent);
  return text;
}

}  // namespace steepest::trainer
