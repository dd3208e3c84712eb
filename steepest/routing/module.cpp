// SPDX-License-Identifier: Apache-2.0
#include "steepest/routing/module.h"

#include <torch/nn/modules/conv.h>

#include <map>

namespace steepest::routing {
namespace {

// Returns the C++ type of a module with its namespaces, without the "Impl" that torch's own have at
// their end: "torch::nn::Linear".
std::string full_type(const torch::nn::Module& module) {
  auto name = module.name();
  if (name.ends_with("Impl")) name.resize(name.size() - 4);
  return name;
}

// Returns the C++ type of a module without namespaces and without the "Impl" at its end: "Linear".
std::string short_type(const torch::nn::Module& module) {
  const auto name = full_type(module);
  const size_t colon = name.rfind(':');
  return colon == std::string::npos ? name : name.substr(colon + 1);
}

// Sets `numbers` to the attributes of a layer of type Convolution that the rules ask for; returns
// false, with nothing set, where the module is none.
template <typename Convolution>
bool read_convolution(const torch::nn::Module& module, Numbers& numbers) {
  const auto* layer = dynamic_cast<const Convolution*>(&module);
  if (!layer) return false;
  numbers = {{"groups", layer->options.groups()},
             {"in_channels", layer->options.in_channels()},
             {"transposed", layer->options.transposed()}};
  return true;
}

// Sets `numbers` to the attributes that the rules ask for where the module is a plain or a
// transposed convolution of D dimensions; returns whether it is one.
template <int64_t D, typename Plain, typename Transposed>
bool read_convolutions(const torch::nn::Module& module, Numbers& numbers) {
  return read_convolution<torch::nn::ConvNdImpl<D, Plain>>(module, numbers) ||
         read_convolution<torch::nn::ConvNdImpl<D, Transposed>>(module, numbers);
}

// Returns the attributes of a module that the rules ask for; only convolutions have any.
Numbers numbers_of(const torch::nn::Module& module) {
  using namespace torch::nn;
  Numbers numbers;
  read_convolutions<1, Conv1dImpl, ConvTranspose1dImpl>(module, numbers) ||
      read_convolutions<2, Conv2dImpl, ConvTranspose2dImpl>(module, numbers) ||
      read_convolutions<3, Conv3dImpl, ConvTranspose3dImpl>(module, numbers);
  return numbers;
}

// Collects the parameters of one module after another, each before its children, as
// named_parameters() goes.
class Reader {
 public:
  std::vector<Place> places;

  // Appends the parameters of a module and of all below it to `places`. `prefix` begins their names
  // ("layers.3.") and `parent` is the module around it, null of the root; `around` has the types of
  // the modules from the root to `parent`.
  void visit(const torch::nn::Module& module, const std::string& prefix,
             const torch::nn::Module* parent, std::vector<std::string> around) {
    around.push_back(short_type(module));
    for (const auto& item : module.named_parameters(/*recurse=*/false)) {
      add_param(prefix + item.key(), item.value(), module, parent, around);
    }
    for (const auto& child : module.named_children()) {
      visit(*child.value(), prefix + child.key() + ".", &module, around);
    }
  }

 private:
  // Appends one parameter of the module `owner`, of this full name, to `places`, with all that is
  // known of it; one tensor has the same number, Fact::tensor, at each place that names it.
  // `parent` is the module around the owner, null of the root; `around` has the types of the
  // modules from the root to the owner.
  void add_param(const std::string& name, const at::Tensor& param, const torch::nn::Module& owner,
                 const torch::nn::Module* parent, const std::vector<std::string>& around) {
    Fact f;
    f.name = name;
    f.shape = param.sizes().vec();
    f.tensor = tensors_.emplace(param.unsafeGetTensorImpl(), tensors_.size()).first->second;
    f.known = true;
    f.own = {around.back()};
    f.around = around;
    if (parent) f.parent = full_type(*parent);
    for (char& c : f.parent) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    f.numbers = numbers_of(owner);
    if (is_convolution_weight(f)) f.own.emplace_back("_ConvNd");
    places.push_back({std::move(f), param});
  }

  std::map<const void*, int64_t> tensors_;
};

}  // namespace

std::vector<Place> read_module(const torch::nn::Module& module) {
  Reader reader;
  reader.visit(module, "", nullptr, {});
  return std::move(reader.places);
}

}  // namespace steepest::routing
