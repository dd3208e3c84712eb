// SPDX-License-Identifier: Apache-2.0
#include "steepest/route.h"

#include <algorithm>
#include <array>
#include <iomanip>
#include <set>
#include <sstream>

#include "steepest/block.h"
#include "steepest/routing/judge.h"
#include "steepest/routing/module.h"

namespace steepest {
namespace {

using routing::Place, routing::Verdict;

// Whether an optimizer is to train the parameter: it asks for a gradient, and is of floating point
// of more than 8 bits.
bool is_trained(const at::Tensor& param) {
  return param.requires_grad() && param.is_floating_point() && param.element_size() > 1;
}

// Whether the name matches one of the globs.
bool matches_any(const std::string& name, const std::vector<std::string>& globs) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const auto& glob) { return matches_glob(name, glob); });
}

// Throws c10::ValueError at a glob that matches the name of none of these parameters: it would else
// pass unnoticed that it is mistyped.
void require_matches(const std::vector<Place>& places, const std::vector<std::string>& globs) {
  for (const auto& glob : globs) {
    const bool used = std::any_of(places.begin(), places.end(), [&](const auto& place) {
      return matches_glob(place.fact.name, glob);
    });
    TORCH_CHECK_VALUE(used, "route: received glob \"", glob, "\", which matches no parameter");
  }
}

// Adds a parameter, with the verdict's reason, to the group that has the verdict's role and view;
// where there is none yet, appends one.
void add_to_group(Groups& groups, const Place& place, const Verdict& verdict) {
  auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& g) {
    return g.role == verdict.role && g.view == verdict.view;
  });
  if (group == groups.end()) {
    group = groups.insert(groups.end(), Group{.role = verdict.role, .view = verdict.view});
  }
  group->params.emplace_back(place.fact.name, place.param);
  group->reasons.push_back(verdict.reason);
}

// Changes the verdict on the parameter of this name, in place, to what the options ask for: a role
// that they ask for replaces that of the rules, and a view the rules' own. A parameter that is left
// to the backup is not seen as matrices, and gets the default view unless one is asked for.
void apply_options(const std::string& name, const RouteOptions& options, Verdict& verdict) {
  if (matches_any(name, options.backup)) {
    verdict = {.role = Role::backup, .view = {}, .reason = "asked for"};
  } else if (matches_any(name, options.matrix)) {
    verdict.role = Role::matrix, verdict.reason = "asked for";
  } else if (verdict.role == Role::backup) {
    verdict.view = {};
  }
  for (const auto& [glob, wanted] : options.views) {
    if (matches_glob(name, glob)) verdict.view = wanted;
  }
}

using Line = std::array<std::string, 5>;  // of the routing table: a word for each column

// Returns a shape as the routing table shows it, "64x16".
std::string text_of(at::IntArrayRef shape) {
  std::string text;
  for (const int64_t size : shape) text += (text.empty() ? "" : "x") + std::to_string(size);
  return text.empty() ? "()" : text;
}

// Returns a layout as the routing table shows it, "transposed, 16+16+16 of dim 1", "-" for the
// default one.
std::string text_of(const View& view) {
  std::vector<std::string> words;
  std::string sizes;
  const auto of_dim = " of dim " + std::to_string(view.split_dim);
  if (view.batch) words.emplace_back("batch");
  if (view.transposed) words.emplace_back("transposed");
  for (const int64_t n : view.split_sizes) sizes += (sizes.empty() ? "" : "+") + std::to_string(n);
  if (!sizes.empty()) words.push_back(sizes + of_dim);
  if (view.num_heads != 0) words.push_back(std::to_string(view.num_heads) + " parts" + of_dim);
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text.empty() ? "-" : text;
}

// Prints a table with each column as wide as its widest word, two spaces apart; the last one is not
// padded.
void print_columns(std::ostream& out, const std::vector<Line>& lines) {
  std::array<size_t, 5> widths{};
  for (const auto& line : lines) {
    for (size_t i = 0; i < 4; ++i) widths[i] = std::max(widths[i], line[i].size() + 2);
  }
  for (const auto& line : lines) {
    for (size_t i = 0; i < 5; ++i) {
      out << line[i];
      if (line[i].size() < widths[i]) out << std::string(widths[i] - line[i].size(), ' ');
    }
    out << "\n";
  }
}

}  // namespace

// At a mismatch the last star so far takes one character more: no recursion.
bool matches_glob(const std::string& text, const std::string& glob) {
  size_t t = 0, g = 0, star = std::string::npos, resume = 0;
  while (t < text.size()) {
    if (g < glob.size() && (glob[g] == '?' || (glob[g] != '*' && glob[g] == text[t]))) {
      ++t, ++g;
    } else if (g < glob.size() && glob[g] == '*') {
      star = g++, resume = t;
    } else if (star != std::string::npos) {
      g = star + 1, t = ++resume;
    } else {
      return false;
    }
  }
  return glob.find_first_not_of('*', g) == std::string::npos;
}

Groups route(const torch::nn::Module& module, const RouteOptions& options) {
  const auto places = routing::read_module(module);
  require_matches(places, options.backup);
  require_matches(places, options.matrix);
  for (const auto& [glob, view] : options.views) require_matches(places, {glob});
  std::vector<routing::Fact> facts;
  for (const auto& place : places) facts.push_back(place.fact);
  auto verdicts = routing::judge(std::move(facts));
  Groups groups;
  std::set<int64_t> seen;  // a tied parameter has one block, under its first name
  for (size_t i = 0; i < places.size(); ++i) {
    const auto& [fact, param] = places[i];
    if (!seen.insert(fact.tensor).second || !is_trained(param)) continue;
    apply_options(fact.name, options, verdicts[i]);
    add_to_group(groups, places[i], verdicts[i]);
  }
  return groups;
}

// Prints a table with the routing of each parameter, then how many tensors and parameters each role
// covers, and how many rows are guesses.
std::ostream& operator<<(std::ostream& out, const Groups& groups) {
  std::vector<Line> lines = {{"parameter", "shape", "role", "layout", "reason"}};
  std::vector<std::pair<Role, std::string>> reasons;
  int64_t tensors[2] = {0, 0}, numbers[2] = {0, 0};  // of matrices, of the backup
  for (const auto& g : groups) {
    for (size_t i = 0; i < g.params.size(); ++i) {
      const auto& [name, param] = g.params[i];
      const Role role = g.role.value_or(param.dim() == 2 ? Role::matrix : Role::backup);
      reasons.emplace_back(role, g.reasons.empty() ? "" : g.reasons[i]);
      lines.push_back({name, text_of(param.sizes()), text_of(role),
                       role == Role::matrix ? text_of(g.view) : "-", reasons.back().second});
      ++tensors[role == Role::backup], numbers[role == Role::backup] += param.numel();
    }
  }
  print_columns(out, lines);
  const double total = std::max(1.0, static_cast<double>(numbers[0] + numbers[1]));
  for (const int i : {0, 1}) {
    std::ostringstream share;
    share << std::fixed << std::setprecision(1) << 100 * static_cast<double>(numbers[i]) / total;
    out << text_of(i == 0 ? Role::matrix : Role::backup) << ": " << tensors[i] << " tensors, "
        << numbers[i] << " parameters (" << share.str() << " %)\n";
  }
  const auto guessed = routing::describe_guesses(reasons);
  return guessed.empty() ? out : out << guessed << "\n";
}

}  // namespace steepest
