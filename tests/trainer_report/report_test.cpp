// SPDX-License-Identifier: Apache-2.0
// The parts of the report: escaped HTML, numbers, scales, the rows of a table and their curves.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "tests/support/faults.h"
#include "tests/support/folder.h"
#include "trainer/report/claim_text.h"
#include "trainer/report/fields.h"
#include "trainer/report/forest.h"
#include "trainer/report/html.h"
#include "trainer/report/numbers.h"
#include "trainer/report/read_experiment.h"
#include "trainer/report/runs.h"
#include "trainer/report/scale.h"
#include "trainer/sweep/table.h"

namespace steepest::trainer {
namespace {

using test::error_of;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// A line of a table.
std::string line(const std::string& key, const char* stage, const char* arm, int64_t seed,
                 double rate, double loss, const char* status = "done") {
  const SweepValue json = {{"key", key},
                           {"stage", stage},
                           {"arm", arm},
                           {"row", {{"optimizer.outer", "max"}}},
                           {"values", {{"optimizer.lr", rate}, {"ratio", 0.1}}},
                           {"seed", seed},
                           {"status", status},
                           {"val_loss", loss},
                           {"curve", {{1, loss + 2}, {2, loss + 1}}},
                           {"cpu_seconds", 2.5},
                           {"commit", "abc"}};
  return json.dump() + "\n";
}

TEST(Html, EscapesAllThatIsNotItsOwn) {
  Html html;
  html.element("p", "<b>&\"'", {{"title", "\"><script>"}});
  EXPECT_EQ(html.str(), "<p title=\"&quot;&gt;&lt;script&gt;\">&lt;b&gt;&amp;&quot;&#39;</p>\n");
  EXPECT_EQ(escaped("a\x01\xff\x1b["), "a\uFFFD\uFFFD\uFFFD[");
  EXPECT_EQ(escaped("−∞\t\n"), "−∞\t\n");
}

TEST(Numbers, HaveTheDecimalsThatTheirIntervalsDeserve) {
  EXPECT_EQ(decimals_for(.021), 3);
  EXPECT_EQ(decimals_for(.009), 3);
  EXPECT_EQ(decimals_for(.31), 2);
  EXPECT_EQ(decimals_for(40), 0);
  for (const double unknown : {0., kInfinity, std::nan("")}) EXPECT_EQ(decimals_for(unknown), 3);
  EXPECT_EQ(decimal_text(-.2972, 3), "−0.297");
  EXPECT_EQ(decimal_text(.2821, 3, /*plus=*/true), "+0.282");
  EXPECT_EQ(decimal_text(-1e-9, 3, /*plus=*/true), "0.000");
  EXPECT_EQ(decimal_text(-kInfinity, 3), "−∞");
  EXPECT_EQ(decimal_text(std::nan(""), 3), "–");
  EXPECT_EQ(decimal_text(1e308, 6).size(), 316u);
  EXPECT_EQ(short_text(.0003), "0.0003");
}

TEST(Numbers, WithoutAnIntervalHaveFewerDecimalsTheGreaterTheyAre) {
  EXPECT_EQ(decimals_of(-.5), 3);
  EXPECT_EQ(decimals_of(12), 2);
  EXPECT_EQ(decimals_of(-1086), 0);
  EXPECT_EQ(decimals_of(kInfinity), 3);
}

TEST(ClaimText, IsASentencesPart) {
  Contrast c{.id = "L1", .unit = unit_of_measure("val_loss"), .effect = .15812};
  EXPECT_EQ(effect_text(c), "+0.158 nats");
  c.low = .10884, c.high = .20741;
  EXPECT_EQ(effect_text(c), "+0.158 nats [+0.109, +0.207]");
  EXPECT_EQ(paper_text(c), "");
  c.paper = 0;
  EXPECT_EQ(paper_text(c), "0");
  EXPECT_EQ(effect_text(Contrast{.unit = unit_of_ratio(), .effect = .9}), "0.900 as a ratio");
  const Contrast steps{
      .unit = unit_of_measure("steps"), .reference = 1060, .paper = 1060, .effect = 1086};
  EXPECT_EQ(effect_text(steps), "1086 steps");
  EXPECT_EQ(paper_text(steps), "1060");
  EXPECT_EQ(effect_text(Contrast{.unit = unit_of_measure("own_thing"), .effect = 2}),
            "+2.000 own thing");
}

TEST(ClaimText, SaysWhoseAClaimIs) {
  const auto source = [](const char* id, const char* paper, std::optional<double> value = {}) {
    return source_of(Contrast{.id = id, .paper = value}, paper);
  };
  EXPECT_EQ(source("N1", "variants (arXiv 2510.09827), GPT-2"), "claim of variants");
  EXPECT_EQ(source("L1", "variants (arXiv 2510.09827), GPT-2", .28), "claim of variants");
  EXPECT_EQ(source("L2", "variants (arXiv 2510.09827), GPT-2"), "own question");
  EXPECT_EQ(source("N1", "no claim of a paper: an open question", .28), "own question");
  constexpr char kRange[] = "muon: its steps; M6c to M6f are predictions of this project";
  EXPECT_EQ(source("M6b", kRange), "claim of muon");
  for (const char* id : {"M6c", "M6e", "M6f"}) EXPECT_EQ(source(id, kRange), "own question");
  EXPECT_EQ(source("K6f", "neon; K6f is a prediction of this project"), "own question");
  EXPECT_EQ(source("K6e", "neon; K6f is a prediction of this project"), "claim of neon");
  EXPECT_EQ(source("A1", ""), "");
}

// How many different scales the pictures of these contrasts have.
size_t scales_of(const std::vector<Contrast>& contrasts) {
  std::vector<const Contrast*> all;
  for (const auto& c : contrasts) all.push_back(&c);
  Html html;
  add_forests(html, all);
  std::set<std::string> ticks;
  const auto& page = html.str();
  for (size_t at = page.find("<svg class=\"forest\""); at != page.npos;) {
    const auto next = page.find("<svg class=\"forest\"", at + 1);
    std::string own;
    for (auto tick = page.find("tick middle", at); tick < next;
         tick = page.find("tick middle", tick + 1))
      own += page.substr(tick, page.find('<', tick) - tick);
    ticks.insert(own);
    at = next;
  }
  return ticks.size();
}

TEST(Forest, GivesAClaimAScaleOnWhichItCanBeRead) {
  const auto claim = [](double effect, double bound, double reference = 0) {
    return Contrast{.side = "=",
                    .reference = reference,
                    .bound = reference + bound,
                    .effect = effect,
                    .low = effect - bound / 5,
                    .high = effect + bound / 5};
  };
  EXPECT_EQ(scales_of({claim(.01, .02), claim(-.01, .02), claim(.02, .03)}), 1u);
  EXPECT_EQ(scales_of({claim(.0006, .02), claim(1, .03)}), 2u);
  EXPECT_EQ(scales_of({claim(1086, 159, 1060), claim(1006, 153, 1020)}), 2u);
}

TEST(Forest, DrawsThePapersMarkAboveOurs) {
  Html html;
  const Contrast c{.side = "=", .paper = 0, .bound = .01, .effect = 0};
  add_forests(html, {&c});
  EXPECT_NE(html.str().find("y=\"9\" class=\"mark\"><path class=\"paper\""), std::string::npos);
  EXPECT_NE(html.str().find("y=\"25\" class=\"mark\"><path class=\"ours\""), std::string::npos);
  EXPECT_EQ(html.str().find("–"), std::string::npos);
}

TEST(Scale, PutsItsEndsAtTheEndsAndHasRoundTicks) {
  const Scale linear(-.1, .3);
  EXPECT_DOUBLE_EQ(linear.percent(-.1), 0);
  EXPECT_DOUBLE_EQ(linear.percent(.3), 100);
  for (const double tick : linear.ticks(4)) EXPECT_NEAR(tick * 10, std::round(tick * 10), 1e-9);
  const Scale rates(.003, 30, /*logarithmic=*/true);
  EXPECT_DOUBLE_EQ(rates.percent(.3), 50);
  EXPECT_EQ(rates.ticks(4).size(), 4u);                                 // .01, .1, 1, 10
  EXPECT_EQ(Scale(.01, .1, /*logarithmic=*/true).ticks(4).size(), 3u);  // .01, .03, .1
  for (const double one : {0., 2., 1e300})
    EXPECT_TRUE(std::isfinite(Scale(one, one).percent(one))) << one;
}

TEST(Runs, OfARowAreDrawnTogether) {
  const auto lines = parse_table(
      line("a", "tune", "con", 0, .01, 2.5) + line("b", "tune", "con", 0, .03, 2.0) +
          line("c", "tune", "con", 0, .1, 9, "diverged") + line("d", "report", "con", 11, .03, 2) +
          line("e", "report", "con", 12, .03, 2.2) + line("b", "tune", "reg", 0, .03, 2.0),
      "table.jsonl");
  const auto rows = rows_of_lines(lines);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].name, "con/max");
  EXPECT_EQ(trials_text(rows, "reg - mean(con, con) / other"), "reg 1, con 3");
  const auto losses = loss_charts(rows, arms_of(rows));
  ASSERT_EQ(losses.size(), 1u);
  ASSERT_EQ(losses[0].series.size(), 1u);  // reg has no run of the report
  EXPECT_DOUBLE_EQ(losses[0].series[0].points[1].second, 3.1);
  const auto rates = rate_charts(rows, arms_of(rows));
  ASSERT_EQ(rates.size(), 1u);
  EXPECT_EQ(rates[0].x_name, "optimizer.lr");
  EXPECT_EQ(rates[0].series[0].points,
            (std::vector<std::pair<double, double>>{{.01, 2.5}, {.03, 2}, {.1, kInfinity}}));
  const auto totals = totals_of(lines);
  EXPECT_EQ(totals.runs, 5);  // b stands there twice
  EXPECT_EQ(totals.tuned, 3);
  EXPECT_EQ(totals.not_done, 1);
  EXPECT_DOUBLE_EQ(totals.cpu_seconds, 12.5);
}

