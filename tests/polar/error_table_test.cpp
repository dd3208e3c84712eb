// SPDX-License-Identifier: Apache-2.0
// Every row of the error table against printed digits, computed independently of this library.

#include "steepest/polar/error_table.h"

#include <gtest/gtest.h>

#include <cmath>

#include "steepest/polar/schedules.h"

namespace steepest::polar {
namespace {

// A number as printed and the unit of its last digit: the value rounds to it.
struct Printed {
  double value, unit;
};

std::vector<Printed> digits(std::vector<double> values, double unit) {
  std::vector<Printed> all;
  for (double v : values) all.push_back({v, unit});
  return all;
}

std::vector<Printed> operator+(std::vector<Printed> a, const std::vector<Printed>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

void expect_row(const std::vector<double>& errors, const std::vector<Printed>& printed,
                const std::string& what) {
  ASSERT_GE(errors.size(), printed.size()) << what;
  for (size_t k = 0; k < printed.size(); ++k)
    EXPECT_NEAR(errors[k], printed[k].value, .51 * printed[k].unit) << what << ", step " << k + 1;
}

const ErrorRow& row(const std::string& name, double low = 1e-3) {
  static const std::vector<ErrorRow> rows = error_rows();
  for (const ErrorRow& r : rows)
    if (r.name == name && r.low == low) return r;
  throw std::runtime_error("no row " + name);
}

TEST(ErrorTable, RepeatedEntries) {
  expect_row(row("jordan").errors,
             digits({.9966, .9881, .9591, .8596, .5295, .3182, .3182, .3182}, 1e-4), "jordan");
  expect_row(row("baseline").errors, digits({.998, .996, .992, .984, .968, .936, .873, .748}, 1e-3),
             "baseline");
  EXPECT_NEAR(row("baseline").errors[11], 5e-6, .5e-6);
  expect_row(row("cubic").errors,
             digits({.9985, .9978, .9966, .9949, .9924, .9886, .9829, .9744}, 1e-4), "cubic");
  expect_row(row("quintic").errors,
             digits({.9981, .9965, .9934, .9876, .9768, .9566, .9187, .8482}, 1e-4), "quintic");
}

TEST(ErrorTable, You) {
  expect_row(row("you").errors, digits({.9959, .9839, .9396, .8271, .5250}, 1e-4), "you");
  const Schedule you = named_schedule("you");  // printed range [.475, 1.145]
  EXPECT_NEAR(1 - row("you").errors[4], .475, 5e-4);
  EXPECT_NEAR(max_error([&](double x) { return std::max(1., you.apply(x, 5)); }, 1e-3, 1), .145,
              5e-4);
}

TEST(ErrorTable, PolarExpress) {
  expect_row(row("polar_express, safety 1").errors,
             digits({.9917, .9660, .8657, .5604, .1236}, 1e-4) +
                 std::vector<Printed>{{1.2e-3, 1e-4}, {1e-9, 1e-9}},
             "safety 1");
  EXPECT_LT(row("polar_express, safety 1").errors[7], 5e-16);  // printed 2e-16
  expect_row(row("polar_express, safety 1.01").errors,
             digits({.9919, .9670, .8710, .5812, .1599}, 1e-4) +
                 std::vector<Printed>{{6.5e-3, 1e-4}, {1.1e-5, 1e-6}, {3e-15, 1e-15}},
             "safety 1.01");
  expect_row(row("polar_express, speedrun (1.02, 5 entries)").errors,
             digits({.992, .968, .874, .592, .153}, 1e-3), "speedrun");
  expect_row(row("cans, safety 1").errors,
             digits({.9915, .9646, .8598, .5459, .1134}, 1e-4) +
                 std::vector<Printed>{{9e-4, 1e-4}, {5e-10, 1e-10}},
             "cans");
  EXPECT_LT(row("cans, safety 1").errors[7], 5e-16);  // printed 2e-16
}

// The printed row for s = 1.05, (.992, .969, .884, .637, .271), divides the coefficients by the
// safety factor but not the start, unlike the rows for 1.01 and 1.02. The table here divides both,
// as the method does: (.9925, .9706, .8895, .6537, .2994). Both are held.
TEST(ErrorTable, PolarExpressWithSafety105) {
  Schedule s = polar_express({.safety = 1.05});
  const std::vector<double>& errors = row("polar_express, safety 1.05").errors;
  for (int64_t k = 1; k <= 5; ++k) EXPECT_EQ(errors[k - 1], s.error(1e-3, k));
  expect_row(errors, digits({.9925, .9706, .8895, .6537, .2994}, 1e-4), "safety 1.05");
  s.safety = 1;
  std::vector<double> undivided;
  for (int64_t k = 1; k <= 5; ++k) undivided.push_back(s.error(1e-3, k));
  expect_row(undivided, digits({.992, .969, .884, .637, .271}, 1e-3), "start not divided");
}

TEST(ErrorTable, CubicsAndMixtures) {
  const std::string name = "cubic5, safety 1";
  expect_row(row(name).errors, digits({.997, .991, .978, .946, .881}, 1e-3), name);
  EXPECT_NEAR(row(name, 7e-3).errors[4], .300, 5e-4);
  EXPECT_NEAR(row("5 jordan, 2 baseline").errors[6], 4.7e-3, .5e-4);
  EXPECT_NEAR(row("8 jordan, 2 baseline").errors[9], 5e-4, .5e-4);
}

TEST(ErrorTable, RootMeanSquares) {  // printed: Jordan .196, You .021, Polar Express .088, 1.0e-3
  const std::vector<RmsError> rms = rms_errors();
  ASSERT_EQ(rms.size(), 4u);
  EXPECT_NEAR(rms[0].rms, .196, 5e-4);
  EXPECT_NEAR(rms[1].rms, .021, 5e-4);
  EXPECT_NEAR(rms[2].rms, .088, 5e-4);
  EXPECT_NEAR(rms[3].rms, 1.0e-3, .5e-4);
}

TEST(ErrorTable, TextHasEveryRow) {
  const std::string text = error_table();
  for (const ErrorRow& r : error_rows())
    EXPECT_NE(text.find("| " + r.name + " |"), std::string::npos) << r.name;
  EXPECT_NE(text.find("| jordan | 1.0e-03 | 0.9966 | 0.9881 |"), std::string::npos) << text;
  EXPECT_NE(text.find("polar_express 6 steps 1.0e-03"), std::string::npos) << text;
  EXPECT_EQ(text.back(), '\n');
}

}  // namespace
}  // namespace steepest::polar
