// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/linear_model.h"

#include <ATen/ATen.h>

#include "steepest/base/tensor.h"
#include "steepest/distributed/sharing.h"
#include "steepest/engine/advance.h"
#include "steepest/engine/apply.h"

namespace steepest::engine {

LinearModel::LinearModel(const StepInput& in)
    : in_(in),
      shared_(in.plan.sharing != nullptr),
      momo_(in.plan.recipe.step_size == StepSize::momo),
      recursive_(momo_ && in.plan.recipe.momo_model == MomoModel::recursive),
      products_(needs_products() ? in.plan.blocks.size() : 0),
      moved_(recursive_ ? in.plan.blocks.size() : 0) {}

void LinearModel::record_products(const Block& block, const at::Tensor& u) {
  const auto w = block.matrices(in_.param(block).value);
  const auto g = block.matrices_of(gradient(in_, block)).to(u.scalar_type());
  auto& products = products_[in_.index(block)];
  products = {inner_product(g, w).sum(), inner_product(u, w).sum(), {}};
  const auto& slots = in_.plan.layout_of(block).origin;
  if (slots.empty()) return;
  const auto w0 = block.matrices(in_.param(block).state->slots[slots[0].index]);
  products.back = inner_product(u, w0 - w).sum();
}

void LinearModel::record_products(const Bucket& bucket, const at::Tensor& u) {
  if (bucket.in_memory || shared_) {
    each_block(bucket, [&](const Block& block, int64_t at) {
      record_products(block, u.narrow(0, at, block.batch));
    });
    return;
  }
  std::vector<at::Tensor> w, g, w0;
  for (const auto* block : bucket.blocks) {
    const auto& slots = in_.plan.layout_of(*block).origin;
    const auto& param = in_.param(*block);
    w.push_back(block->matrices(param.value));
    g.push_back(block->matrices_of(gradient(in_, *block)).to(u.scalar_type()));
    if (!slots.empty()) w0.push_back(block->matrices(param.state->slots[slots[0].index]));
  }
  const auto weights = joined(w);
  Products products{inner_product(joined(g), weights), inner_product(u, weights), {}};
  if (!w0.empty()) products.back = inner_product(u, joined(w0) - weights);
  listed_.add(in_, bucket, products);
}

void LinearModel::record_step(const Block& block, const at::Tensor& s,
                              const at::Tensor& inner_product, const at::Tensor& c) {
  const auto m = block.matrices(in_.param(block).state->momentum_buffer);
  const bool same = !in_.numbers_of(block).map.looks_ahead();  // u = m
  auto& moved = moved_[in_.index(block)];
  moved = ((same ? inner_product : steepest::inner_product(m, s)) * c).sum();
  if (const double decay = in_.decay(block); decay != 0)
    moved = moved + steepest::inner_product(m, decaying_part(in_, block, s)).sum() * decay;
}

std::vector<Products> LinearModel::own_sums() const {
  std::vector<Products> sums(in_.params.size());
  for (size_t i = 0; i < products_.size(); ++i) {
    if (!products_[i].look.defined()) continue;
    auto& sum = sums[in_.plan.blocks[i].param];
    add_to(sum.gradient, products_[i].gradient), add_to(sum.look, products_[i].look);
    if (products_[i].back.defined()) add_to(sum.back, products_[i].back);
  }
  for (size_t i = 0; i < sums.size() && !recursive_; ++i)  // of those that stay
    if (const auto& param = in_.params[i]; !param.grad.defined() && param.state->step > 0)
      sums[i].look = product_with_momentum(param);
  return sums;
}

at::Tensor LinearModel::own_products() const {
  if (!needs_products()) return {};
  const auto like = in_.params[0].value.options().requires_grad(false);
  const auto zero = at::zeros({}, like.dtype(at::kDouble));
  const auto sums = own_sums();
  std::vector<at::Tensor> own;
  for (size_t i = 0; i < sums.size(); ++i) {
    const bool counts = in_.plan.sharing->counts(i);
    for (const auto* t : {&sums[i].gradient, &sums[i].look, &sums[i].back})
      own.push_back(counts && t->defined() ? *t : zero);
  }
  return at::stack(own);
}

LinearParts LinearModel::sum_of_linear_parts() const {
  if (!momo_) return {};
  auto sums = own_sums();
  if (of_all_.defined()) {
    for (size_t i = 0; i < sums.size(); ++i) {
      const auto row = of_all_.narrow(0, static_cast<int64_t>(3 * i), 3);
      sums[i] = {row[0], row[1], in_.plan.recipe.lr_auto ? row[2] : at::Tensor()};
    }
  }
  auto all = listed_.sum_of_linear_parts(in_);
  for (size_t i = 0; i < in_.params.size(); ++i) {
    const auto& param = in_.params[i];
    if (listed_.has(i)) continue;
    if (!param.grad.defined()) {
      if (param.state->step > 0) add_to(all.here, frozen_part(in_, param, sums[i].look));
      continue;
    }
    const auto& numbers = in_.numbers_of_param(i);
    const auto& map = param.state->step == 1 ? numbers.first_map : numbers.map;
    const auto part = linear_part(in_, map, param, sums[i]);
    add_to(all.here, part);
    if (sums[i].back.defined())
      add_to(all.origin, part + sums[i].back / correction_of(in_, *param.state));
  }
  return all;
}

void LinearModel::update_intercepts() const {
  for (size_t i = 0; i < moved_.size(); ++i) {
    if (!moved_[i].defined()) continue;
    auto& intercept = in_.param(in_.plan.blocks[i]).state->intercept;
    intercept = intercept - moved_[i];
  }
}

}  // namespace steepest::engine
