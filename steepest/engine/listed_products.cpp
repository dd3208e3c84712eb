// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/listed_products.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "steepest/base/constants.h"

namespace steepest::engine {

void add_to(at::Tensor& sum, const at::Tensor& x) {
  sum = sum.defined() ? sum + x.to(sum.device()) : x;
}

size_t ListedProducts::place_of(const at::Device& device) {
  const auto found = std::find_if(devices_.begin(), devices_.end(),
                                  [&](const OfDevice& each) { return each.device == device; });
  const auto place = static_cast<size_t>(found - devices_.begin());
  if (found == devices_.end()) devices_.push_back({device, {}, {}, {}, 0});
  return place;
}

ListedProducts::Alike& ListedProducts::alike(const Alike& like) {
  const auto found = std::find_if(groups_.begin(), groups_.end(), [&](const Alike& each) {
    return each.device == like.device && each.map == like.map && each.correction == like.correction;
  });
  return found == groups_.end() ? groups_.emplace_back(like) : *found;
}

void ListedProducts::add(const StepInput& in, const Bucket& bucket, const Products& products) {
  const size_t place = place_of(products.gradient.device());
  auto& own = devices_[place];
  own.gradient.push_back(products.gradient), own.look.push_back(products.look);
  if (products.back.defined()) own.back.push_back(products.back);
  for (const auto* block : bucket.blocks) {
    const auto param = static_cast<size_t>(block->param);
    if (!has(param)) {
      const double correction = correction_of(in, *in.params[param].state);
      alike({place, &in.map(*block), correction, {}}).params.push_back(param);
    }
    for (int64_t i = 0; i < block->batch; ++i) places_[param].push_back(own.matrices++);
  }
}

// Each parameter's row of places is filled up with that of a zero, which comes last.
at::Tensor ListedProducts::sums_of(const Alike& alike,
                                   const std::vector<at::Tensor>& products) const {
  const auto& own = devices_[alike.device];
  size_t most = 0;
  for (const size_t param : alike.params) most = std::max(most, places_.at(param).size());
  std::vector<int64_t> index;
  for (const size_t param : alike.params) {
    auto places = places_.at(param);
    places.resize(most, own.matrices);
    index.insert(index.end(), places.begin(), places.end());
  }
  auto padded = products;
  padded.push_back(at::zeros({1}, products[0].options()));
  return at::cat(padded)
      .index_select(0, constants(index, own.device))
      .view({-1, static_cast<int64_t>(most)})
      .sum(1);
}

LinearParts ListedProducts::sum_of_linear_parts(const StepInput& in) const {
  LinearParts all;
  for (const auto& group : groups_) {
    const auto& own = devices_[group.device];
    std::vector<at::Tensor> intercepts;
    for (const size_t param : group.params) intercepts.push_back(intercept_of(in.params[param]));
    const auto& map = *group.map;
    const auto gradient = sums_of(group, own.gradient);
    const auto kept = at::stack(intercepts) * map.keep + gradient * map.take;
    at::_foreach_copy_(intercepts, kept.unbind());
    const auto parts =
        (sums_of(group, own.look) - (kept * map.carry + gradient * map.look)) / group.correction;
    add_to(all.here, parts.sum());
    if (!own.back.empty())
      add_to(all.origin, (parts + sums_of(group, own.back) / group.correction).sum());
  }
  return all;
}

}  // namespace steepest::engine
