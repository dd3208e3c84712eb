// SPDX-License-Identifier: Apache-2.0
// The functions that Python sees, under torch.ops.steepest; the step is in torch_step.cpp, files
// are in torch_files.cpp.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/library.h>
#include <torch/version.h>

#include <nlohmann/json.hpp>

#include "steepest/base/autocast.h"
#include "steepest/base/dtype.h"
#include "steepest/base/text.h"
#include "steepest/base/workspace.h"
#include "steepest/optimizers/optimizers.h"
#include "steepest/polar/polar.h"
#include "steepest/routing/judge.h"
#include "steepest/serialize/recipe_json.h"
#include "steepest/svd/svd.h"

namespace steepest {
namespace {

using Json = nlohmann::ordered_json;
using Tensors = at::TensorList;

// Returns x (.., out, in) as the batch [B, out, in] that the library computes with, a view where
// strides allow; throws c10::ValueError at fewer than 2 dimensions.
at::Tensor as_batch(const at::Tensor& x) {
  TORCH_CHECK_VALUE(x.dim() >= 2, "steepest: x: received shape ", x.sizes(),
                    ", allowed 2 dimensions or more: (.., out, in)");
  const int64_t batch = c10::multiply_integers(x.sizes().slice(0, x.dim() - 2));
  return x.reshape({batch, x.size(-2), x.size(-1)});
}

// Returns the shape (.., last..) of a result that has a tensor of shape `last` for each matrix of x
// (.., out, in).
std::vector<int64_t> batch_shape(const at::Tensor& x, std::vector<int64_t> last) {
  std::vector<int64_t> shape(x.sizes().begin(), x.sizes().end() - 2);
  shape.insert(shape.end(), last.begin(), last.end());
  return shape;
}

// Returns the solvers of polar factors and triplets that a JSON object of options chooses, such as
// {"polar": "jordan"}; what it does not say has its default.
Solvers solvers_of(const std::string& options) {
  return override_choices(Choices{}, overrides_from_json(options)).solvers;
}

// Returns the polar factor U V^T of each matrix U S V^T of x (.., out, in), of x's shape. `options`
// is a JSON object, which solvers_of reads.
at::Tensor polar(const at::Tensor& x, const std::string& options) {
  const at::NoGradGuard no_grad;
  const NoAutocastGuard no_autocast;
  return make_polar(solvers_of(options).polar)->polar(as_batch(x)).reshape(x.sizes());
}

// Returns the steepest direction, of x's shape, and the dual norm, float64 (..), of each matrix of
// x (.., out, in) in the norm of this name, in the grammar of make_norm. An adaptive one, which
// would need state, is a c10::ValueError. `options` is a JSON object, which solvers_of reads.
std::tuple<at::Tensor, at::Tensor> steepest(const at::Tensor& x, const std::string& norm,
                                            const std::string& options) {
  const at::NoGradGuard no_grad;
  const NoAutocastGuard no_autocast;
  const auto made = make_norm(norm, solvers_of(options));
  TORCH_CHECK_VALUE(!made->traits().adaptive, "steepest: norm: received ", norm,
                    ", allowed a norm without state of its own");
  TORCH_CHECK_VALUE(is_computable(x.scalar_type()), "steepest: x: received ", x.scalar_type(),
                    ", allowed ", kComputable);
  const auto [s, dual, factors] = made->steepest(as_batch(x), {});
  return {s.reshape(x.sizes()), dual.reshape(batch_shape(x, {}))};
}

// Returns the leading n = min(k, out, in) singular triplets of each matrix of x (.., out, in):
// U (.., out, n), S (.., n) and Vh (.., n, in), and the number of products that they took, int64
// (..). `options` is a JSON object, which solvers_of reads; `stop` names the stop rule, "value" or
// "subspace"; `start` has right singular vectors (.., in, p) to begin from, if any.
std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor> svd(
    const at::Tensor& x, int64_t k, const std::string& options, const std::string& stop,
    const std::optional<at::Tensor>& start) {
  const at::NoGradGuard no_grad;
  const NoAutocastGuard no_autocast;
  auto chosen = solvers_of(options).svd;
  chosen.stop = stop;
  const auto t = top_triplets(as_batch(x), k, chosen, start ? as_batch(*start) : at::Tensor());
  const int64_t n = t.s.size(-1);
  return {t.u.reshape(batch_shape(x, {x.size(-2), n})), t.s.reshape(batch_shape(x, {n})),
          t.vh.reshape(batch_shape(x, {n, x.size(-1)})),
          at::tensor(t.passes, at::kLong).reshape(batch_shape(x, {}))};
}

// Returns the catalog of recipes with their Momo forms, as a JSON list of what recipe_json writes.
std::string catalog() {
  Json rows = Json::array();
  for (const auto& name : optimizer_names()) rows.push_back(Json::parse(recipe_json(recipe(name))));
  return rows.dump();
}

// Returns the recipe of this name, with the options of a JSON object in the place of its own, as
// recipe_json writes it.
std::string row(const std::string& name, const std::string& options) {
  return recipe_json(recipe(name, overrides_from_json(options)));
}

// Returns the series of torch that the library was built for, such as "2.4", by which a
// program can tell whether it fits the torch that is imported.
std::string torch_version() {
  return std::to_string(TORCH_VERSION_MAJOR) + "." + std::to_string(TORCH_VERSION_MINOR);
}

}  // namespace
}  // namespace steepest

// Declares torch.ops.steepest. An operator that takes no tensors has no device to be dispatched by,
// and is bound here; the others are bound below.
TORCH_LIBRARY(steepest, m) {
  m.def("polar(Tensor x, str options) -> Tensor");
  m.def("steepest(Tensor x, str norm, str options) -> (Tensor, Tensor)");
  m.def(
      "svd(Tensor x, int k, str options, str stop, Tensor? start=None) -> (Tensor, Tensor, Tensor, "
      "Tensor)");
  m.def("catalog() -> str", &steepest::catalog);
  m.def("options() -> str", &steepest::options_json);
  m.def("row(str name, str options) -> str", &steepest::row);
  m.def("route(str facts) -> str", &steepest::routing::judge_json);
  m.def("torch_version() -> str", &steepest::torch_version);
  m.def("workspace_bytes() -> int", &steepest::workspace_bytes);
}

// Binds the operators that take tensors, for tensors of every device.
TORCH_LIBRARY_IMPL(steepest, CompositeExplicitAutograd, m) {
  m.impl("polar", &steepest::polar);
  m.impl("steepest", &steepest::steepest);
  m.impl("svd", &steepest::svd);
}
