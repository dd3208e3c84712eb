// SPDX-License-Identifier: Apache-2.0
// Which part of each parameter each process of a group holds: torch's placements on a mesh, as
// plain data.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace steepest {

// A part of a parameter: the entries from begin[d] to below begin[d] + size[d] of each dimension d.
struct Box {
  std::vector<int64_t> begin, size;

  bool operator==(const Box&) const = default;
  // Returns the number of entries.
  int64_t numel() const;
  // Returns the box as a view of t, which holds the box `frame`; this box must lie in it.
  at::Tensor of(const at::Tensor& t, const Box& frame) const;
};

// Returns the box of all entries of a parameter of this shape.
Box whole_box(at::IntArrayRef shape);
// Returns what two boxes have in common, with a size of 0 where that is nothing.
Box intersection(const Box& a, const Box& b);

// How a parameter lies on one dimension of the mesh, as torch.distributed.tensor has it: replicated
// (dim < 0); in equal chunks of its dimension `dim`, of which the last ones may be shorter; or,
// `strided`, in chunks of what later dimensions of the mesh have left of `dim` (FSDP2 before tensor
// parallelism).
struct Placement {
  int64_t dim = -1;
  bool strided = false;
};

// A group of processes as a mesh, number r at place r in row-major order, and each parameter's
// placements on it.
struct Layout {
  std::vector<int64_t> mesh;  // sizes; their product is the number of processes
  std::vector<std::vector<Placement>> placements;  // of each parameter, one a mesh dimension

  // Returns the number of processes.
  int64_t processes() const;
};

// Returns the placement that a text means: "R" replicated, "S0" in chunks of dimension 0, "_S0" the
// strided ones. Throws c10::ValueError, which begins with `name`, at another text.
Placement placement_from(const std::string& text, const std::string& name);

// Returns what each process holds of a parameter of this shape. Throws c10::ValueError, which
// begins with `name`, the parameter's, where the placements do not fit the shape or the mesh.
std::vector<Box> boxes_of(const std::string& name, at::IntArrayRef shape,
                          const std::vector<int64_t>& mesh,
                          const std::vector<Placement>& placements);

// Returns, for each process, the first one that holds the same of a parameter with these
// placements.
std::vector<int64_t> first_holders(const std::vector<int64_t>& mesh,
                                   const std::vector<Placement>& placements);

}  // namespace steepest
