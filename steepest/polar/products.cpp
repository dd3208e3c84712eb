// SPDX-License-Identifier: Apache-2.0
#include "steepest/polar/products.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/stack.h>

#include <vector>

#include "steepest/base/dtype.h"

namespace steepest::polar {
namespace {

// On the CPU torch multiplies 2-D operands in half precision by oneDNN from 16^3 multiplications
// on, and for 3-D ones it counts those of the whole batch: below that the two sum in different
// orders. One by one, a matrix has the same bits alone, in any batch, and in torch.optim.Muon.
bool is_one_by_one(const at::Tensor& a, const at::Tensor& b) {
  if (!is_half(a.scalar_type()) || !a.is_cpu()) return false;
  return a.size(0) == 1 || a.size(1) * a.size(2) * b.size(2) <= 16 * 16 * 16;
}

}  // namespace

at::Tensor product(const at::Tensor& a, const at::Tensor& b) {
  if (!is_one_by_one(a, b)) return at::bmm(a, b);
  std::vector<at::Tensor> each;
  for (int64_t i = 0; i < a.size(0); ++i) each.push_back(at::mm(a[i], b[i]));
  return at::stack(each);
}

at::Tensor product_plus(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b, double beta,
                        double alpha) {
  if (!is_one_by_one(a, b)) return at::baddbmm(c, a, b, beta, alpha);
  std::vector<at::Tensor> each;
  for (int64_t i = 0; i < a.size(0); ++i) each.push_back(at::addmm(c[i], a[i], b[i], beta, alpha));
  return at::stack(each);
}

}  // namespace steepest::polar
