// SPDX-License-Identifier: Apache-2.0
#include "steepest/distributed/layout.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>
#include <c10/util/accumulate.h>

#include <algorithm>

#include "steepest/base/text.h"

namespace steepest {
namespace {

// Replaces a dimension of the box by the chunk number `index` of `count` that torch.chunk makes of
// it: all of one size, the last ones shorter or empty.
void take_chunk(Box& box, int64_t dim, int64_t count, int64_t index) {
  const int64_t size = box.size[dim], chunk = (size + count - 1) / count;
  const int64_t begin = std::min(index * chunk, size);
  box.begin[dim] += begin;
  box.size[dim] = std::min(chunk, size - begin);
}

// Throws c10::ValueError where torch's own placement of a strided dimension is not to be relied on:
// with chunks of unequal size DTensor mixes up their order (pytorch#168134).
void check_strided(const std::string& name, at::IntArrayRef shape, const std::vector<int64_t>& mesh,
                   const std::vector<Placement>& placements) {
  for (const auto& strided : placements) {
    if (!strided.strided) continue;
    int64_t parts = 1;
    for (size_t d = 0; d < mesh.size(); ++d)
      if (placements[d].dim == strided.dim) parts *= mesh[d];
    TORCH_CHECK_VALUE(shape[strided.dim] % parts == 0, shown(name), ": received ",
                      shape[strided.dim], " rows in strided shards, allowed a multiple of ", parts,
                      ": uneven ones are wrong in torch (pytorch#168134)");
  }
}

}  // namespace

std::vector<int64_t> first_holders(const std::vector<int64_t>& mesh,
                                   const std::vector<Placement>& placements) {
  std::vector<int64_t> firsts(c10::multiply_integers(mesh));
  for (size_t r = 0; r < firsts.size(); ++r) {
    auto inner = static_cast<int64_t>(firsts.size());
    firsts[r] = static_cast<int64_t>(r);
    for (size_t d = 0; d < mesh.size(); ++d) {  // replicas begin at 0 of each replicated dimension
      inner /= mesh[d];
      if (placements[d].dim < 0) firsts[r] -= static_cast<int64_t>(r) / inner % mesh[d] * inner;
    }
  }
  return firsts;
}

int64_t Box::numel() const { return c10::multiply_integers(size); }

at::Tensor Box::of(const at::Tensor& t, const Box& frame) const {
  auto part = t;
  for (size_t d = 0; d < size.size(); ++d) {
    const auto dim = static_cast<int64_t>(d);
    if (size[d] != frame.size[d]) part = part.narrow(dim, begin[d] - frame.begin[d], size[d]);
  }
  return part;
}

Box whole_box(at::IntArrayRef shape) {
  return {std::vector<int64_t>(shape.size(), 0), shape.vec()};
}

Box intersection(const Box& a, const Box& b) {
  Box both = a;
  for (size_t d = 0; d < a.size.size(); ++d) {
    both.begin[d] = std::max(a.begin[d], b.begin[d]);
    const int64_t end = std::min(a.begin[d] + a.size[d], b.begin[d] + b.size[d]);
    both.size[d] = std::max<int64_t>(0, end - both.begin[d]);
  }
  return both;
}

int64_t Layout::processes() const { return c10::multiply_integers(mesh); }

Placement placement_from(const std::string& text, const std::string& name) {
  if (text == "R") return {};
  const bool strided = text.starts_with("_");
  const auto rest = strided ? text.substr(1) : text;
  const bool fits = rest.size() == 2 && rest[0] == 'S' && rest[1] >= '0' && rest[1] <= '9';
  TORCH_CHECK_VALUE(fits, shown(name), ": placement: received ", shown(text),
                    ", allowed R, S and a dimension (S0), or _S and a dimension");
  return {rest[1] - '0', strided};
}

std::vector<Box> boxes_of(const std::string& name, at::IntArrayRef shape,
                          const std::vector<int64_t>& mesh,
                          const std::vector<Placement>& placements) {
  TORCH_CHECK_VALUE(placements.size() == mesh.size(), shown(name), ": received ", placements.size(),
                    " placements, allowed one for each of ", mesh.size(), " mesh dimensions");
  const auto dims = static_cast<int64_t>(shape.size());
  for (const auto& placement : placements)
    TORCH_CHECK_VALUE(placement.dim < dims, shown(name), ": placement: received dimension ",
                      placement.dim, ", allowed below ", dims);
  check_strided(name, shape, mesh, placements);
  std::vector<Box> boxes(c10::multiply_integers(mesh), whole_box(shape));
  for (const bool strided : {false, true}) {
    int64_t inner = static_cast<int64_t>(boxes.size());  // processes per step along a dimension
    for (size_t d = 0; d < mesh.size(); ++d) {
      inner /= mesh[d];
      if (placements[d].dim < 0 || placements[d].strided != strided) continue;
      for (size_t r = 0; r < boxes.size(); ++r)
        take_chunk(boxes[r], placements[d].dim, mesh[d], static_cast<int64_t>(r) / inner % mesh[d]);
    }
  }
  return boxes;
}

}  // namespace steepest
