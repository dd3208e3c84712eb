// SPDX-License-Identifier: Apache-2.0
#include "trainer/report/read_contrasts.h"

#include <unistd.h>

#include <algorithm>

#include "steepest/base/text.h"
#include "trainer/report/claim_text.h"
#include "trainer/report/fields.h"
#include "trainer/sweep/trial.h"

namespace steepest::trainer {
namespace {

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// Sets a text that another file may have set, where this one has it.
void take_text(std::string& text, const Fields& fields, const char* name) {
  if (auto own = fields.text(name); !own.empty()) text = std::move(own);
}

// Takes what both files may tell of a contrast.
void take_claim(Contrast& c, const Fields& fields) {
  take_text(c.claim, fields, "claim");
  take_text(c.side, fields, "side");
  take_text(c.expression, fields, "contrast");
  take_text(c.over, fields, "over");
  if (fields.has("measure")) c.unit = unit_of_measure(fields.text("measure"));
  if (c.expression.find('/') != c.expression.npos) c.unit = unit_of_ratio();
  if (fields.has("paper")) {
    c.paper = fields.number("paper", /*or_text=*/true);
    if (!c.paper) c.paper_text = fields.text("paper");
  }
  if (const auto reference = fields.number("null")) c.reference = *reference;
  take_text(c.why, fields, "not_tested");
  if (const auto least = fields.number("least")) c.bound = least;
  if (const auto margin = fields.number("margin")) c.bound = c.reference + *margin;
}

// The values of a row for people, "max, ada_2", or the text that stands for them.
std::string row_text(const Fields& fields) {
  const auto* row = fields.find("row");
  if (row == nullptr) return "";
  if (!row->is_object()) return override_text(*row);
  std::vector<std::string> words;
  for (const auto& [name, value] : row->items()) words.push_back(override_text(value));
  return join(words);
}

// Takes an effect and its interval, which what was counted has not.
void take_effect(Contrast& c, const Fields& fields) {
  c.effect = fields.number("estimate");
  if (fields.text("interval") == "none") return;
  c.low = fields.number("low"), c.high = fields.number("high");
}

// Takes what verdict.json alone tells.
void take_verdict(Contrast& c, const Fields& fields) {
  take_effect(c, fields);
  take_text(c.verdict, fields, "verdict");
  take_text(c.why, fields, "why");
  if (const auto needed = fields.count("seeds_needed"))
    c.why += (c.why.empty() ? "" : "; ") + std::to_string(*needed) + " seeds would do";
  c.level = fields.number("level");
  c.seeds = fields.count("seeds");
  if (const auto tost = fields.object("tost"))
    c.inner_low = tost->number("low"), c.inner_high = tost->number("high");
  for (const auto& entry : fields.objects("by_row")) {
    Contrast row;
    row.claim = row_text(entry), row.side = c.side;
    row.reference = c.reference, row.bound = c.bound;
    row.paper = entry.number("paper", /*or_text=*/true);
    take_effect(row, entry);
    c.by_row.push_back(std::move(row));
  }
}

// Takes the losses by rate of the rows, in points [multiple of the best rate, loss, ..].
void take_windows(Experiment& experiment, const Fields& file) {
  for (const auto& fields : file.objects("rates")) {
    RateWindow window{row_text(fields), {}};
    for (const auto& point : fields.lists("points"))
      if (point.size() >= 2 && point[0] > 0) window.points.emplace_back(point[0], point[1]);
    experiment.windows.push_back(std::move(window));
  }
}

// The contrast with this id, made where there is none yet.
Contrast& contrast_of(Experiment& experiment, const std::string& id) {
  auto& all = experiment.contrasts;
  auto found = std::find_if(all.begin(), all.end(), [&](const auto& c) { return c.id == id; });
  if (found == all.end()) {
    found = all.insert(all.end(), Contrast{});
    found->id = id, found->verdict = kUntested;
  }
  return *found;
}

// Takes what one of the files tells.
void take_file(Experiment& experiment, const std::string& path, bool verdicts) {
  const auto json = read_json(path);
  const Fields file(json, path);
  take_text(experiment.question, file, "question");
  take_text(experiment.paper, file, "paper");
  const auto unit = unit_of_measure(file.text("measure"));
  for (const auto& fields : file.objects("contrasts")) {
    auto& contrast = contrast_of(experiment, fields.text("id"));
    take_claim(contrast, fields);
    if (contrast.unit.name.empty()) contrast.unit = unit;
    contrast.source = source_of(contrast, experiment.paper);
    if (verdicts) take_verdict(contrast, fields);
  }
  if (verdicts) take_windows(experiment, file);
  for (const auto& note : file.texts("notes")) experiment.notes.push_back(note);
}

}  // namespace

void read_contrasts(Experiment& experiment) {
  for (const bool verdicts : {false, true}) {
    const char* name = verdicts ? "verdict.json" : "expected.json";
    const std::string path = experiment.folder + "/" + name;
    if (exists(path))
      take_file(experiment, path, verdicts);
    else if (verdicts)
      experiment.missing.emplace_back("There is no verdict.json: nothing is tested yet.");
    else
      experiment.missing.emplace_back(
          "There is no expected.json: what was decided in advance is not known.");
  }
}

}  // namespace steepest::trainer
