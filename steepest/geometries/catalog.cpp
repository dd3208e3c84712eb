// SPDX-License-Identifier: Apache-2.0
#include "steepest/geometry.h"

namespace steepest {
namespace geometries {
#define GEOMETRY(name) GeometryEntry name();
#include "steepest/geometries/catalog.inc"
#undef GEOMETRY
}  // namespace geometries

// Lists what the geometry keeps for each matrix from step to step: nothing, in this default.
std::vector<Slot> Geometry::slots(int64_t, int64_t) const { return {}; }
// Takes the gradients into the geometry's state: by default there is none, and this does nothing.
void Geometry::observe(const at::Tensor&, const at::Tensor&, const GeometryContext&) const {}
// Returns what the momentum takes in place of the gradient g [B, r, c]: by default g itself.
at::Tensor Geometry::tangent(const at::Tensor& g, const at::Tensor&, const GeometryContext&) const {
  return g;
}

// Returns the entries of all geometries, in the order of catalog.inc.
const std::vector<GeometryEntry>& geometry_catalog() {
  static const std::vector<GeometryEntry> catalog = {
#define GEOMETRY(name) geometries::name(),
#include "steepest/geometries/catalog.inc"
#undef GEOMETRY
  };
  return catalog;
}

// Returns the geometry that a text in the grammar of norms names, "radial_brake(keep=0.5)"; null
// for "none". Throws c10::ValueError on an unknown name or argument.
GeometryPtr make_geometry(const std::string& text) {
  if (text == "none") return nullptr;
  const auto spec = parse_spec(text);
  return find_entry(geometry_catalog(), spec, "geometry", {"none"}).make(spec);
}

}  // namespace steepest
