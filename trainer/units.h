// SPDX-License-Identifier: Apache-2.0
// Large numbers as people read them.
#pragma once

#include <string>

namespace steepest::trainer {

// A number of so many units, scaled so that one to three digits stand before the point: "1.3 GB".
std::string with_unit(double number, const std::string& unit);

}  // namespace steepest::trainer
