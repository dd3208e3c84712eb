// SPDX-License-Identifier: Apache-2.0
// Blocks of a few long vectors, and the memory that a Krylov space of them grows in.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "steepest/kernels/cpu/scratch.h"

namespace steepest::svd {

// X^T X [p, p] in float64 of x [n, p] in float32; and X t, of t [p, q] in float64, in float32.
at::Tensor gram(const at::Tensor& x);
at::Tensor times(const at::Tensor& x, const at::Tensor& t);

// Vectors to which more are added, in memory that this thread keeps.
class Vectors {
 public:
  Vectors(cpu::Scratch memory, int64_t length) : memory_(memory), length_(length) {}

  const at::Tensor& rows() const { return rows_; }  // [p, length]

  // For so many in all; at first for more.
  void make_room(int64_t vectors, int64_t at_first);
  void append(const at::Tensor& columns);  // [length, m], for which there is room
  void replace(const at::Tensor& rows);

 private:
  cpu::Scratch memory_;
  int64_t length_;
  at::Tensor rows_, storage_;
};

// x [length, m] across V, orthonormal; fewer columns where the block has fewer dimensions. `last`:
// vectors of V, the newest, along which most of what is along V lies. `left` receives the largest
// part of a column's length that is across V.
at::Tensor across(const Vectors& v, at::Tensor x, int64_t last, double* left = nullptr);

}  // namespace steepest::svd
