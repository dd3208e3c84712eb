// SPDX-License-Identifier: Apache-2.0
// Where a number stands along the side of a picture.
#pragma once

#include <string>
#include <vector>

namespace steepest::trainer {

class Scale {
 public:
  // From `low` to `high`, which may be the same number; by logarithms, both must be above 0.
  Scale(double low, double high, bool logarithmic = false);

  // Returns where the number stands in percent of the way from low to high, below 0 or above 100
  // where it is outside.
  double percent(double number) const;
  // Returns round numbers within the scale, in their order, about `count` of them and at most
  // twice as many.
  std::vector<double> ticks(int count) const;

 private:
  double low_, high_;  // of the logarithms, by logarithms
  bool logarithmic_;
};

// Returns a number of percent as pictures have it, "37.5%".
std::string percent_text(double percent);

}  // namespace steepest::trainer
