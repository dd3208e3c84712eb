// SPDX-License-Identifier: Apache-2.0
#include "steepest/route.h"

#include <algorithm>
#include <iomanip>
#include <set>
#include <sstream>

namespace steepest {
namespace {

struct Verdict {
  Role role;
  std::string reason;
};

struct Found {  // a parameter with the module that owns it
  std::string name, owner_type;
  at::Tensor param;
};

std::string type_of(const torch::nn::Module& module) {
  const auto name = module.name();
  const size_t colon = name.rfind(':');
  return colon == std::string::npos ? name : name.substr(colon + 1);
}

bool is_embedding(const std::string& type) { return type.find("Embedding") != std::string::npos; }

// embeddings: what an embedding owns, whoever is met first.
std::vector<Found> find_parameters(const torch::nn::Module& module,
                                   std::set<const void*>& embeddings) {
  std::vector<Found> found;
  std::set<const void*> seen;  // a tied parameter has one block, under its first name
  const auto visit = [&](const torch::nn::Module& owner, const std::string& prefix) {
    const auto type = type_of(owner);
    for (const auto& item : owner.named_parameters(/*recurse=*/false)) {
      const auto* key = item.value().unsafeGetTensorImpl();
      if (is_embedding(type)) embeddings.insert(key);
      if (seen.insert(key).second) found.push_back({prefix + item.key(), type, item.value()});
    }
  };
  visit(module, "");
  for (const auto& item : module.named_modules("", /*include_self=*/false)) {
    visit(*item.value(), item.key() + ".");
  }
  return found;
}

bool is_convolution(const Found& p) { return p.owner_type.find("Conv") != std::string::npos; }

bool named_head(const std::string& name) {
  static const std::vector<std::string> heads = {"head", "lm_head", "classifier", "unembed"};
  std::istringstream parts(name);
  for (std::string part; std::getline(parts, part, '.');) {
    if (std::find(heads.begin(), heads.end(), part) != heads.end()) return true;
  }
  return false;
}

Verdict judge(const Found& p, const std::set<const void*>& tied, const std::string& first_conv) {
  const auto shape = p.param.sizes();
  if (shape.size() < 2) return {Role::backup, "fewer than 2 dimensions"};
  if (is_embedding(p.owner_type)) return {Role::backup, "embedding"};
  if (tied.count(p.param.unsafeGetTensorImpl()) != 0) return {Role::backup, "tied to an embedding"};
  if (named_head(p.name)) return {Role::backup, "output head by name"};
  if (shape[0] == 1 || (shape.size() == 2 && shape[1] == 1)) return {Role::backup, "1 x n"};
  if (is_convolution(p) && shape[1] == 1) return {Role::backup, "depthwise convolution"};
  if (p.name == first_conv) return {Role::backup, "first convolution"};
  return {Role::matrix, is_convolution(p) ? "convolution, flattened" : "matrix"};
}

bool matches_any(const std::string& name, const std::vector<std::string>& globs) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const auto& glob) { return matches_glob(name, glob); });
}

void check_globs(const std::vector<Found>& found, const std::vector<std::string>& globs) {
  for (const auto& glob : globs) {
    const bool used = std::any_of(found.begin(), found.end(),
                                  [&](const auto& p) { return matches_glob(p.name, glob); });
    TORCH_CHECK_VALUE(used, "route: received glob \"", glob, "\", which matches no parameter");
  }
}

void add(Groups& groups, const Found& p, const Verdict& verdict, const View& view) {
  auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& g) {
    return g.role == verdict.role && g.view == view;
  });
  if (group == groups.end()) {
    group = groups.insert(groups.end(), Group{.role = verdict.role, .view = view});
  }
  group->params.emplace_back(p.name, p.param);
  group->reasons.push_back(verdict.reason);
}

}  // namespace

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
  std::set<const void*> embeddings;
  const auto found = find_parameters(module, embeddings);
  check_globs(found, options.backup);
  check_globs(found, options.matrix);
  for (const auto& [glob, view] : options.views) check_globs(found, {glob});
  std::string first_conv;
  for (const auto& p : found) {
    if (first_conv.empty() && is_convolution(p) && p.param.dim() > 2) first_conv = p.name;
  }
  Groups groups;
  for (const auto& p : found) {
    if (!p.param.requires_grad()) continue;
    auto verdict = judge(p, embeddings, first_conv);
    if (matches_any(p.name, options.backup)) {
      verdict = {Role::backup, "asked for"};
    } else if (matches_any(p.name, options.matrix)) {
      verdict = {Role::matrix, "asked for"};
    }
    View view;
    for (const auto& [glob, wanted] : options.views) {
      if (matches_glob(p.name, glob)) view = wanted;
    }
    add(groups, p, verdict, view);
  }
  return groups;
}

std::ostream& operator<<(std::ostream& out, const Groups& groups) {
  size_t width = 10;
  int64_t covered[2] = {0, 0};
  for (const auto& g : groups) {
    for (const auto& [name, param] : g.params) width = std::max(width, name.size() + 2);
  }
  out << std::left << std::setw(static_cast<int>(width)) << "parameter" << std::setw(22) << "shape"
      << std::setw(8) << "role"
      << "reason\n";
  for (const auto& g : groups) {
    for (size_t i = 0; i < g.params.size(); ++i) {
      const auto& [name, param] = g.params[i];
      const Role role = g.role.value_or(param.dim() == 2 ? Role::matrix : Role::backup);
      std::ostringstream shape;
      shape << param.sizes();
      out << std::setw(static_cast<int>(width)) << name << std::setw(22) << shape.str()
          << std::setw(8) << name_of(role) << (g.reasons.empty() ? "" : g.reasons[i]) << "\n";
      covered[static_cast<int>(role)] += param.numel();
    }
  }
  const double total = std::max(1.0, static_cast<double>(covered[0] + covered[1]));
  return out << std::fixed << std::setprecision(1) << "matrices: " << covered[0] << " parameters ("
             << 100 * static_cast<double>(covered[0]) / total << " %), backup: " << covered[1]
             << "\n"
             << std::defaultfloat;
}

}  // namespace steepest
