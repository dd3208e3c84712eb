// SPDX-License-Identifier: Apache-2.0
// A norm answers one question: for this m, which s in the unit ball makes <m, s> largest, and how
// large is it?  s is the steepest direction (the linear minimisation oracle without its sign), the
// value is the dual norm of m.  "Old Optimizer, New Norm" (arXiv 2409.20325), section 1.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "steepest/base/api.h"
#include "steepest/base/batch.h"

namespace STEEPEST_API steepest {

struct Measured {
  at::Tensor
      direction;    // s [B, r, c], m's dtype; the ascent direction: the update applies the sign
  at::Tensor dual;  // [B] float64: <m, s> along the very direction returned
};

// The steepest direction of <m, s> - |s|^2 / 2, in two: a step multiplies the factor by its rate
// before it meets the direction, so that no more than the update need be representable.
struct Sharp {
  at::Tensor direction;    // [B, r, c], m's dtype
  at::Tensor factor = {};  // [B] float64: what it is still to be multiplied by; undefined: 1
};

// What flattening several blocks of this norm into one vector does to their duals.
enum class Joins { max, l2 };

struct NormTraits {
  int degree = 0;     // steepest(a m) = a^degree s for a > 0: 0 for every norm that does not
                      // itself depend on m; 1 for ada_inf (the dual has degree + 1)
  bool exact = true;  // the direction is the argmax to rounding, not to a solver's tolerance
  bool synchronises = false;  // may wait for the host on an accelerator (data-dependent stop)
  Joins joins = Joins::l2;
  double largest_entry = 2;  // no entry of a direction is larger, rounding included; of an adaptive
                             // norm it depends on the state
  bool overwrites = false;   // direction() makes use of it where it may: then it needs no more
  int64_t rank = 0;          // > 0: the direction is U V^T of so many leading triplets, and V the
                             // basis' first columns
  int64_t serial_below = 0;  // numbers of a matrix, up to which one thread computes it alone
  bool elementwise = false;  // computed entry by entry, but for a factor: a batch gains nothing
  std::string transpose;     // the norm with steepest'(m^T) = steepest(m)^T; empty: itself
};

// What a stateful norm is given beside m: its slots as [B, r, c], and how they are to be read.
struct NormContext {
  std::vector<at::Tensor> slots;
  double correction = 1;  // 1 - beta2^t under bias correction, else 1
  double eps = 1e-8;
  // [B, c, warm_columns()], zeros before the first step: read to begin a decomposition with and
  // overwritten for the next one. Undefined: there is none.
  at::Tensor basis = {};
  // direction() may use m as memory: it may hold the direction afterwards, or anything.
  bool may_overwrite = false;
};

class Norm {
 public:
  virtual ~Norm() = default;

  // m [B, r, c], any floating dtype; not modified. Zero in, zero out.
  virtual Measured steepest(const at::Tensor& m, const NormContext& context) const = 0;

  // The direction alone, where no dual is asked for and measuring it would cost a pass.
  virtual at::Tensor direction(const at::Tensor& m, const NormContext& context) const;

  // dual * direction, often without any division.
  virtual Sharp sharp(const at::Tensor& m, const NormContext& context) const;

  // State tensors of the parameter's shape, by torch's names; started at zero.
  virtual std::vector<std::string> slots() const { return {}; }

  // Right vectors of an [r, c] matrix that the next step's decomposition is to begin with: state.
  virtual int64_t warm_columns(int64_t rows, int64_t cols) const;

  // slots <- keep * slots + take * (this norm's statistic of grad), in place.
  virtual void observe(const at::Tensor& grad, std::vector<at::Tensor>& slots, double keep,
                       double take) const;

  virtual NormTraits traits() const = 0;

  // The norm in the grammar of make_norm: "ky_fan(k=8)".
  virtual std::string name() const = 0;
};

using NormPtr = std::shared_ptr<const Norm>;

}  // namespace steepest
