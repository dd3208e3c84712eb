// SPDX-License-Identifier: Apache-2.0
#include "trainer/report/forest.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "trainer/report/numbers.h"
#include "trainer/report/scale.h"

namespace steepest::trainer {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLeft = 4, kRight = 96;  // the scale's ends in percent of the picture
constexpr double kWidest = 3;             // times what all but the intervals need

struct Range {
  double low = kInfinity, high = -kInfinity;

  void take(double number) {
    if (std::isfinite(number)) low = std::min(low, number), high = std::max(high, number);
  }
};

// Takes what a contrast shows beside its interval.
void take_points(Range& range, const Contrast& c) {
  range.take(c.reference);
  if (c.effect) range.take(*c.effect);
  if (c.paper) range.take(*c.paper);
  if (!c.bound) return;
  range.take(*c.bound);
  if (c.side == "=") range.take(2 * c.reference - *c.bound);
}

// The scale of contrasts of one unit.
Range range_of(const std::vector<const Contrast*>& contrasts) {
  Range points;
  for (const auto* c : contrasts) take_points(points, *c);
  Range all = points;
  const double middle = (points.low + points.high) / 2;
  const double most = kWidest * std::max(points.high - points.low, 1e-6) / 2;
  for (const auto* c : contrasts) {
    if (c->low) all.take(std::clamp(*c->low, middle - most, middle + most));
    if (c->high) all.take(std::clamp(*c->high, middle - most, middle + most));
  }
  return all;
}

// Where a number stands in percent of a forest's picture.
double place(const Scale& scale, double number) {
  return kLeft + (kRight - kLeft) * std::clamp(scale.percent(number), -4., 104.) / 100;
}

// The shaded part: the margin, or what is beyond the smallest effect that counts.
std::pair<double, double> shaded(const Contrast& c) {
  if (c.side == "=") {
    const double margin = std::fabs(*c.bound - c.reference);
    return {c.reference - margin, c.reference + margin};
  }
  const bool above = c.side.empty() ? *c.bound > c.reference : c.side == ">";
  return above ? std::pair(*c.bound, kInfinity) : std::pair(-kInfinity, *c.bound);
}

// Adds an upright line at a number.
void add_upright(Html& html, const char* kind, double at, const char* y1, const char* y2) {
  const auto x = percent_text(at);
  html.leaf("line", {{"class", kind}, {"x1", x}, {"x2", x}, {"y1", y1}, {"y2", y2}});
}

// Adds a small shape, drawn around the place of a number.
void add_shape(Html& html, const char* kind, double at, const char* path) {
  const Element place(html, "svg", {{"x", percent_text(at)}, {"y", "16"}, {"class", "mark"}});
  html.leaf("path", {{"class", kind}, {"d", path}});
}

// Adds a line from one number to another, at the height of the marks.
void add_span(Html& html, const char* kind, double from, double to) {
  html.leaf("line", {{"class", kind},
                     {"x1", percent_text(from)},
                     {"x2", percent_text(to)},
                     {"y1", "16"},
                     {"y2", "16"}});
}

// Adds the interval, and thicker the inner one; an end beyond the picture is an arrow.
void add_interval(Html& html, const Contrast& c, const Scale& scale) {
  if (!c.has_interval()) return;
  const double low = place(scale, c.low.value_or(-kInfinity));
  const double high = place(scale, c.high.value_or(kInfinity));
  add_span(html, "interval", low, high);
  if (c.inner_low && c.inner_high)
    add_span(html, "inner", place(scale, *c.inner_low), place(scale, *c.inner_high));
  const double first = place(scale, -kInfinity), last = place(scale, kInfinity);
  add_shape(html, "end", low, low <= first ? "M5-5L-1 0L5 5" : "M0-5V5");
  add_shape(html, "end", high, high >= last ? "M-5-5L1 0L-5 5" : "M0-5V5");
}

// What the interval of level .9 is, for people; "" where there is none.
std::string inner_text(const Contrast& c) {
  if (!c.inner_low || !c.inner_high) return "";
  const int decimals = decimals_for((*c.inner_high - *c.inner_low) / 2);
  const bool plus = c.reference == 0;
  return "90 %: [" + decimal_text(*c.inner_low, decimals, plus) + ", " +
         decimal_text(*c.inner_high, decimals, plus) + "]";
}

// Adds the picture of one contrast.
void add_picture(Html& html, const Contrast& c, const Scale& scale) {
  const std::string told = c.id + ": ours " + effect_text(c) + ", paper " + paper_text(c);
  const Element picture(html, "svg", {{"class", "forest"}, {"role", "img"}, {"aria-label", told}});
  if (c.bound) {
    const auto [low, high] = shaded(c);
    html.leaf("rect", {{"class", "counts"},
                       {"x", percent_text(place(scale, low))},
                       {"width", percent_text(place(scale, high) - place(scale, low))},
                       {"y", "0"},
                       {"height", "32"}});
  }
  for (const double tick : scale.ticks(4)) {
    add_upright(html, "grid", place(scale, tick), "0", "32");
    html.element("text", short_text(tick),
                 {{"class", "tick middle"}, {"x", percent_text(place(scale, tick))}, {"y", "43"}});
  }
  add_upright(html, "reference", place(scale, c.reference), "0", "32");
  add_interval(html, c, scale);
  if (c.effect) add_shape(html, "ours", place(scale, *c.effect), "M-4-4H4V4H-4Z");
  if (c.paper) add_shape(html, "paper", place(scale, *c.paper), "M0-7L6 0L0 7L-6 0Z");
}

// Adds a contrast: its words, its picture, its numbers.
void add_contrast(Html& html, const Contrast& c, const Scale& scale) {
  const Element row(html, "div", {{"class", "contrast"}});
  {
    const Element words(html, "div");
    html.element("b", c.id).text(" " + c.claim);
    const auto what = c.expression + (c.over.empty() ? "" : ", " + c.over);
    if (!what.empty()) html.element("small", what);
  }
  if (c.effect || c.paper)
    add_picture(html, c, scale);
  else
    html.element("div", "");  // its column stays
  const Element numbers(html, "div");
  if (!c.verdict.empty()) add_verdict(html, c);
  if (c.effect) html.element("span", effect_text(c), {{"class", "number"}});
  if (const auto inner = inner_text(c); !inner.empty()) html.element("small", inner);
  if (c.paper || !c.paper_text.empty()) html.element("small", "paper " + paper_text(c));
  if (!c.why.empty()) html.element("small", c.why);
}

// Adds contrasts on one scale, and below each of them, to be opened, its rows on theirs.
void add_group(Html& html, const std::vector<const Contrast*>& group) {
  const auto range = range_of(group);
  const Scale scale(range.low, range.high);
  for (const auto* c : group) {
    add_contrast(html, *c, scale);
    if (c->by_row.empty()) continue;
    const Element details(html, "details", {{"class", "rows"}});
    html.element("summary", c->id + " row by row");
    std::vector<const Contrast*> rows;
    for (const auto& row : c->by_row) rows.push_back(&row);
    add_group(html, rows);
  }
}

// Adds what the marks mean.
void add_key(Html& html) {
  struct Sign {
    const char *kind, *path, *text;
  };
  static constexpr Sign kSigns[] = {
      {"ours", "M10 3h8v8h-8Z", "ours, with its interval"},
      {"inner", "M2 7H26", "its interval of 90 %, which says that there is no difference"},
      {"paper", "M14 0L20 7L14 14L8 7Z", "the paper's"},
      {"counts", "M0 0H28V14H0Z",
       "where the claim holds: within the margin, or beyond the "
       "smallest effect that counts"}};
  const Element key(html, "ul", {{"class", "key"}});
  for (const auto& sign : kSigns) {
    const Element item(html, "li");
    {
      const Element sample(html, "svg", {{"aria-hidden", "true"}});
      html.leaf("path", {{"class", sign.kind}, {"d", sign.path}});
    }
    html.text(sign.text);
  }
}

}  // namespace

