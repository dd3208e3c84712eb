// SPDX-License-Identifier: Apache-2.0
#include "trainer/report/forest.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "steepest/base/text.h"
#include "trainer/report/claim_text.h"
#include "trainer/report/numbers.h"
#include "trainer/report/scale.h"

namespace steepest::trainer {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLeft = 4, kRight = 96;  // the scale's ends in percent of the picture
constexpr double kWidest = 3;             // times what all but the intervals need
constexpr double kFit = 4;                // times what a contrast needs, a scale it shares

// Heights in a picture: of the paper's mark, of our own below it, of the shaded part's end, and of
// the numbers.
constexpr char kPaper[] = "9", kOurs[] = "25", kFloor[] = "36", kNumbers[] = "51";

struct Range {
  double low = kInfinity, high = -kInfinity;

  void take(double number) {
    if (std::isfinite(number)) low = std::min(low, number), high = std::max(high, number);
  }
  double width() const { return high - low; }
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

using Group = std::vector<const Contrast*>;  // contrasts that share a scale

// The scale of the contrasts.
Range range_of(const Group& contrasts) {
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

// Whether the contrast and all of the group can be read on one scale.
bool fits(const Group& group, const Contrast& c) {
  const auto* first = group.front();
  if (first->unit != c.unit || first->reference != c.reference) return false;
  Group all = group;
  all.push_back(&c);
  const double width = range_of(all).width();
  return std::all_of(all.begin(), all.end(),
                     [&](const auto* one) { return kFit * range_of({one}).width() >= width; });
}

// The contrasts in their order, as many on one scale as can be read on it.
std::vector<Group> groups_of(const std::vector<const Contrast*>& contrasts) {
  std::vector<Group> groups;
  for (const auto* c : contrasts) {
    if (!groups.empty() && fits(groups.back(), *c))
      groups.back().push_back(c);
    else
      groups.push_back({c});
  }
  return groups;
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

// Adds a small shape, drawn around the place of a number at this height.
void add_shape(Html& html, const char* kind, double at, const char* path, const char* y = kOurs) {
  const Element place(html, "svg", {{"x", percent_text(at)}, {"y", y}, {"class", "mark"}});
  html.leaf("path", {{"class", kind}, {"d", path}});
}

// Adds a line from one number to another, at the height of the marks.
void add_span(Html& html, const char* kind, double from, double to) {
  html.leaf("line", {{"class", kind},
                     {"x1", percent_text(from)},
                     {"x2", percent_text(to)},
                     {"y1", kOurs},
                     {"y2", kOurs}});
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

// Adds the picture of one contrast.
void add_picture(Html& html, const Contrast& c, const Scale& scale) {
  const auto paper = paper_text(c);
  const std::string told =
      c.id + ": ours " + effect_text(c) + (paper.empty() ? "" : ", paper " + paper);
  const Element picture(html, "svg", {{"class", "forest"}, {"role", "img"}, {"aria-label", told}});
  if (c.bound) {
    const auto [low, high] = shaded(c);
    html.leaf("rect", {{"class", "counts"},
                       {"x", percent_text(place(scale, low))},
                       {"width", percent_text(place(scale, high) - place(scale, low))},
                       {"y", "0"},
                       {"height", kFloor}});
  }
  for (const double tick : scale.ticks(4)) {
    add_upright(html, "grid", place(scale, tick), "0", kFloor);
    html.element(
        "text", short_text(tick),
        {{"class", "tick middle"}, {"x", percent_text(place(scale, tick))}, {"y", kNumbers}});
  }
  add_upright(html, "reference", place(scale, c.reference), "0", kFloor);
  add_interval(html, c, scale);
  if (c.effect) add_shape(html, "ours", place(scale, *c.effect), "M-4-4H4V4H-4Z");
  if (c.paper) add_shape(html, "paper", place(scale, *c.paper), "M0-7L6 0L0 7L-6 0Z", kPaper);
}

// Adds what is said in small letters, where there is something to say.
void add_small(Html& html, const std::string& text) {
  if (!text.empty()) html.element("small", text);
}

// Adds what a contrast claims: the claim, whose it is, and what is compared.
void add_words(Html& html, const Contrast& c) {
  const Element words(html, "div");
  html.element("b", c.id).text(" " + c.claim);
  add_small(html, c.source);
  add_small(html, c.expression + (c.over.empty() ? "" : ", " + c.over));
  if (!c.trials.empty()) add_small(html, "trials: " + c.trials);
}

// The level of an interval where it is not the usual one, and the number of seeds.
std::string sample_text(const Contrast& c) {
  std::vector<std::string> parts;
  if (c.has_interval() && c.level && *c.level > .951)
    parts.push_back("interval of " + short_text(100 * *c.level) + " %");
  if (c.seeds) parts.push_back(std::to_string(*c.seeds) + (*c.seeds == 1 ? " seed" : " seeds"));
  return join(parts);
}

// Adds the numbers of a contrast.
void add_numbers(Html& html, const Contrast& c) {
  const Element numbers(html, "div");
  if (!c.verdict.empty()) add_verdict(html, c.verdict);
  if (c.effect) html.element("span", effect_text(c), {{"class", "number"}});
  add_small(html, inner_text(c));
  if (const auto paper = paper_text(c); !paper.empty()) add_small(html, "paper " + paper);
  add_small(html, c.why);
  add_small(html, sample_text(c));
}

// Adds a contrast: its words, its picture, its numbers.
void add_contrast(Html& html, const Contrast& c, const Scale& scale) {
  const Element row(html, "div", {{"class", "contrast"}});
  add_words(html, c);
  if (c.effect || c.paper)
    add_picture(html, c, scale);
  else
    html.element("div", "");  // its column stays
  add_numbers(html, c);
}

// Adds contrasts on one scale, and below each of them, to be opened, its rows on theirs.
void add_group(Html& html, const Group& group) {
  const auto range = range_of(group);
  const Scale scale(range.low, range.high);
  for (const auto* c : group) {
    add_contrast(html, *c, scale);
    if (c->by_row.empty()) continue;
    const Element details(html, "details", {{"class", "rows"}});
    html.element("summary", c->id + " row by row");
    Group rows;
    for (const auto& row : c->by_row) rows.push_back(&row);
    add_group(html, rows);
  }
}

// Adds what the marks mean that the contrasts have.
void add_key(Html& html, const Group& contrasts) {
  struct Sign {
    const char *kind, *path, *text;
    bool (*has)(const Contrast*);
  };
  static constexpr Sign kSigns[] = {
      {"ours", "M10 3h8v8h-8Z", "ours, with its interval; an arrow: it goes on",
       [](const Contrast* c) { return c->effect.has_value(); }},
      {"inner", "M2 7H26", "its interval of 90 %, for \"no difference\"",
       [](const Contrast* c) { return c->inner_low && c->inner_high; }},
      {"paper", "M14 0L20 7L14 14L8 7Z", "the paper's",
       [](const Contrast* c) { return c->paper.has_value(); }},
      {"counts", "M0 0H28V14H0Z",
       "where the claim holds: within the margin, or beyond the smallest effect that counts",
       [](const Contrast* c) { return c->bound.has_value(); }}};
  const Element key(html, "ul", {{"class", "key"}});
  for (const auto& sign : kSigns) {
    if (std::none_of(contrasts.begin(), contrasts.end(), sign.has)) continue;
    const Element item(html, "li");
    {
      const Element sample(html, "svg", {{"aria-hidden", "true"}});
      html.leaf("path", {{"class", sign.kind}, {"d", sign.path}});
    }
    html.element("span", sign.text);
  }
}

}  // namespace

void add_forests(Html& html, const std::vector<const Contrast*>& contrasts) {
  const auto groups = groups_of(contrasts);
  if (!groups.empty()) add_key(html, contrasts);
  const Unit* unit = nullptr;  // that was named last
  for (const auto& group : groups) {
    const auto& own = group.front()->unit;
    if (!own.name.empty() && (unit == nullptr || *unit != own))
      html.element("p", own.name, {{"class", "unit"}});
    unit = &own;
    add_group(html, group);
  }
}

}  // namespace steepest::trainer
