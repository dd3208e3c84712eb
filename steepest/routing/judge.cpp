// SPDX-License-Identifier: Apache-2.0
#include "steepest/routing/judge.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "steepest/routing/layouts.h"
#include "steepest/routing/roles.h"

namespace steepest::routing {
namespace {

using Json = nlohmann::json;

// Returns the verdict on one parameter of the model: a matrix, unless a rule of `roles` gives a
// reason for the backup norm, or it has only one row or column ("1 x n"). The view is set in any
// case.
Verdict judge_one(const Fact& f, const Model& model, const Roles& roles) {
  Verdict verdict;
  Layout layout;
  if (f.shape.size() > 1) layout = find_layout(f, model);
  verdict.view = layout.view;
  verdict.reason = roles.why_backup(f);
  if (!verdict.reason.empty()) return verdict;
  const auto [rows, cols] = matrix_size(f.shape, layout.view);
  verdict.role = std::min(rows, cols) > 1 ? Role::matrix : Role::backup;
  verdict.reason = verdict.role == Role::backup ? "1 x n" : layout.words;
  if (verdict.reason.empty()) verdict.reason = "matrix";
  return verdict;
}

// Reads what is known of one parameter from an object of judge_json's list; what is not given has
// its default. Throws nlohmann's exceptions, which judge_json turns into one message.
Fact fact_of(const Json& json) {
  Fact f;
  f.name = json.at("name");
  f.shape = json.at("shape").get<std::vector<int64_t>>();
  f.tensor = json.at("tensor");
  f.own = json.value("own", f.own);
  f.known = !f.own.empty();
  f.around = json.value("around", f.around);
  f.parent = json.value("parent", "");
  f.numbers = json.value("numbers", f.numbers);
  f.parent_numbers = json.value("parent_numbers", f.parent_numbers);
  f.asked = json.value("asked", "");
  f.says = json.value("says", "");
  return f;
}

// Returns a verdict as an object of judge_json's list; split_sizes and num_heads are null where the
// view has none.
Json json_of(const Verdict& verdict) {
  const View& view = verdict.view;
  const auto count = [](bool set, auto value) { return set ? Json(value) : Json(); };
  return {{"role", verdict.role == Role::matrix ? "matrix" : "backup"},
          {"reason", verdict.reason},
          {"view", view.batch ? "batch" : "flatten"},
          {"transposed", view.transposed},
          {"split_sizes", count(!view.split_sizes.empty(), view.split_sizes)},
          {"num_heads", count(view.num_heads != 0, view.num_heads)},
          {"split_dim", view.split_dim}};
}

}  // namespace

std::vector<Verdict> judge(std::vector<Fact> facts) {
  const Model model(std::move(facts));
  const Roles roles(model);
  std::vector<Verdict> verdicts;
  for (const auto& f : model.places()) verdicts.push_back(judge_one(f, model, roles));
  return verdicts;
}

std::string judge_json(const std::string& text) {
  std::vector<Fact> facts;
  try {
    for (const auto& json : Json::parse(text)) facts.push_back(fact_of(json));
  } catch (const Json::exception& error) {
    TORCH_CHECK_VALUE(false, "route: received facts that cannot be read: ", error.what());
  }
  Json answer = Json::array();
  for (const auto& verdict : judge(std::move(facts))) answer.push_back(json_of(verdict));
  return answer.dump();
}

bool is_guess(const std::string& reason) {
  return reason.find("by shape") != std::string::npos ||
         reason.find("by position") != std::string::npos;
}

std::string describe_guesses(const std::vector<std::pair<Role, std::string>>& reasons) {
  int64_t counts[2] = {0, 0};
  for (const auto& [role, reason] : reasons) counts[role == Role::backup] += is_guess(reason);
  const auto [matrices, backups] = counts;
  std::string text;
  if (matrices > 0)
    text = std::to_string(matrices) + (matrices == 1 ? " matrix" : " matrices") + " by shape only";
  if (backups > 0) {
    text += (text.empty() ? "" : ", ") + std::to_string(backups) +
            " non-matrix by shape or position only";
  }
  return text;
}

}  // namespace steepest::routing
