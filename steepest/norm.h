// SPDX-License-Identifier: Apache-2.0
// A norm answers one question: for this m, which s in the unit ball makes <m, s> largest, and how
// large is it?  s is the steepest direction (the linear minimisation oracle without its sign), the
// value is the dual norm of m.  "Old Optimizer, New Norm" (arXiv 2409.20325), section 1.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "steepest/base/api.h"
#include "steepest/base/batch.h"
#include "steepest/slot.h"

namespace STEEPEST_API steepest {

// What a truncated decomposition leaves beside a direction.
struct Factors {
  at::Tensor left, right;  // [B, r, k], [B, c, k]: the direction is left right^T; undefined: it is
                           // not of that form
  at::Tensor warm_start;   // [B, c, p]: what the first slot is to become
  at::Tensor used = {};  // P [B, r, k] orthonormal: s has used P P^T m; undefined: m right right^T
};

struct Measured {
  at::Tensor direction;  // s [B, r, c], m's dtype; the ascent direction: the update applies the
                         // sign. Undefined where the factors say it.
  at::Tensor dual;       // [B] float64: <m, s> along the very direction returned
  Factors factors = {};

  at::Tensor matrices(at::ScalarType dtype) const;  // the direction, multiplied out
};

// The steepest direction of <m, s> - |s|^2 / 2, in two: a step multiplies the factor by its rate
// first, so that no more than the update need be representable.
struct Sharp {
  at::Tensor direction;    // [B, r, c], m's dtype
  at::Tensor factor = {};  // [B] float64: what it is still to be multiplied by; undefined: 1
  Factors factors = {};
};

// How the duals of several blocks add up where they are flattened into one vector.
enum class Aggregation { max, l2 };

struct NormTraits {
  // The mathematics.
  int degree = 0;     // steepest(a m) = a^degree s for a > 0: 0 for every norm that does not itself
                      // depend on m; 1 for ada_inf (the dual has degree + 1)
  bool exact = true;  // the direction is the argmax to rounding
  Aggregation aggregation = Aggregation::l2;
  double largest_entry = 2;  // no entry of a direction is larger; of an adaptive norm it depends on
                             // the state
  bool adaptive = false;     // the norm depends on the gradients so far: it has an observe()
  bool low_rank = false;     // its Factors say what s has used of m
  std::string transpose;     // the norm with steepest'(m^T) = steepest(m)^T; empty: itself

  // The cost.
  bool supports_inplace = false;  // direction() works in the memory of a batch that it owns
  bool elementwise = false;  // computed entry by entry, but for a factor: a batch gains nothing
  int64_t single_thread_max_elements = 0;  // of a matrix: so far one thread computes it alone
};

// x <- keep x + take y: how a running mean goes on at this step.
struct Average {
  double keep = 0, take = 1;
};

// What a norm is given beside m.
struct NormContext {
  std::vector<at::Tensor> slots = {};  // in the order of slots(): [B, ..sizes of one matrix]
  double correction = 1;               // 1 - beta2^t under bias correction, else 1
  double eps = 1e-8;
  int64_t step = 1;                  // how many gradients the slots have seen, this step's included
  std::vector<int64_t> leaves = {};  // [B]: each matrix's number in the network
  double rho = 1;                    // m / rho is the bias-corrected m
  Average momentum = {0, 0};         // of the momentum v, which goes on by g
  bool is_momentum = false;          // m is v
};

class Norm {
 public:
  virtual ~Norm() = default;

  // m [B, r, c], any floating dtype; not modified. Zero in, zero out. Changes no slot.
  virtual Measured steepest(const at::Tensor& m, const NormContext& context) const = 0;

  // The direction alone, where a dual would cost a pass.
  virtual Measured direction(const Batch& m, const NormContext& context) const;

  // dual * direction, often without any division.
  virtual Sharp sharp(const at::Tensor& m, const NormContext& context) const;

  // What the norm keeps for each [r, c] matrix.
  virtual std::vector<Slot> slots(int64_t rows, int64_t cols) const;

  // Once a step, before steepest(u): takes the gradients g [B, r, c], of the slots' dtype, and u
  // into context.slots, in place.
  virtual void observe(const at::Tensor& g, const at::Tensor& u, const Average& average,
                       const NormContext& context) const;

  virtual NormTraits traits() const = 0;

  // The norm in the grammar of make_norm: "ky_fan(k=8)".
  virtual std::string name() const = 0;
};

using NormPtr = std::shared_ptr<const Norm>;

}  // namespace steepest
