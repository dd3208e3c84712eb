// SPDX-License-Identifier: Apache-2.0
#include "trainer/session.h"

#include <ATen/ATen.h>
#include <torch/nn/utils/clip_grad.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "steepest/base/text.h"
#include "steepest/optimizers/optimizers.h"
#include "steepest/serialize/snapshot.h"
#include "trainer/autocast.h"
#include "trainer/config/config.h"
#include "trainer/data/files.h"
#include "trainer/data/make_dataset.h"

namespace steepest::trainer {
namespace {

// In a checkpoint's state: that a fused q, k, v is trained as its parts.
constexpr auto kFusedKey = "fused", kAsParts = "parts";

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// The time in seconds by a clock that never goes back, from an arbitrary start.
double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The number in a tensor of one element, NaN where it is undefined.
double number_or_nan(const at::Tensor& t) { return t.defined() ? t.item<double>() : kNaN; }

// Returns the spec; throws c10::ValueError, in one line with the key, where its device is not
// there. (torch tells of that in several lines, and names no key.)
const RunSpec& require_device(const RunSpec& spec) {
  try {
    at::empty({1}, at::Device(spec.device));
  } catch (const c10::Error& error) {
    const std::string why = error.what_without_backtrace();
    TORCH_CHECK_VALUE(false, "run.device: received ", in_quotes(spec.device),
                      ", allowed cpu on this machine: ", why.substr(0, why.find('\n')));
  }
  return spec;
}

// Returns the spec; throws c10::ValueError where the run is on the CPU and the model's weights and
// gradients do not fit into the memory of this machine (one that has promised more memory than it
// has kills the process that uses it), or where another device is not there.
const RunSpec& require_memory(const RunSpec& spec) {
  if (spec.device != "cpu") return require_device(spec);
  const auto shapes = make_model(spec.model, spec.seed, at::kMeta);
  const int64_t count = parameter_count(*shapes);
  const auto bytes = static_cast<double>(count) * 2 * sizeof(float);
  TORCH_CHECK_VALUE(bytes < static_cast<double>(physical_memory()), "model: received ", count,
                    " parameters, whose weights and gradients take ", bytes / 1e9,
                    " GB, allowed at most this machine's memory of ",
                    static_cast<double>(physical_memory()) / 1e9, " GB");
  return spec;
}

// The number of the first group of matrices, whose lr a step reports; 0 where there is none.
size_t reported_group(const Groups& groups) {
  const auto matrices = std::ranges::find(groups, std::optional(Role::matrix), &Group::role);
  return matrices == groups.end() ? 0 : static_cast<size_t>(matrices - groups.begin());
}

// Whether the groups of both lists, one by one, take their weights as the same matrices.
bool same_views(const Groups& a, const Groups& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Group& one, const Group& other) { return one.view == other.view; });
}

}  // namespace

Session::Session(const RunSpec& spec, DataUse use, Team team)
    : spec_(require_memory(spec)),
      team_(std::move(team)),
      data_(use == DataUse::none ? nullptr : make_dataset(spec.data)),
      model_(make_model(spec.model, spec.seed, at::Device(spec.device))),
      rates_(spec.schedule, spec.steps) {
  TORCH_CHECK_VALUE(spec.data.batch % spec.accumulate == 0, "batch: accumulate: received ",
                    spec.accumulate, ", allowed a divisor of ", spec.data.batch);
  const int64_t images = data_ ? model_->images_to_prepare() : 0;
  if (images > 0) model_->prepare(data_->first_items(Split::train, images).inputs);
  make_optimizer();
}

// Routes the model's parameters to groups_ and makes a new optimizer over them, whose rates rates_
// starts from.
void Session::make_optimizer() {
  groups_ = make_groups(*model_, spec_.groups, fused_);
  optimizer_ = std::make_unique<Optimizer>(groups_, recipe(spec_.recipe, spec_.optimizer));
  optimizer_->measure_duals(spec_.measure_duals);
  if (team_.group()) optimizer_->share(team_.group());
  rates_.start_from(*optimizer_, schedule_steps(groups_, spec_.groups, spec_.steps));
}

bool Session::route_as(const Checkpoint& checkpoint) {
  const auto found = checkpoint.state.metadata.find(kFusedKey);
  const bool parts = found != checkpoint.state.metadata.end() && found->second == kAsParts;
  const Fused fused = parts ? Fused::parts : Fused::whole;
  if (fused != fused_) {
    fused_ = fused;
    make_optimizer();
  }
  return fused == Fused::whole && !same_views(groups_, make_groups(*model_, spec_.groups));
}

