// SPDX-License-Identifier: Apache-2.0
// The distance of the singular values from 1 after k steps: the table by which schedules are
// chosen.
#pragma once

#include <string>
#include <vector>

namespace steepest::polar {

struct ErrorRow {
  std::string name;
  double low = 1e-3;           // the interval is [low, 1]
  std::vector<double> errors;  // max |1 - sigma'| after 1, 2, ... steps, exact arithmetic
};
// Returns the table's rows: for each schedule that can be chosen by name (polar_express and cans
// with several safety factors), and for published or mixed ones to compare.
std::vector<ErrorRow> error_rows();

struct RmsError {
  std::string name;
  int steps;
  double rms;  // the root mean square of 1 - sigma' for sigma uniform in [1e-3, 1]
};
// Returns the root mean square errors of "jordan" and "you" after five steps, and of
// "polar_express" after five and six.
std::vector<RmsError> rms_errors();

// Returns error_rows() and rms_errors() as text: a Markdown table and a line below it.
std::string error_table();

}  // namespace steepest::polar
