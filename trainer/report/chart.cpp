// SPDX-License-Identifier: Apache-2.0
#include "trainer/report/chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "trainer/report/numbers.h"
#include "trainer/report/scale.h"

namespace steepest::trainer {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// The plot's sides in percent of the picture; outside are the numbers of the axes.
constexpr double kLeft = 13, kRight = 97, kTop = 9, kBottom = 82;

// Where the numbers of a chart are from and to.
struct Extent {
  double x_low = kInfinity, x_high = -kInfinity, y_low = kInfinity, y_high = -kInfinity;
};

// What the chart's curves span, cut at its top.
Extent extent_of(const Chart& chart) {
  Extent e;
  for (const auto& series : chart.series) {
    for (const auto& [x, y] : series.points) {
      e.x_low = std::min(e.x_low, x), e.x_high = std::max(e.x_high, x);
      if (!std::isfinite(y)) continue;
      e.y_low = std::min(e.y_low, y), e.y_high = std::max(e.y_high, y);
    }
  }
  e.y_high = std::max(e.y_low, std::min(e.y_high, chart.top));
  return e;
}

// The scales of a chart, and where they put a number in percent of the picture.
struct Frame {
  Scale x_scale, y_scale;

  double x(double number) const { return kLeft + (kRight - kLeft) * x_scale.percent(number) / 100; }
  double y(double number) const {
    return kBottom - (kBottom - kTop) * y_scale.percent(number) / 100;
  }
};

// A class of the style sheet, with the number of the series' style.
std::string style_class(const char* kind, const Series& series) {
  const auto style = series.style % kStyles;
  return std::string(kind) + " s" + std::to_string(style % kColours) + " d" +
         std::to_string(style / kColours);
}

// Adds lines and numbers of both axes, and the names of the axes.
void add_axes(Html& html, const Chart& chart, const Frame& frame) {
  for (const double tick : frame.y_scale.ticks(4)) {
    const auto y = percent_text(frame.y(tick));
    html.leaf("line", {{"class", "grid"},
                       {"x1", percent_text(kLeft)},
                       {"x2", percent_text(kRight)},
                       {"y1", y},
                       {"y2", y}});
    html.element("text", short_text(tick),
                 {{"x", percent_text(kLeft - 1.5)}, {"y", y}, {"dy", "4"}, {"class", "tick end"}});
  }
  for (const double tick : frame.x_scale.ticks(4)) {
    const auto x = percent_text(frame.x(tick));
    html.leaf("line", {{"class", "grid"},
                       {"x1", x},
                       {"x2", x},
                       {"y1", percent_text(kTop)},
                       {"y2", percent_text(kBottom)}});
    html.element("text", short_text(tick),
                 {{"x", x}, {"y", percent_text(kBottom)}, {"dy", "16"}, {"class", "tick middle"}});
  }
  html.element("text", chart.y_name, {{"x", "0"}, {"y", "12"}, {"class", "tick"}});
  html.element("text", chart.x_name,
               {{"x", percent_text(kRight)}, {"y", "100%"}, {"dy", "-4"}, {"class", "tick end"}});
}

// The curve as a path in the plot's thousandths; where y is infinite it is interrupted.
std::string path_of(const Series& series, const Frame& frame) {
  std::string path;
  bool begun = false;
  for (const auto& [x, y] : series.points) {
    if (!std::isfinite(y)) {
      begun = false;
      continue;
    }
    char text[64];
    const double height = 1000 - 10 * frame.y_scale.percent(y);
    std::snprintf(text, sizeof text, "%c%.0f %.0f", begun ? 'L' : 'M',
                  10 * frame.x_scale.percent(x), std::clamp(height, -1e6, 1e6));
    path += text;
    begun = true;
  }
  return path;
}

// Adds the curves; what is above the plot is cut off by it.
void add_curves(Html& html, const Chart& chart, const Frame& frame) {
  const Element plot(html, "svg",
                     {{"x", percent_text(kLeft)},
                      {"y", percent_text(kTop)},
                      {"width", percent_text(kRight - kLeft)},
                      {"height", percent_text(kBottom - kTop)},
                      {"viewBox", "0 0 1000 1000"},
                      {"preserveAspectRatio", "none"}});
  for (const auto& series : chart.series) {
    const Element path(html, "path",
                       {{"class", style_class("curve", series)}, {"d", path_of(series, frame)}});
    html.element("title", series.name);
  }
}

// Adds a dot at each point, or a cross on the upper edge.
void add_marks(Html& html, const Chart& chart, const Frame& frame, double top) {
  for (const auto& series : chart.series) {
    for (const auto& [x, y] : series.points) {
      const bool inside = y <= top;
      const auto at_x = percent_text(frame.x(x));
      const Element mark(html, "svg",
                         {{"x", at_x},
                          {"y", percent_text(inside ? frame.y(y) : kTop)},
                          {"class", style_class(inside ? "dot" : "cross", series)}});
      html.leaf("path", {{"d", inside ? "M0 0h0" : "M-4-4L4 4M-4 4L4-4"}});
      html.element("title", series.name + ", " + short_text(x) + ": " + short_text(y));
    }
  }
}

// Adds the names of the series, each beside its mark.
void add_legend(Html& html, const std::vector<Series>& series) {
  const Element list(html, "ul", {{"class", "legend"}});
  for (const auto& one : series) {
    const Element item(html, "li");
    {
      const Element sample(html, "svg", {{"class", "sample"}, {"aria-hidden", "true"}});
      html.leaf("path", {{"class", style_class("curve", one)}, {"d", "M1 7H27"}});
    }
    html.element("span", one.name);
  }
}

}  // namespace

void add_chart(Html& html, const Chart& chart) {
  const auto extent = extent_of(chart);
  if (!std::isfinite(extent.y_low)) return;
  const Frame frame{Scale(extent.x_low, extent.x_high, chart.logarithmic),
                    Scale(extent.y_low, extent.y_high)};
  const Element figure(html, "figure");
  if (!chart.title.empty()) html.element("figcaption", chart.title);
  add_legend(html, chart.series);
  const Element picture(
      html, "svg",
      {{"class", "chart"},
       {"role", "img"},
       {"aria-label", chart.title + ": " + chart.y_name + " by " + chart.x_name}});
  add_axes(html, chart, frame);
  add_curves(html, chart, frame);
  if (chart.marks) add_marks(html, chart, frame, extent.y_high);
}

}  // namespace steepest::trainer