// What the model makes of one batch, on the run's device and in the dtype of its forward pass: the
// loss with its graph, unless gradients are off, and how many rows are told right, undefined where
// they have no one target.
Outcome Session::outcome_of(const Batch& batch) {
  const at::Device device(spec_.device);
  const Autocast autocast(spec_.bfloat16, device.type());
  const Batch here = device.is_cpu() ? batch : batch.to(device);
  return model_->outcome(here);
}

// Adds the gradients of this process' rows of the step's micro-batches, each over the number of all
// parts, to the parameters' and shows their losses to the optimizer, for Momo. Sets result.loss to
// their part of the mean over the whole batch, and result.accuracy to theirs, NaN where a row has
// no one target. A part is what a micro-batch of a run with so many more of them is.
void Session::forward_backward(StepResult& result) {
  const int64_t parts = spec_.accumulate * team_.size(), rows = spec_.data.batch / parts;
  const double weight = 1 / static_cast<double>(parts);
  result.loss = 0;
  double right = 0;
  for (int64_t micro = 0; micro < spec_.accumulate; ++micro) {
    const int64_t part = micro * team_.size() + team_.rank();
    const auto outcome = outcome_of(data_->batch(Split::train, step_, part * rows, rows));
    const auto& loss = outcome.loss;
    (parts == 1 ? loss : loss * weight).backward();
    optimizer_->observe(loss);
    result.loss += loss.item<double>() * weight;
    right += number_or_nan(outcome.right);
  }
  result.accuracy = right / static_cast<double>(spec_.data.batch);
}

// Replaces gradients, result.loss and result.accuracy by their sums over the processes, and the
// change of the model's buffers since these copies of them by its mean.
void Session::add_up(StepResult& result, const NamedTensors& buffers) {
  if (!team_.group()) return;
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> sums;
  for (const auto& p : model_->parameters())
    if (p.tensor.grad().defined()) sums.push_back(p.tensor.grad());
  auto own = model_->buffers();
  for (auto& [name, buffer] : own)
    sums.push_back(buffer.sub_(*find_tensor(buffers, name)).div_(team_.size()));
  const auto found = at::tensor({result.loss, result.accuracy}, at::kDouble);
  sums.push_back(found);
  team_.sum(sums);
  for (auto& [name, buffer] : own) buffer.add_(*find_tensor(buffers, name));
  result.loss = found[0].item<double>(), result.accuracy = found[1].item<double>();
}

// Scales the gradients in place down to the largest global norm that the spec allows, if any, and
// sets result.grad_norm to the norm they had. Where that is not finite it is set to Inf and the
// gradients stay as they are (scaled by it they would be NaN, or 0); an optimizer that skips such
// steps is shown a loss of NaN, so that it refuses this one.
void Session::clip_gradients(StepResult& result) {
  if (spec_.clip <= 0) return;
  std::vector<at::Tensor> params;
  for (const auto& p : model_->parameters()) params.push_back(p.tensor);
  try {
    result.grad_norm = torch::nn::utils::clip_grad_norm_(params, spec_.clip, 2.0,
                                                         /*error_if_nonfinite=*/true);
  } catch (const c10::Error&) {
    result.grad_norm = std::numeric_limits<double>::infinity();
    if (optimizer_->recipe().nonfinite == Nonfinite::skip)  // it refuses a step of such a loss
      optimizer_->observe(at::full({}, kNaN, at::kDouble));
  }
}

// Sets refused and nonfinite of the result, and counts steps with NaN or Inf in a row.
void Session::note_nonfinite(StepResult& result) {
  const auto& stats = optimizer_->stats();
  result.refused = stats.skipped;
  result.nonfinite = stats.nonfinite;
  std::erase(result.nonfinite, "loss");
  if (!std::isfinite(result.loss)) result.nonfinite.emplace_back("loss");
  if (result.nonfinite.empty() && std::isinf(result.grad_norm))
    result.nonfinite.emplace_back("gradient norm");
  skipped_in_a_row_ = result.nonfinite.empty() ? 0 : skipped_in_a_row_ + 1;
}

