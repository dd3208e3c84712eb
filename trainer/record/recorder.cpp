// SPDX-License-Identifier: Apache-2.0
#include "trainer/record/recorder.h"

#include <ATen/ATen.h>
#include <unistd.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "steepest/base/text.h"
#include "steepest/engine/survey.h"
#include "steepest/optimizer.h"
#include "steepest/plan.h"
#include "steepest/route.h"
#include "trainer/config/config.h"
#include "trainer/record/spectrum.h"

namespace steepest::trainer {
namespace {

using Json = nlohmann::ordered_json;

// Lists the parameters in the plan's order with gradient and state; `none` stands for the state of
// those that have had no gradient yet.
std::vector<Param> params_of(Optimizer& optimizer, ParamState& none) {
  std::vector<Param> params;
  for (const auto& group : optimizer.param_groups()) {
    for (const auto& p : group.params()) {
      const auto found = optimizer.state().find(p.unsafeGetTensorImpl());
      const bool known = found != optimizer.state().end();
      auto* state = known ? &static_cast<BlockState&>(*found->second).value : &none;
      params.push_back({p.detach(), p.grad(), state});
    }
  }
  return params;
}

// Whether the block is looked at: its parameter's name matches, or, without globs, it is a matrix.
bool is_chosen(const RecordSpec& spec, const Plan& plan, const Block& block) {
  if (spec.match.empty()) return block.role == Role::matrix;
  const auto& name = plan.params[block.param].name;
  return std::any_of(spec.match.begin(), spec.match.end(),
                     [&](const auto& glob) { return matches_glob(name, glob); });
}

// The dual norms [leaves] of the momenta as they are now.
at::Tensor duals_of(const Plan& plan, const std::vector<Param>& params) {
  const std::vector<Rates> rates(plan.groups.size(), Rates{.lr = 1});  // of which no dual knows
  return engine::survey(plan, params, rates).select(1, 1).contiguous();
}

// What is told of one matrix: its ranks and its condition; with `values`, its singular values.
Json quantity(const at::Tensor& matrix, bool values) {
  const auto spectrum = spectrum_of(matrix);
  Json json{{"stable_rank", spectrum.stable_rank()},
            {"entropy_rank", spectrum.entropy_rank()},
            {"condition_99", spectrum.condition_99()}};
  if (!values) return json;
  json["singular_values"] = spectrum.finite ? Json(spectrum.values) : Json();
  json["lost"] = spectrum.lost;
  return json;
}

}  // namespace

void require_matches(const RecordSpec& spec, Optimizer& optimizer) {
  const Plan& plan = optimizer.plan();
  const bool any = std::any_of(plan.blocks.begin(), plan.blocks.end(),
                               [&](const Block& block) { return is_chosen(spec, plan, block); });
  if (!spec.is_on() || any) return;
  throw ConfigError("record.match: received " +
                    (spec.match.empty() ? "nothing" : in_quotes(join(spec.match))) +
                    ", allowed globs that match a parameter of the optimizer");
}

Recorder::Recorder(const RecordSpec& spec, const std::string& path, int64_t step) : spec_(spec) {
  const bool exists = ::access(path.c_str(), F_OK) == 0;
  if (exists)
    file_ = std::make_unique<Metrics>(Metrics::resume(path, step));
  else if (spec_.is_on())
    file_ = std::make_unique<Metrics>(Metrics::create(path));
}

void Recorder::before_step(Optimizer& optimizer, int64_t step) {
  before_.clear();
  if (!spec_.is_due(step)) return;
  const at::NoGradGuard no_grad;
  ParamState none;
  const auto params = params_of(optimizer, none);
  const Plan& plan = optimizer.plan();
  std::vector<int64_t> matrices(params.size());  // of each parameter so far
  for (size_t i = 0; i < plan.blocks.size(); ++i) {
    const Block& block = plan.blocks[i];
    const auto& param = params[block.param];
    const int64_t first = matrices[block.param];
    matrices[block.param] += block.batch;
    if (!is_chosen(spec_, plan, block)) continue;
    const auto& momentum = param.state->momentum_buffer;
    before_.push_back({i, first, block.matrices(param.value).clone(),
                       momentum.defined() ? block.matrices(momentum).clone() : at::Tensor()});
  }
}

Json Recorder::line_of(const Before& before, const Block& block, const Param& param, int64_t i,
                       double dual) const {
  const auto of_block = [&](const at::Tensor& t) {
    return t.defined() ? block.matrices(t).select(0, i) : at::Tensor();
  };
  const auto weights = of_block(param.value), gradient = of_block(param.grad),
             momentum = of_block(param.state->momentum_buffer);
  const auto update = weights.to(at::kDouble) - before.weights.select(0, i).to(at::kDouble);
  Json line{{"rows", weights.size(0)}, {"cols", weights.size(1)}, {"dual_norm", dual}};
  line["change_rms"] = root_mean_square(update), line["weight_rms"] = root_mean_square(weights);
  if (momentum.defined()) {
    line["gradient_cosine"] = cosine(momentum, gradient);
    if (before.momentum.defined())
      line["momentum_cosine"] = cosine(momentum, before.momentum.select(0, i));
  }
  for (const auto& [name, matrix] : {std::pair("gradient", gradient),
                                     {"momentum", momentum},
                                     {"update", update},
                                     {"weights", weights}}) {
    const bool wanted = std::find(spec_.of.begin(), spec_.of.end(), name) != spec_.of.end();
    if (wanted && matrix.defined()) line[name] = quantity(matrix, spec_.what == "spectra");
  }
  return line;
}

void Recorder::after_step(Optimizer& optimizer, int64_t step, bool refused) {
  if (before_.empty() || refused) return;
  const at::NoGradGuard no_grad;
  ParamState none;
  const auto params = params_of(optimizer, none);
  const Plan& plan = optimizer.plan();
  const auto duals = duals_of(plan, params);
  for (const auto& before : before_) {
    const Block& block = plan.blocks[before.block];
    const auto& param = params[block.param];
    if (!param.grad.defined()) continue;  // the step has left it alone
    for (int64_t i = 0; i < block.batch; ++i) {
      Json line{{"step", step},
                {"parameter", plan.params[block.param].name},
                {"matrix", before.first + i}};
      line.update(line_of(before, block, param, i, duals[block.leaf + i].item<double>()));
      file_->write(line);
    }
  }
  before_.clear();
}

void Recorder::sync() {
  if (file_) file_->sync();
}

}  // namespace steepest::trainer
