// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/check.h"

#include <c10/util/Exception.h>

#include <algorithm>

namespace steepest::svd {
namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string described(const at::Tensor& x) {
  if (!x.defined()) return "nothing";
  std::string sizes;
  for (const int64_t n : x.sizes()) sizes += (sizes.empty() ? "" : ", ") + std::to_string(n);
  return std::string(c10::toString(x.scalar_type())) + " [" + sizes + "] on " + x.device().str();
}

bool is_real_batch(const at::Tensor& x) {
  if (!x.defined() || x.dim() != 3 || x.layout() != at::kStrided) return false;
  const auto t = x.scalar_type();
  return t == at::kDouble || t == at::kFloat || t == at::kBFloat16 || t == at::kHalf;
}

}  // namespace

Solve solver(const std::string& method) {
  const auto& all = solvers();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](auto& s) { return s.name == method; });
  TORCH_CHECK_VALUE(found != all.end(), "svd method: received '", method, "', allowed ",
                    joined(svd_methods()));
  return found->solve;
}

void check_input(const at::Tensor& a, int64_t k, const at::Tensor& start) {
  TORCH_CHECK_VALUE(is_real_batch(a), "svd input: received ", described(a),
                    ", allowed float64, float32, bfloat16 or float16 [B, r, c]");
  TORCH_CHECK_VALUE(k >= 1, "svd k: received ", k, ", allowed k >= 1");
  if (!start.defined()) return;
  const bool fits = is_real_batch(start) && start.size(0) == a.size(0) &&
                    start.size(1) == a.size(2) && start.device() == a.device();
  TORCH_CHECK_VALUE(fits, "svd start: received ", described(start), ", allowed floating point [",
                    a.size(0), ", ", a.size(2), ", p] on ", a.device().str());
}

void check_options(const SvdOptions& o) {
  solver(o.method);
  TORCH_CHECK_VALUE(o.tol > 0 && o.tol < 1, "svd tol: received ", o.tol, ", allowed 0 < tol < 1");
  TORCH_CHECK_VALUE(o.stop == "value" || o.stop == "subspace", "svd stop: received '", o.stop,
                    "', allowed value, subspace");
  TORCH_CHECK_VALUE(o.max_passes >= 1, "svd max_passes: received ", o.max_passes,
                    ", allowed max_passes >= 1");
  TORCH_CHECK_VALUE(o.fixed_passes >= 0, "svd fixed_passes: received ", o.fixed_passes,
                    ", allowed fixed_passes >= 0 (0: not fixed)");
  const auto dtype = o.dtype.value_or(at::kFloat);
  TORCH_CHECK_VALUE(
      dtype == at::kDouble || dtype == at::kFloat || dtype == at::kBFloat16 || dtype == at::kHalf,
      "svd dtype: received ", c10::toString(dtype), ", allowed Double, Float, BFloat16, Half");
}

}  // namespace steepest::svd