std::vector<std::string> Session::nonfinite_state() {
  at::NoGradGuard no_grad;
  std::vector<std::string> names;
  const auto look = [&](const std::string& name, const at::Tensor& t) {
    if (t.numel() == 0 || !t.is_floating_point()) return;
    const auto largest = at::linalg_vector_norm(t, std::numeric_limits<double>::infinity());
    if (!std::isfinite(largest.item<double>())) names.push_back(name);
  };
  for (const auto& [name, tensor] : model_->tensors()) look(name, tensor);
  for (const auto& [name, tensor] : Snapshot::of(*optimizer_).tensors) {
    if (name.starts_with("state.")) look(name, tensor);
  }
  return names;
}

// Copies of the model's buffers, which a forward pass in training changes.
static NamedTensors copies_of_buffers(Model& model) {
  NamedTensors copies = model.buffers();
  for (auto& [name, tensor] : copies) tensor = tensor.clone();
  return copies;
}

StepResult Session::train_step() {
  const double begin = seconds_now();
  if (skipped_in_a_row_ == 0) before_streak_ = now();
  StepResult result{.step = step_, .grad_norm = kNaN, .spike_z = kNaN};
  model_->train(true);
  const NamedTensors buffers = copies_of_buffers(*model_);
  rates_.set(*optimizer_, step_);
  optimizer_->zero_grad();
  forward_backward(result);
  add_up(result, buffers);
  clip_gradients(result);
  const double before = seconds_now();
  optimizer_->step();
  const auto& stats = optimizer_->stats();
  result.q = number_or_nan(stats.q), result.dual = number_or_nan(stats.dual);
  result.gap = number_or_nan(stats.model), result.f_star = number_or_nan(optimizer_->f_star());
  result.optimizer_seconds = seconds_now() - before;
  result.lr = optimizer_->param_groups()[reported_group(groups_)].options().get_lr();
  note_nonfinite(result);
  if (result.refused) restore_buffers(buffers);
  result.spike_z = losses_.add(result.loss);
  ++step_;
  result.seconds = seconds_now() - begin;
  return result;
}

// Sets the model's buffers to these copies of them: a refused step changes nothing.
void Session::restore_buffers(const NamedTensors& copies) {
  const at::NoGradGuard no_grad;
  for (auto& [name, target] : model_->buffers()) target.copy_(*find_tensor(copies, name));
}

// A checkpoint of the present weights and optimizer state, under this hash of the options and the
// step and counters given: the present ones, or those from before a row of refused steps. Its
// weights share the model's memory: it is to be saved before the next step.
Checkpoint Session::checkpoint_at(const std::string& config_hash, const Counters& counters) {
  Checkpoint out{.step = counters.step, .config_hash = config_hash};
  out.model.tensors = model_->tensors();
  const auto shot = Snapshot::of(*optimizer_);
  out.optimizer = {shot.tensors, shot.metadata};
  for (auto& [name, tensor] : out.optimizer.tensors) {
    if (name == "global.skipped") tensor = at::full({}, counters.skipped, at::kLong);
  }
  out.state.tensors = {{"step", at::full({}, counters.step, at::kLong)},
                       {"skipped_in_a_row", at::full({}, counters.skipped_in_a_row, at::kLong)},
                       {"losses", counters.losses.tensor()}};
  rates_.save(out.state.tensors);
  RunSpec told = spec_;  // what a later start is compared with, wherever the run lies then
  told.out.clear(), told.data.accept_changed = false;
  out.state.metadata["config"] = resolved_toml(told);
  if (fused_ == Fused::parts) out.state.metadata[kFusedKey] = kAsParts;
  if (data_) out.state.metadata["data"] = fingerprint(data_->files());
  return out;
}

void Session::restore(const Checkpoint& checkpoint, const std::string& source) {
  const auto* skipped = find_tensor(checkpoint.state.tensors, "skipped_in_a_row");
  TORCH_CHECK_VALUE(skipped != nullptr, source, ": state: received no skipped_in_a_row");
  at::NoGradGuard no_grad;
  Snapshot{checkpoint.optimizer.tensors, checkpoint.optimizer.metadata}.restore(*optimizer_,
                                                                                source);
  for (auto& [name, target] : model_->tensors())
    target.copy_(*find_tensor(checkpoint.model.tensors, name));
  if (const auto* losses = find_tensor(checkpoint.state.tensors, "losses"))
    losses_.restore(*losses);
  rates_.restore(checkpoint);
  step_ = checkpoint.step;
  skipped_in_a_row_ = skipped->item<int64_t>();
}

}  // namespace steepest::trainer
