// SPDX-License-Identifier: Apache-2.0
#include <c10/util/Exception.h>

#include "steepest/transforms/transform.h"

namespace steepest {
namespace transforms {
#define RESCALE(name) RescaleEntry name();
#include "steepest/transforms/catalog.inc"
#undef RESCALE
}  // namespace transforms

std::vector<Slot> Transform::slots(int64_t, int64_t) const { return {}; }
void Transform::observe(const at::Tensor&, const TransformContext&) const {}
at::Tensor Transform::apply(const at::Tensor& s, const TransformContext&) const { return s; }
void Transform::finish(const at::Tensor&, const TransformContext&) const {}

// Returns the entries of catalog.inc, in its order.
const std::vector<RescaleEntry>& rescale_catalog() {
  static const std::vector<RescaleEntry> catalog = {
#define RESCALE(name) transforms::name(),
#include "steepest/transforms/catalog.inc"
#undef RESCALE
  };
  return catalog;
}

TransformPtr make_rescale(const std::string& text) {
  if (text == "none") return nullptr;
  const auto spec = parse_spec(text);
  std::vector<std::string> names = {"none"};
  for (const auto& entry : rescale_catalog()) {
    names.push_back(entry.name);
    if (entry.name != spec.name) continue;
    allow_arguments(spec, entry.arguments);
    return entry.make(spec);
  }
  TORCH_CHECK_VALUE(false, "rescale: received ", shown(spec.name), ", allowed ", join(names),
                    nearest(spec.name, names));
}

// Returns the transforms that the choices name, in the order in which they are applied.
std::vector<TransformPtr> make_transforms(const Choices& choices) {
  std::vector<TransformPtr> all;
  if (auto rescale = make_rescale(choices.rescale)) all.push_back(std::move(rescale));
  if (choices.place == MomentumPlace::after && choices.momentum > 0)
    all.push_back(transforms::momentum_of_direction());
  if (choices.error_feedback) all.push_back(transforms::error_feedback());
  return all;
}

}  // namespace steepest
