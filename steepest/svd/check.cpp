// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/check.h"

#include <c10/util/Exception.h>

#include <algorithm>

#include "steepest/base/dtype.h"
#include "steepest/base/text.h"

namespace steepest::svd {
namespace {

// Returns what a message says of a tensor, "float32 [2, 3, 4] on cpu"; "nothing" of an undefined
// one.
std::string described(const at::Tensor& x) {
  if (!x.defined()) return "nothing";
  std::vector<std::string> sizes;
  for (const int64_t n : x.sizes()) sizes.push_back(std::to_string(n));
  return dtype_name(x.scalar_type()) + " [" + join(sizes) + "] on " + x.device().str();
}

// Whether x is a dense [B, r, c] of a dtype that the solvers compute with.
bool is_real_batch(const at::Tensor& x) {
  return x.defined() && x.dim() == 3 && x.layout() == at::kStrided &&
         is_computable(x.scalar_type());
}

}  // namespace

Solve find_solver(const std::string& method) {
  std::vector<std::string> names;
  for (const auto& solver : solvers()) {
    if (solver.name == method) return solver.solve;
    names.push_back(solver.name);
  }
  TORCH_CHECK_VALUE(false, "svd: received ", shown(method), ", allowed ", join(names),
                    nearest(method, names));
}

void check_input(const at::Tensor& a, int64_t k, const at::Tensor& start) {
  TORCH_CHECK_VALUE(is_real_batch(a), "svd input: received ", described(a), ", allowed ",
                    kComputable, " [B, r, c]");
  TORCH_CHECK_VALUE(k >= 1, "svd k: received ", k, ", allowed k >= 1");
  if (!start.defined()) return;
  const bool fits = is_real_batch(start) && start.size(0) == a.size(0) &&
                    start.size(1) == a.size(2) && start.device() == a.device();
  TORCH_CHECK_VALUE(fits, "svd start: received ", described(start), ", allowed ", kComputable, " [",
                    a.size(0), ", ", a.size(2), ", p] on ", a.device().str());
}

void check_options(const SvdOptions& o) {
  find_solver(o.method);
  TORCH_CHECK_VALUE(o.tol > 0 && o.tol < 1, "svd_tol: received ", o.tol, ", allowed 0 < tol < 1");
  const std::vector<std::string> stops = {"value", "subspace", "approximation"};
  TORCH_CHECK_VALUE(std::find(stops.begin(), stops.end(), o.stop) != stops.end(),
                    "svd_stop: received ", shown(o.stop), ", allowed ", join(stops),
                    nearest(o.stop, stops));
  TORCH_CHECK_VALUE(o.max_passes >= 1, "svd_max_passes: received ", o.max_passes,
                    ", allowed from 1");
  TORCH_CHECK_VALUE(o.fixed_passes >= 0, "svd_passes: received ", o.fixed_passes,
                    ", allowed from 0 (0: not fixed)");
  const auto dtype = o.dtype.value_or(at::kFloat);
  TORCH_CHECK_VALUE(is_computable(dtype), "svd_dtype: received ", dtype_name(dtype), ", allowed ",
                    kComputable);
}

}  // namespace steepest::svd
