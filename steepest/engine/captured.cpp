// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/captured.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "steepest/base/autocast.h"
#include "steepest/base/constants.h"
#include "steepest/base/tensor.h"
#include "steepest/engine/advance.h"
#include "steepest/engine/check.h"
#include "steepest/engine/listed_step.h"

namespace steepest::engine {
namespace {

// Throws c10::ValueError unless the recipe's steps are the same launches each time, whatever the
// numbers are.
void check_recipe(const Recipe& recipe) {
  const bool fixed =
      recipe.step_size == StepSize::fixed && recipe.nonfinite == Nonfinite::propagate;
  TORCH_CHECK_VALUE(
      fixed, recipe.name, ": capturable: received ",
      recipe.step_size == StepSize::fixed ? "nonfinite \"skip\"" : "step_size \"momo\"",
      ", allowed a step of fixed size that skips nothing");
}

// Throws c10::ValueError where a block is left that has to go through the engine's stages.
void check_all_listed(const StepInput& in, const std::vector<const Block*>& left) {
  if (left.empty()) return;
  const auto& block = *left[0];
  TORCH_CHECK_VALUE(
      false, in.plan.params[block.param].name, ": capturable: received norm ",
      in.plan.rules_of(block).norm->name(), " on ", in.param(block).value.device(),
      ", allowed spectral, ada_inf or inf alone (sharp steps: ada_2, l2) on an accelerator, in "
      "float32 or float64, without rescale, geometry, error feedback and duals");
}

// What is known on the host, of each list.
struct OfLists {
  std::vector<int64_t> rows;                                         // of its rates
  std::vector<double> radii, powers, momenta, carries, sums, betas;  // see Numbers
  std::vector<bool> corrected, decoupled;
};

// The numbers of all lists at this step, a column for each list, computed in a few launches.
class Numbers {
 public:
  Numbers(const StepInput& in, const std::vector<Alike>& lists, const DeviceRates& device,
          Arena& arena)
      : device_(device.rates.device()), count_(std::ssize(lists)), arena_(arena) {
    for (const auto& alike : lists) add(in, alike, device);
    all_ = take({kRows, count_});
    auto rates = all_.narrow(0, 0, 2);
    at::index_select_out(rates, device.rates, 1, lasting_constants(host_.rows, device_));
    set_corrections(device.step);
    auto keep = all_[kKeep], coefficient = all_[kCoefficient];
    const auto ones = lasting_constants(std::vector<double>(count_, 1), device_);
    at::addcmul_out(keep, ones, all_[kRate], all_[kDecay], -1);
    coefficient.mul_(lasting_constants(host_.radii, device_)).mul_(all_[kRate]);
    in_float_ = arena_.take({kRows, count_}, all_.options().dtype(at::kFloat));
    in_float_.copy_(all_);
  }

  // Returns those of list number i, in the dtype of its tensors.
  ListedNumbers of(int64_t i, at::ScalarType dtype) const {
    const auto& all = dtype == at::kDouble ? all_ : in_float_;
    const auto number = [&](int64_t row) { return StepNumber{1, all[row][i]}; };
    ListedNumbers own{{}, number(kCoefficient), {0, {}}, {}};
    (host_.decoupled[i] ? own.keep : own.coupled_decay) =
        number(host_.decoupled[i] ? kKeep : kDecay);
    if (host_.corrected[i]) own.root_of_correction = number(kRoot);
    return own;
  }

 private:
  enum Row { kRate, kDecay, kKeep, kCoefficient, kRoot, kRows };

  // Adds what is known of a list on the host.
  void add(const StepInput& in, const Alike& alike, const DeviceRates& device) {
    const auto& block = alike.first();
    const auto& c = in.choices(block);
    const auto& own = in.numbers_of(block);
    const bool sharp = in.plan.needs == Needs::sharp;
    const int degree = in.plan.rules_of(block).traits.degree;
    const bool corrected = c.start == MomentumStart::corrected;
    const double radius = alike.batches ? 1 : block.radius;
    host_.rows.push_back(device.rows[block.group]);
    host_.radii.push_back(sharp ? -radius * radius : -radius);
    host_.powers.push_back(sharp ? -2 * degree - 1 : -degree);
    host_.momenta.push_back(corrected ? own.momentum : 0);
    host_.carries.push_back(corrected && own.momentum != 0 ? own.map.carry : 1);
    host_.sums.push_back(corrected && own.momentum != 0 ? own.map.carry + own.map.look : 1);
    host_.betas.push_back(corrected ? c.beta2 : 0);
    host_.corrected.push_back(corrected), host_.decoupled.push_back(c.decoupled);
  }

  // Sets the coefficients to rho^power, rho = carry (1 - momentum^t) + look, and the roots to
  // sqrt(1 - beta2^t); both are 1 where nothing is corrected, as 0^t = 0.
  void set_corrections(const at::Tensor& step) {
    auto coefficient = all_[kCoefficient], root = all_[kRoot];
    if (std::find(host_.corrected.begin(), host_.corrected.end(), true) == host_.corrected.end()) {
      coefficient.fill_(1);
      return;
    }
    at::pow_out(coefficient, lasting_constants(host_.momenta, device_), step);
    at::addcmul_out(coefficient, lasting_constants(host_.sums, device_),
                    lasting_constants(host_.carries, device_), coefficient, -1);
    at::pow_out(coefficient, coefficient, lasting_constants(host_.powers, device_));
    at::pow_out(root, lasting_constants(host_.betas, device_), step);
    root.neg_().add_(1).sqrt_();
  }

  at::Tensor take(at::IntArrayRef sizes) {
    return arena_.take(sizes, at::TensorOptions(at::kDouble).device(device_));
  }

  at::Device device_;
  int64_t count_;
  Arena& arena_;
  OfLists host_;
  at::Tensor all_, in_float_;  // [kRows, lists]
};

}  // namespace

void captured_step(const Plan& plan, const std::vector<Param>& params, const DeviceRates& device,
                   Arena& arena) {
  const at::NoGradGuard no_grad;
  const NoAutocastGuard no_autocast;
  const std::vector<Rates> ones(plan.groups.size(), Rates{.lr = 1});
  check_recipe(plan.recipe);
  check_step(plan, params, ones, {});
  StepInput in(plan, params, ones);
  begin_step(in);
  std::vector<const Block*> blocks;
  for (const auto& block : plan.blocks)
    if (params[block.param].grad.defined()) blocks.push_back(&block);
  const auto lists = take_alike(in, blocks, device.rows);
  check_all_listed(in, blocks);
  at::Tensor(device.step).add_(1);
  if (lists.empty()) return;
  arena.release(0);
  const Numbers numbers(in, lists, device, arena);
  const int64_t mark = arena.used();
  for (int64_t i = 0; i < std::ssize(lists); ++i) {
    const auto& alike = lists[i];
    arena.release(mark);
    run_list(in, alike, numbers.of(i, params[alike.first().param].value.scalar_type()), arena);
  }
}

}  // namespace steepest::engine
