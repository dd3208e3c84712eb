// SPDX-License-Identifier: Apache-2.0
#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <cctype>

#include "steepest/base/spec.h"
#include "steepest/base/text.h"
#include "steepest/geometry.h"
#include "steepest/norms/catalog.h"
#include "steepest/optimizers/optimizers.h"
#include "steepest/options/choice_names.h"

namespace steepest {
namespace optimizers {
#define OPTIMIZER(name) Recipe name();
#include "steepest/optimizers/catalog.inc"
#undef OPTIMIZER
}  // namespace optimizers

namespace {

const std::string kMomo = "-momo";

// Whether the name asks for the form of a recipe that takes Momo's step size, "muon-momo".
bool ends_with_momo(const std::string& name) {
  return name.size() > kMomo.size() && name.ends_with(kMomo);
}

// Throws c10::ValueError for a name that no recipe of the catalog has, with the rows' names, which
// -momo may follow, and the nearest of all names.
[[noreturn]] void refuse_name(const std::string& name) {
  std::vector<std::string> rows;
  for (const auto& row : optimizer_catalog()) rows.push_back(row.name);
  TORCH_CHECK_VALUE(false, "recipe: received ", shown(name), ", allowed ", join(rows),
                    ", and most with -momo behind", nearest(name, optimizer_names()));
}

// Returns the arguments that the norm of this name takes.
std::vector<std::string> arguments_of(const std::string& norm) {
  for (const auto& entry : norm_catalog())
    if (entry.name == norm) return entry.arguments;
  return {};
}

// Returns the catalog's recipe `row` with the arguments in `spec`, the name as the user wrote it:
// they are those of its norm, fanion(k=4), dion(rank_fraction=0.25). The nuclear norm of neon(k=4)
// counts as ky_fan(k=1). Throws c10::ValueError at an argument that the norm does not take.
Recipe with_arguments(Recipe row, const Spec& spec) {
  if (spec.args.empty()) return row;
  auto terms = parse_mixture(row.matrix.norm);
  auto& norm = terms[0];
  if (norm.name == "nuclear") norm.name = "ky_fan";
  allow_arguments(spec, terms.size() == 1 ? arguments_of(norm.name) : std::vector<std::string>{});
  for (const auto& [key, value] : spec.args) norm.args[key] = value;
  row.matrix.norm = print_spec(norm);
  row.name = print_spec(spec);
  return row;
}

// Whether the row has a Momo form: Momo's model of the loss needs the momentum before the norm, one
// that is a mean of the gradients, and weights that move as it says.
bool has_momo_form(const Recipe& row) {
  const auto geometry = make_geometry(row.matrix.geometry);
  return row.matrix.place == MomentumPlace::before && !row.matrix.error_feedback &&
         (!geometry || geometry->allows_momo());
}

}  // namespace

// Returns the recipes of all named optimizers, before any overrides, in the order of catalog.inc.
const std::vector<Recipe>& optimizer_catalog() {
  static const std::vector<Recipe> catalog = {
#define OPTIMIZER(name) optimizers::name(),
#include "steepest/optimizers/catalog.inc"
#undef OPTIMIZER
  };
  return catalog;
}

// Returns the names of the catalog's recipes, then, with -momo behind them, of those that can take
// Momo's step size.
std::vector<std::string> optimizer_names() {
  std::vector<std::string> names;
  for (const auto& row : optimizer_catalog()) names.push_back(row.name);
  const size_t rows = names.size();
  for (size_t i = 0; i < rows; ++i) {
    if (has_momo_form(optimizer_catalog()[i])) names.push_back(names[i] + kMomo);
  }
  return names;
}

// Returns the choices of Adam(.9, .95) without decay, for what is no matrix in recipes whose paper
// leaves it open.
Choices adam_backup() {
  return {.norm = "ada_inf",
          .lr = 3e-3,
          .momentum = 0.9,
          .start = MomentumStart::corrected,
          .beta2 = 0.95};
}

// Returns the recipe that the text names, such as "muon", "neon(k=4)" or "muon-momo", before the
// user's overrides. Throws c10::ValueError at a name or an argument that is none.
Recipe catalog_row(const std::string& text) {
  if (ends_with_momo(text)) {
    const auto base = text.substr(0, text.size() - kMomo.size());
    if (ends_with_momo(base) || std::isspace(static_cast<unsigned char>(base.back()))) {
      refuse_name(text);  // a row has one Momo form, whose name has no blanks
    }
    auto row = catalog_row(base);
    const auto start = row.matrix.start;
    row.name += kMomo;
    // A zero start without correction makes the model's first values wrong.
    return override_recipe(row, {.step_size = "momo",
                                 .start = start == MomentumStart::zero ? "first" : name_of(start)});
  }
  const auto spec = parse_spec(text);
  for (const auto& row : optimizer_catalog()) {
    if (row.name == spec.name) return with_arguments(row, spec);
  }
  refuse_name(spec.name);
}

// Returns the recipe of this name with the overrides in the place of its own choices. Throws
// c10::ValueError at an unknown name, and where the choices do not fit together.
Recipe recipe(const std::string& name, const Overrides& overrides) {
  return override_recipe(catalog_row(name), overrides);
}

}  // namespace steepest
