// SPDX-License-Identifier: Apache-2.0
// Curves as a picture within a page, as wide as there is room.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "trainer/report/html.h"

namespace steepest::trainer {

constexpr size_t kColours = 8;            // that curves are told apart by
constexpr size_t kStyles = 3 * kColours;  // and by dashes

struct Series {
  size_t style = 0;                               // below kStyles
  std::string name;                               // of the curve
  std::vector<std::pair<double, double>> points;  // x, y in the order of x; y may be infinite
};

struct Chart {
  std::string title, x_name, y_name;
  bool logarithmic = false;  // of x, which is then above 0
  bool marks = false;        // a dot at each point
  double top = 0;            // y beyond which a curve leaves the picture
  std::vector<Series> series;
};

// Adds the chart: a caption, the names of its curves and a picture. A marked point beyond the top,
// or infinite, is a cross on the edge. Adds nothing where no point has a finite y.
void add_chart(Html& html, const Chart& chart);

}  // namespace steepest::trainer
