// SPDX-License-Identifier: Apache-2.0
// The last training losses, against which a loss is a spike or not.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace steepest::trainer {

// z = (loss - mean) / deviation over the window, the deviation counting as 1 % of the mean at
// least. A loss above kSpike enters the window as if it were kSpike, so that one spike does not
// hide the next and a lasting rise becomes the new level after a few steps.
class LossWindow {
 public:
  static constexpr size_t kLength = 128;  // finite losses
  static constexpr size_t kMin = 16;      // before there are so many, nothing is a spike
  static constexpr double kSpike = 6;

  // Compares a loss with the window and then adds it, cut to kSpike deviations above the mean.
  // Returns its z-score where that is above kSpike; NaN where it is not, where there are fewer than
  // kMin losses to compare it with, and where it is not finite: such a loss is not added.
  double add(double loss);

  // The losses as [n] float64, the oldest first, for a checkpoint.
  at::Tensor tensor() const;
  // Replaces the window's losses by those that tensor() gave.
  void restore(const at::Tensor& tensor);

 private:
  std::vector<double> losses_;
};

}  // namespace steepest::trainer
