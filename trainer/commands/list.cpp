// SPDX-License-Identifier: Apache-2.0
// steepest list: every named optimizer as its row of choices, and every norm.
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "steepest/base/text.h"
#include "steepest/norms/catalog.h"
#include "steepest/optimizers/optimizers.h"
#include "steepest/options/choice_names.h"
#include "steepest/serialize/recipe_json.h"
#include "trainer/commands/commands.h"
#include "trainer/commands/table.h"
#include "trainer/config/presets.h"
#include "trainer/run/output.h"

namespace steepest::trainer {
namespace {

using Json = nlohmann::ordered_json;

// Returns the momentum of a recipe's matrices in the words of the table, "ema 0.95 nesterov, zero":
// form, number, and what it starts from; "none" where there is none.
std::string momentum_text(const Choices& c) {
  if (c.momentum == 0) return "none";
  return name_of(c.form) + " " + print_number(c.momentum) + (c.nesterov ? " nesterov" : "") + ", " +
         name_of(c.start) + (c.place == MomentumPlace::after ? ", after the norm" : "");
}

// Returns the default learning rates of a recipe in the words of the table: one for all parameters,
// or "0.02 / 0.003", of the matrices and of the others.
std::string rates_text(const Recipe& r) {
  const auto lr = print_number(r.matrix.lr);
  return r.matrix.lr == r.backup.lr ? lr : lr + " / " + print_number(r.backup.lr);
}

// Returns every choice of a recipe as JSON, and under "momo" the name of its form with the Momo
// step size, null where it has none.
Json json_of(const Recipe& r) {
  auto json = Json::parse(recipe_json(r));
  const auto names = optimizer_names();
  const auto momo = r.name + "-momo";
  json["momo"] = std::ranges::find(names, momo) != names.end() ? Json(momo) : Json();
  return json;
}

// Prints every named optimizer as a line of its choices.
void print_optimizers() {
  std::vector<std::vector<std::string>> rows = {
      {"name", "update", "outer", "norm", "non-matrix", "lr", "momentum", "radius", "paper"}};
  for (const auto& r : optimizer_catalog()) {
    rows.push_back({r.name, name_of(r.update), name_of(r.outer), r.matrix.norm, r.backup.norm,
                    rates_text(r), momentum_text(r.matrix), r.matrix.radius, r.paper});
  }
  print_out(aligned(rows) +
            "\nBehind most names, -momo makes the Momo form: muonmax-momo.\nneon(k=4) and "
            "fanion(k=4) choose the rank. --json prints every choice, "
            "--norms the norms.\n");
}

// Prints every norm with its arguments and what it is.
void print_norms() {
  std::vector<std::vector<std::string>> rows = {{"norm", "arguments", "unit ball and direction"}};
  for (const auto& norm : norm_catalog()) {
    rows.push_back({norm.name, join(norm.arguments), norm.summary});
  }
  print_out(aligned(rows) +
            "\nMixtures: 0.5*spectral+0.5*frobenius (F-Muon), 0.5*spectral+0.0015*inf (S-Muon).\n");
}

// Prints every preset with what it is.
void print_presets() {
  std::vector<std::vector<std::string>> rows = {{"preset", "what it is"}};
  for (const auto& preset : presets()) rows.push_back({preset.name, preset.summary});
  print_out(
      aligned(rows) +
      "\nsteepest train --preset NAME --set data.path=.. --set run.out=..; with --dry-run it is "
      "shown.\npreset = \"NAME\" at the top of a run file begins with it.\n");
}

}  // namespace

// Adds `steepest list`, which prints the catalog of optimizers, the norms or the presets; its
// callback sets `exit_code`.
void add_list(CLI::App& app, int& exit_code) {
  auto json = std::make_shared<bool>(false), norms = std::make_shared<bool>(false);
  auto named = std::make_shared<bool>(false);
  auto* command =
      app.add_subcommand("list", "The catalog: each optimizer's row of choices and paper");
  command->add_flag("--json", *json, "Every choice, as JSON");
  command->add_flag("--norms", *norms, "The norms instead");
  command->add_flag("--presets", *named, "The published experiments instead");
  command->callback([json, norms, named, &exit_code] {
    if (*named) {
      print_presets();
    } else if (*norms) {
      print_norms();
    } else if (*json) {
      Json rows = Json::array();
      for (const auto& r : optimizer_catalog()) rows.push_back(json_of(r));
      print_out(rows.dump(1) + "\n");
    } else {
      print_optimizers();
    }
    exit_code = 0;
  });
}

}  // namespace steepest::trainer
