// SPDX-License-Identifier: Apache-2.0
#include "steepest/routing/roles.h"

#include <algorithm>
#include <map>
#include <set>

#include "steepest/routing/heads.h"
#include "steepest/routing/names.h"

namespace steepest::routing {
namespace {

// Returns how many channels a convolution reads, by its module; nothing for other parameters and
// where the module is not known.
std::optional<int64_t> input_channels(const Fact& f) {
  return is_convolution_weight(f) ? find_number(f.numbers, {"in_channels"}) : std::nullopt;
}

// Whether a convolution's weight f is depthwise, each of its groups reading one channel: it then
// holds no matrix. Told by the shape (out, in / groups, k..) where the module is not known.
bool is_depthwise(const Fact& f) {
  const auto groups = find_number(f.numbers, {"groups"}), in = input_channels(f);
  if (!groups || !in) return f.shape[1] == 1;
  return *groups > 1 && groups == in;
}

// Whether a patch embedding's layer reads an image, not the features that layers before it compute:
// a convolution that reads 4 channels or fewer, or a linear layer that lies in no numbered layer.
bool reads_image(const Fact& f) {
  if (is_convolution_weight(f)) return f.shape[1] <= 4;
  return std::none_of(f.path.begin(), f.path.empty() ? f.path.end() : f.path.end() - 1,
                      [](const auto& step) { return is_number(step) && !kPatch.match(step); });
}

// Returns, of each patch embedding, by which a vision transformer cuts an image into patches, the
// first layer, where it reads the image. Embeddings are told by their names, of which a number at
// the end does not count: patch_embed1 and patch_embed2 are the stages of one.
std::unordered_set<const Fact*> layers_that_read_patches(const Model& model) {
  std::map<std::string, const Fact*> first;
  for (const auto& f : model.places()) {
    if (!is_layer_weight(f)) continue;
    for (size_t i = 0; i < f.path.size(); ++i) {
      if (!kPatch.match(f.path[i])) continue;
      auto step = f.path[i];
      step.resize(step.find_last_not_of("0123456789") + 1);
      first.emplace(path_prefix(f.path, i) + step, &f);
      break;
    }
  }
  std::unordered_set<const Fact*> found;
  for (const auto& [prefix, f] : first) {
    if (reads_image(*f)) found.insert(f);
  }
  return found;
}

// Whether the parameter is the weight of a linear layer on a model's main way, in no numbered list
// and in no side branch: a convolution after it may then read features, not the model's input.
bool is_main_linear(const Fact& f) {
  return is_linear_weight(f) && !is_lora(f) &&
         std::none_of(f.path.begin(), f.path.end(),
                      [](auto& step) { return is_number(step) || kBranch.match(step); });
}

// Returns the model's first convolution, which reads its input; nullptr where there is none, or
// where it reads something else: in a block of a model with embeddings, or in a list behind a
// linear layer.
const Fact* find_first_convolution(const Model& model) {
  const auto& all = model.places();
  const bool has_embedding = std::any_of(all.begin(), all.end(), is_embedding);
  bool after_linear = false;
  for (const auto& f : all) {
    if (is_convolution_weight(f) && !is_lora(f) && !f.gain) {
      const auto numbered = std::find_if(f.path.begin(), f.path.end(), is_number);
      const bool inside = f.path.end() - numbered > 1;
      return (has_embedding && model.lies_in_block(f)) || (after_linear && inside) ? nullptr : &f;
    }
    after_linear = after_linear || is_main_linear(f);
  }
  return nullptr;
}

// Whether the weight is [1, out, in, k, k], the convolution of one model in a stack of one. That of
// a volume with one output channel has the same shape, and is no matrix either: 1 x n.
bool is_stack_of_one(const Fact& f) {
  return is_convolution_weight(f) && f.shape.size() > 4 && f.shape[0] == 1;
}

// Whether a weight of two dimensions or more is a norm's: the bias beside it has the same shape,
// but for the dimension of a stack of models, and no linear layer is known to own it.
bool is_norm_by_bias(const Fact& f, const Model& model) {
  const auto* bias = f.leaf == "weight" ? model.shape_beside(f, "bias") : nullptr;
  return bias && is_linear_weight(f) != f.known && bias->size() == f.shape.size() + f.stacked &&
         std::equal(f.shape.rbegin(), f.shape.rend(), bias->rbegin());
}

// Whether a parameter [E, out] or [E, in] is the bias of a stack of matrices [E, out, in] beside
// it.
bool is_bias_of_stack(const Fact& f, const Model& model) {
  if (f.shape.size() != 2 || !is_bare(f) || !kStackBias.match(f.leaf)) return false;
  const auto beside = model.siblings(f);
  return std::any_of(beside.begin(), beside.end(), [&](const Fact* other) {
    return other->shape.size() == 3 && other->shape[0] == f.shape[0] &&
           (other->shape[1] == f.shape[1] || other->shape[2] == f.shape[1]);
  });
}

}  // namespace

// Finds once what the rules ask of the whole model: output heads, the first convolution and the
// first layers of patch embeddings. The model must outlive this.
Roles::Roles(const Model& model)
    : model_(model),
      heads_(find_heads(model)),
      first_convolution_(find_first_convolution(model)),
      patch_layers_(layers_that_read_patches(model)) {}

std::string Roles::why_backup(const Fact& f) const {
  for (const auto rule :
       {&Roles::why_vector_like, &Roles::why_table, &Roles::why_narrow, &Roles::why_layer}) {
    if (auto reason = (this->*rule)(f); !reason.empty()) return reason;
  }
  return "";
}

std::string Roles::why_vector_like(const Fact& f) const {
  if (kBias.match(own_name(f))) return "bias";
  if (f.gain) return "gain of a weight norm";
  if (f.known && is_norm(f)) return "norm: " + owner_type(f);
  if (is_norm(f)) return "norm by name";
  if (f.name.find("lora_magnitude") != std::string::npos) return "magnitude of DoRA";
  if (f.shape.size() < 2) return "";
  if (is_norm_by_bias(f, model_)) return "norm by shape: a bias of the same";
  if (is_bare(f) && kGain.match(own_name(f))) return "gain or scale";
  return is_bias_of_stack(f, model_) ? "bias of a stack" : "";
}

std::string Roles::why_table(const Fact& f) const {
  if (f.name.find("lora_embedding_") != std::string::npos) return "LoRA of an embedding";
  if (model_.is_embedding_tensor(f)) return model_.is_tied(f) ? "embedding, tied" : "embedding";
  if (is_lora(f)) return "";
  if (const auto head = heads_.find(f.tensor); head != heads_.end()) return head->second;
  return is_bare(f) ? why_bare_table(f) : "";
}

std::string Roles::why_bare_table(const Fact& f) {
  if (kTable.match(own_name(f))) return "position table or token";
  if (kStateSpace.match(own_name(f))) return "state space";
  if (owner_type_contains(f, "Codebook") || owner_type_contains(f, "VectorQuant"))
    return "codebook: " + owner_type(f);
  if (f.shape.size() > 2 && f.shape[0] == 1 && count_wide_dims(f) > 1) {
    return "table by shape: a first dimension of 1";
  }
  return "";
}

std::string Roles::why_narrow(const Fact& f) const {
  const int64_t wide = count_wide_dims(f);
  if (wide >= 2) return "";
  if (f.shape.size() > 1) return "1 x n";
  return wide == 0 ? "scalar" : "vector";
}

std::string Roles::why_layer(const Fact& f) const {
  if (f.stacked && f.shape.size() > 2) return "stacked convolutions: no matrices as stored";
  if (is_lora(f)) return "";
  if (is_stack_of_one(f)) return "stacked convolutions: no matrices as stored";
  if (is_convolution_weight(f) && is_depthwise(f)) return "depthwise convolution";
  if (patch_layers_.count(&f) != 0) return "patch embedding";
  if (&f == first_convolution_) return "first convolution";
  const auto in = input_channels(f);
  return in && *in <= 3 ? "convolution of a raw input" : "";
}

}  // namespace steepest::routing
