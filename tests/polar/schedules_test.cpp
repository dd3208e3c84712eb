// SPDX-License-Identifier: Apache-2.0
// The coefficient tables, the rule behind Polar Express, and what a schedule means.

#include "steepest/polar/schedules.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace steepest::polar {
namespace {

using Table = std::vector<PolynomialCoefficients>;

void expect_table(const Table& is, const Table& should, double tolerance) {
  ASSERT_EQ(is.size(), should.size());
  for (size_t k = 0; k < is.size(); ++k) {
    EXPECT_NEAR(is[k].a, should[k].a, tolerance) << "entry " << k;
    EXPECT_NEAR(is[k].b, should[k].b, tolerance) << "entry " << k;
    EXPECT_NEAR(is[k].c, should[k].c, tolerance) << "entry " << k;
  }
}

// arXiv 2505.16932, its code's table for l = 1e-3, before the safety factor.
const Table kPublished = {{8.28721201814563, -23.595886519098837, 17.300387312530933},
                          {4.107059111542203, -2.9478499167379106, .5448431082926601},
                          {3.9486908534822946, -2.908902115962949, .5518191394370137},
                          {3.3184196573706015, -2.488488024314874, .51004894012372},
                          {2.300652019954817, -1.6689039845747493, .4188073119525673},
                          {1.891301407787398, -1.2679958271945868, .37680408948524835},
                          {1.8750014808534479, -1.2500016453999487, .3750001645474248},
                          {1.875, -1.25, .375}};

TEST(PolarExpress, ReproducesThePublishedTable) {
  Table is = polar_express({.safety = 1}).table;
  ASSERT_EQ(is.size(), 8u);
  Table should = kPublished;
  // The seventh entry's interval is 1 -+ 1.2e-3: a solution in double precision, as in the paper's
  // code, has eleven digits. The same rule in 40 digits (mpmath) gives 1.8750014808442192...
  expect_table({is[6]}, {should[6]}, 2e-11);
  expect_table({is[6]}, {{1.8750014808442192, -1.2500016453814815, .37500016453818624}}, 1e-13);
  is.erase(is.begin() + 6);
  should.erase(should.begin() + 6);
  expect_table(is, should, 1e-13);
}

TEST(PolarExpress, SafetyDividesAllButTheLastEntry) {
  const double s = 1.01;
  const Schedule safe = named_schedule("polar_express"), plain = polar_express({.safety = 1});
  EXPECT_EQ(safe.safety, s);
  Table should = plain.table;
  for (size_t k = 0; k + 1 < should.size(); ++k)
    should[k] = {should[k].a / s, should[k].b / std::pow(s, 3), should[k].c / std::pow(s, 5)};
  expect_table(safe.table, should, 1e-14);
}

TEST(PolarExpress, SpeedrunVariant) {  // modded-nanogpt, five steps
  const Schedule is =
      polar_express({.cushion = .02, .safety = 1.02, .entries = 5, .safety_inside = true});
  expect_table(is.table,
               {{8.156554524902461, -22.48329292557795, 15.878769915207462},
                {4.042929935166739, -2.808917465908714, .5000178451051316},
                {3.8916678022926607, -2.772484153217685, .5060648178503393},
                {3.285753657755655, -2.3681294933425376, .46449024233003106},
                {2.3465413258596377, -1.7097828382687081, .42323551169305323}},
               1e-13);
}

TEST(PolarExpress, WithoutCushionItIsCans) {  // arXiv 2506.10935, four decimals
  Table is = polar_express({.cushion = 0, .safety = 1}).table;
  is.resize(5);
  expect_table(is,
               {{8.4703, -25.1081, 18.6293},
                {4.1828, -3.1087, .5806},
                {3.9619, -2.9541, .5630},
                {3.2866, -2.4647, .5074},
                {2.2737, -1.6447, .4162}},
               5e-5);
}

// Optimality of one uncushioned step, whatever the interval: the error takes its largest value with
// alternating sign at four points, so no other odd quintic does better (Chebyshev).
TEST(PolarExpress, FirstStepEquiOscillatesOnAnyInterval) {
  for (double low : {1e-6, 1e-3, .02, .1, .5, .9, .99}) {
    const PolynomialCoefficients p =
        polar_express({.low = low, .cushion = 0, .safety = 1}).table[0];
    const double root = std::sqrt(9 * p.b * p.b - 20 * p.a * p.c);
    const double x1 = std::sqrt((-3 * p.b - root) / (10 * p.c));
    const double x2 = std::sqrt((-3 * p.b + root) / (10 * p.c));
    const double e = 1 - p(low);
    EXPECT_GT(e, 0);
    EXPECT_NEAR(1 - p(x1), -e, 1e-12) << low;
    EXPECT_NEAR(1 - p(x2), e, 1e-12) << low;
    EXPECT_NEAR(1 - p(1), -e, 1e-12) << low;
    EXPECT_NEAR(max_error([&](double x) { return p(x); }, low, 1), e, 1e-12) << low;
  }
}

TEST(PolarExpress, GoesOnUntilTheFixedEntryOrForAsManyAsAsked) {
  for (double low : {1e-8, 1e-5, .3}) {
    const Schedule s = polar_express({.low = low, .safety = 1});
    const int64_t n = static_cast<int64_t>(s.table.size());
    EXPECT_LT(s.error(low, n), 1e-14) << low;
    EXPECT_GT(s.error(low, n - 2), 1e-14) << low;
    expect_table({s.table.back()}, {{1.875, -1.25, .375}}, 0);
  }
  EXPECT_EQ(polar_express({.entries = 3}).table.size(), 3u);
}

TEST(PolarExpress, RefusesWhatIsNoRule) {
  EXPECT_THROW(polar_express({.low = 0}), c10::ValueError);
  EXPECT_THROW(polar_express({.low = 1}), c10::ValueError);
  EXPECT_THROW(polar_express({.cushion = -1}), c10::ValueError);
  EXPECT_THROW(polar_express({.safety = .9}), c10::ValueError);
  EXPECT_THROW(polar_express({.entries = -1}), c10::ValueError);
  EXPECT_THROW(polar_express({.safety_inside = true}), c10::ValueError);
}

// Optimality of each step, whatever the interval (Chebyshev): the error takes its largest value
// with alternating sign at three points. Of the whole, by trying: no change of its coefficients
// helps.
TEST(MinimaxCubic, EquiOscillatesAndIsNotImprovedByChanges) {
  std::mt19937 random(3);
  std::normal_distribution<double> normal;
  for (const double low : {1e-4, 7e-3, .1, .6}) {
    const auto s = minimax_cubic(low, 3, /*safety=*/1);
    const auto& p = s.table[0];
    const double top = std::sqrt(-p.a / (3 * p.b)), e = 1 - p(low);
    EXPECT_NEAR(p(1), 1 - e, 1e-12) << low;
    EXPECT_NEAR(p(top), 1 + e, 1e-12) << low;
    EXPECT_NEAR(max_error([&](double x) { return p(x); }, low, 1), e, 1e-12) << low;
    const double best = s.error(low, 3);
    for (int i = 0; i < 40; ++i) {
      auto other = s;
      for (auto& q : other.table)
        q.a *= 1 + 1e-3 * normal(random), q.b *= 1 + 1e-3 * normal(random);
      EXPECT_GT(other.error(low, 3), best) << low;
    }
  }
}

// Steps of the rule are the published cubics of "cubic5" but for factors between them, which change
// nothing: scaled so that each has the maximum 1.3, as those have.
TEST(MinimaxCubic, OfSevenThousandthsIsThePublishedCubic5) {
  auto s = minimax_cubic(7e-3, 5, /*safety=*/1);
  double unit = 1;  // the factor by which values are scaled before a step
  for (size_t k = 0; k < s.table.size(); ++k) {
    auto& p = s.table[k];
    p = {p.a / unit, p.b / (unit * unit * unit), 0};
    const double top = std::sqrt(-p.a / (3 * p.b)), next = 1.3 / p(top);
    p.a *= next, p.b *= next, unit = next;
  }
  const auto published = named_schedule("cubic5").table;
  for (size_t k = 0; k < published.size(); ++k) {
    EXPECT_NEAR(s.table[k].a, published[k].a, 2e-6) << k;
    EXPECT_NEAR(s.table[k].b, published[k].b, 2e-6) << k;
  }
}

TEST(MinimaxCubic, SearchEndsInTheBandAndTakesAllOfIt) {
  for (const auto& [low, high] : {std::pair{.7, 1.3}, {.7, 1.2}, {.9, 1.05}}) {
    for (const int64_t steps : {4, 5, 7}) {
      const auto s = search_cubic(low, high, steps, /*safety=*/1);
      double least = 10, most = 0, slope = 1;
      for (int i = 0; i <= 20000; ++i) {
        const double value = s.apply(std::pow(s.low, i / 20000.), steps);
        least = std::min(least, value), most = std::max(most, value);
      }
      EXPECT_NEAR(least, low, 1e-5) << steps;
      EXPECT_NEAR(most, high, 1e-5) << steps;
      for (const auto& p : s.table) slope *= p.a;
      const bool of_cubic5 = low == .7 && high == 1.3 && steps == 5;
      EXPECT_GT(slope, of_cubic5 ? 119.4 : 1);  // cubic5's: 119.3
    }
  }
  EXPECT_THROW(search_cubic(1.1, 1.2, 5), c10::ValueError);
  EXPECT_THROW(search_cubic(.7, 1.3, 0), c10::ValueError);
  EXPECT_THROW(minimax_cubic(0, 5), c10::ValueError);
  EXPECT_THROW(minimax_cubic(.01, 5, .9), c10::ValueError);
}

// What 1 is rounded to must not change its sign: the reason for the safety factor.
TEST(MinimaxCubic, Cubic5BearsTheRoundingOf16BitsAtOne) {
  const auto s = named_schedule("cubic5");
  for (const double sigma : {1., 1 + 0x1p-8, 1 + 0x1p-7}) EXPECT_GT(s.apply(sigma, 5), .5) << sigma;
  auto published = s;
  published.safety = 1;
  EXPECT_LT(published.apply(1 + 0x1p-7, 5), 0);
}

TEST(Schedules, ThePublishedConstants) {
  const auto first = [](const char* name) { return named_schedule(name).table; };
  expect_table(first("jordan"), {{3.4445, -4.7750, 2.0315}}, 0);
  expect_table(first("baseline"), {{2, -1.5, .5}}, 0);
  expect_table(first("cubic"), {{1.5, -.5, 0}}, 0);
  expect_table(first("quintic"), {{15. / 8, -10. / 8, 3. / 8}}, 0);
  EXPECT_EQ(first("you").size(), 5u);
  EXPECT_THROW(named_schedule("nobody"), c10::ValueError);
}

TEST(Schedules, TheLastEntryRepeats) {
  for (const std::string& name : schedule_names()) {
    const Schedule s = named_schedule(name);
    const int64_t n = static_cast<int64_t>(s.table.size());
    const PolynomialCoefficients& last = s.table.back();
    for (double x : {.01, .3, .9}) EXPECT_EQ(s.apply(x, n + 2), last(last(s.apply(x, n)))) << name;
  }
}

// Inside (low, high] iterates stay positive and bounded; just above, those of a repeated entry
// leave.
TEST(Schedules, StayBoundedOnTheirIntervalAndNotAbove) {
  for (const std::string& name : schedule_names()) {
    const Schedule s = named_schedule(name);
    EXPECT_FALSE(s.source.empty());
    for (int i = 1; i <= 1000; ++i) {
      const double y = s.apply((i / 1000.) * (s.high - 1e-6), 200);
      EXPECT_TRUE(y > 0 && y < s.high + .3) << name << " " << i;
    }
    if (s.table.size() > 1) continue;
    const double above = s.apply(s.high * 1.01, 1);
    EXPECT_TRUE(above < 0 || s.apply(s.high * 1.01, 200) > 1e3 ||
                !std::isfinite(s.apply(s.high * 1.01, 200)))
        << name;
  }
}

TEST(Schedules, DefaultStepsReachOneExceptTheTunedOnes) {
  for (const char* name : {"baseline", "cubic", "quintic"}) {
    const Schedule s = named_schedule(name);
    EXPECT_LT(s.error(1e-3, s.steps), 1e-3) << name;
  }
}

// error() is at least what any point shows, and is attained to within the grid's refinement.
TEST(Schedules, ErrorIsTheMaximum) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> exponent(-3, 0);
  for (const std::string& name : schedule_names()) {
    const Schedule s = named_schedule(name);
    for (int64_t steps : {1, 3, 5, 7}) {
      const double error = s.error(1e-3, steps);
      double seen = 0;
      for (int i = 0; i < 20000; ++i)
        seen = std::max(seen, std::abs(1 - s.apply(std::pow(10, exponent(random)), steps)));
      EXPECT_GE(error, seen - 1e-15) << name;
      EXPECT_LE(error, seen * 1.01 + 1e-12) << name;
    }
  }
}

}  // namespace
}  // namespace steepest::polar
