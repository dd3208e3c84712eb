// SPDX-License-Identifier: Apache-2.0
#include "steepest/transforms/transform.h"

namespace steepest {
namespace transforms {
#define RESCALE(name) RescaleEntry name();
#include "steepest/transforms/catalog.inc"
#undef RESCALE
}  // namespace transforms

// Returns the state that the transform keeps for each matrix [rows, cols] beside the momentum: by
// default none.
std::vector<Slot> Transform::slots(int64_t, int64_t) const { return {}; }
// Takes the direction s into the transform's state, once a step before apply(): by default there is
// none, and this does nothing.
void Transform::observe(const at::Tensor&, const TransformContext&) const {}
// Returns the direction s' [B, r, c] that is used in place of the norm's s: by default s itself.
at::Tensor Transform::apply(const at::Tensor& s, const TransformContext&) const { return s; }
// Changes the state once a step, after the last use of the direction; called only of a transform
// with keeps_direction(). By default it does nothing.
void Transform::finish(const at::Tensor&, const TransformContext&) const {}

// Returns the entries of all rescales, transforms that are chosen by name, in the order of
// catalog.inc.
const std::vector<RescaleEntry>& rescale_catalog() {
  static const std::vector<RescaleEntry> catalog = {
#define RESCALE(name) transforms::name(),
#include "steepest/transforms/catalog.inc"
#undef RESCALE
  };
  return catalog;
}

// Returns the transform that a text in the grammar of norms names, "normuon(beta2=0.95)"; null for
// "none". Throws c10::ValueError on an unknown name or argument.
TransformPtr make_rescale(const std::string& text) {
  if (text == "none") return nullptr;
  const auto spec = parse_spec(text);
  return find_entry(rescale_catalog(), spec, "rescale", {"none"}).make(spec);
}

// Returns the transforms that a group's choices ask for, in the order in which they are applied:
// rescale, momentum after the norm, error feedback; an empty list for none. Throws as
// make_rescale() does.
std::vector<TransformPtr> make_transforms(const Choices& choices) {
  std::vector<TransformPtr> all;
  if (auto rescale = make_rescale(choices.rescale)) all.push_back(std::move(rescale));
  if (choices.place == MomentumPlace::after && choices.momentum > 0)
    all.push_back(transforms::momentum_of_direction());
  if (choices.error_feedback) all.push_back(transforms::error_feedback());
  return all;
}

}  // namespace steepest