TEST(ReadExperiment, SaysInOneLineWhatIsWrong) {
  const test::Folder folder;
  const auto refusal = [&](const char* file, const std::string& text) {
    test::spill(folder / "expected.json", "{}");
    test::spill(folder / "verdict.json", "{}");
    test::spill(folder / "table.jsonl", "");
    test::spill(folder / file, text);
    return error_of([&] { read_experiment(folder.path(), "x"); });
  };
  EXPECT_EQ(refusal("table.jsonl", "{}\n"), folder / "table.jsonl:1: not a line of a sweep");
  EXPECT_EQ(refusal("verdict.json", "{"), folder / "verdict.json: not JSON at byte 2");
  EXPECT_EQ(refusal("expected.json", "[]"),
            folder / "expected.json: received [], allowed an object");
  EXPECT_EQ(refusal("verdict.json", R"({"contrasts": [{"id": "A", "low": "x"}]})"),
            folder / "verdict.json: contrasts[0]: low: received \"x\", allowed a number");
  EXPECT_EQ(refusal("expected.json", R"({"contrasts": [{"id": 7}]})"),
            folder / "expected.json: contrasts[0]: id: received 7, allowed a text");
  EXPECT_EQ(refusal("verdict.json", R"({"rates": [{"points": [1]}]})"),
            folder / "verdict.json: rates[0]: points: received [1], allowed lists of numbers");
}

TEST(ReadExperiment, TellsWhatIsNotThere) {
  const test::Folder folder;
  test::spill(folder / "expected.json", R"({"contrasts": [{"id": "A", "paper": "9 of 9"}]})");
  const auto alone = read_experiment(folder.path(), "x");
  ASSERT_EQ(alone.contrasts.size(), 1u);
  EXPECT_EQ(alone.contrasts[0].verdict, "not tested");
  EXPECT_EQ(alone.contrasts[0].paper_text, "9 of 9");
  EXPECT_EQ(alone.missing.size(), 2u);
  test::spill(folder / "table.jsonl", line("a", "tune", "con", 0, .01, 2) + "{\"key\"");
  const auto cut = read_experiment(folder.path(), "x");
  EXPECT_EQ(cut.lines.size(), 1u);
  EXPECT_EQ(cut.missing.back(), "The last line of table.jsonl is cut off and left out.");
}

}  // namespace
}  // namespace steepest::trainer
