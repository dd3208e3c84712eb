// SPDX-License-Identifier: Apache-2.0
#include "trainer/run/loss_window.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

namespace steepest::trainer {

double LossWindow::add(double loss) {
  double spike = std::numeric_limits<double>::quiet_NaN();
  if (!std::isfinite(loss)) return spike;
  if (losses_.size() >= kMin) {
    const auto n = static_cast<double>(losses_.size());
    double sum = 0, squares = 0;
    for (const double past : losses_) sum += past;
    const double mean = sum / n;
    for (const double past : losses_) squares += (past - mean) * (past - mean);
    const double deviation = std::max(std::sqrt(squares / n), 0.01 * std::abs(mean));
    const double z = deviation > 0 ? (loss - mean) / deviation : 0;
    if (z > kSpike) {
      spike = z;
      loss = mean + kSpike * deviation;
    }
  }
  if (losses_.size() == kLength) losses_.erase(losses_.begin());
  losses_.push_back(loss);
  return spike;
}

at::Tensor LossWindow::tensor() const { return at::tensor(losses_, at::kDouble); }

void LossWindow::restore(const at::Tensor& tensor) {
  const auto values = tensor.to(at::kDouble).contiguous();
  const double* begin = values.const_data_ptr<double>();
  losses_.assign(begin, begin + values.numel());
}

}  // namespace steepest::trainer