std::string paper_text(const Contrast& c) {
  if (!c.paper) return c.paper_text.empty() ? "–" : c.paper_text;
  const std::string number = decimal_text(*c.paper, 3, c.reference == 0);
  return c.paper_text.empty() ? number : number + ", " + c.paper_text;
}

std::string effect_text(const Contrast& c) {
  if (!c.effect) return "–";
  const bool plus = c.reference == 0;
  const double low = c.low.value_or(-kInfinity), high = c.high.value_or(kInfinity);
  const int decimals = decimals_for(c.has_interval() ? (high - low) / 2 : 0);
  const auto text = decimal_text(*c.effect, decimals, plus);
  if (!c.has_interval()) return text;
  return text + " [" + decimal_text(low, decimals, plus) + ", " +
         decimal_text(high, decimals, plus) + "]";
}

void add_verdict(Html& html, const Contrast& c) {
  static constexpr const char* kKnown[] = {"confirmed", "contradicted", "absent", "not resolved"};
  std::string kind = "untested";
  for (const char* known : kKnown)
    if (c.verdict.starts_with(known)) kind = known;
  std::replace(kind.begin(), kind.end(), ' ', '-');
  html.element("span", c.verdict, {{"class", "verdict " + kind}});
}

void add_forests(Html& html, const std::vector<Contrast>& contrasts) {
  std::vector<std::vector<const Contrast*>> groups;  // by unit
  bool drawn = false;
  for (const auto& c : contrasts) {
    drawn |= c.effect || c.paper;
    const auto same = std::find_if(groups.begin(), groups.end(), [&](const auto& group) {
      return group.front()->unit == c.unit;
    });
    if (same == groups.end())
      groups.push_back({&c});
    else
      same->push_back(&c);
  }
  if (drawn) add_key(html);
  for (const auto& group : groups) {
    if (const auto& unit = group.front()->unit; !unit.empty())
      html.element("p", unit, {{"class", "unit"}});
    add_group(html, group);
  }
}

}  // namespace steepest::trainer
