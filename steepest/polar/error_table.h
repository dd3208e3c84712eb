// SPDX-License-Identifier: Apache-2.0
// How far from 1 the singular values are after k steps: the table by which schedules are chosen.
#pragma once

#include <string>
#include <vector>

namespace steepest {

struct PolarErrorRow {
  std::string name;
  double low = 1e-3;           // the interval is [low, 1]
  std::vector<double> errors;  // max |1 - sigma'| after 1, 2, ... steps, exact arithmetic
};
std::vector<PolarErrorRow> polar_error_rows();

struct PolarRms {
  std::string name;
  int steps;
  double rms;  // of |1 - sigma'| for sigma uniform in [1e-3, 1]
};
std::vector<PolarRms> polar_rms();

// Both as text: a Markdown table and a line below it.
std::string polar_error_table();

}  // namespace steepest
