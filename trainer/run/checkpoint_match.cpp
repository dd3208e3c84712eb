// SPDX-License-Identifier: Apache-2.0
// require_same_run: is a checkpoint one of this run?
#include <sstream>

#include "steepest/base/text.h"
#include "trainer/run/checkpoint.h"

namespace steepest::trainer {
namespace {

// "[2, 3] Float", for comparison and for messages.
std::string shape_and_dtype(const at::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.sizes() << ' ' << c10::toString(tensor.scalar_type());
  return text.str();
}

// Throws ForeignCheckpoint, naming the file or folder and what is not this run's.
[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw ForeignCheckpoint(where + ": " + what);
}

using Index = std::map<std::string, const at::Tensor*>;

// The tensors by their names; the pointers are into `tensors`.
Index index_of(const NamedTensors& tensors) {
  Index index;
  for (const auto& [name, tensor] : tensors) index[name] = &tensor;
  return index;
}

// Throws ForeignCheckpoint unless both files have tensors of the same names, shapes and dtypes.
void require_tensors(const std::string& where, const NamedTensors& found,
                     const NamedTensors& expected) {
  const Index others = index_of(found), ours = index_of(expected);
  for (const auto& [name, tensor] : expected) {
    const auto other = others.find(name);
    if (other == others.end()) refuse(where, "tensor " + in_quotes(name) + " is missing");
    const std::string shape = shape_and_dtype(*other->second);
    if (shape != shape_and_dtype(tensor)) {
      refuse(where, "tensor " + in_quotes(name) + ": received " + shape + ", expected " +
                        shape_and_dtype(tensor));
    }
  }
  for (const auto& [name, tensor] : found) {
    if (!ours.count(name)) refuse(where, "tensor " + in_quotes(name) + " is not one of this run");
  }
}

// Throws ForeignCheckpoint unless the checkpoint's text for `what` is the expected one.
void require_text(const std::string& where, const std::string& what, const std::string& found,
                  const std::string& expected) {
  if (found == expected) return;
  refuse(where, what + ": received " + in_quotes(found) + ", expected " + in_quotes(expected));
}

}  // namespace

// Throws ForeignCheckpoint with the first thing in which `found`, the checkpoint in the folder, is
// not `expected`: the model's tensors, the optimizer's metadata and tensors (names, shapes and
// dtypes, no values), the hash of the config.
void require_same_run(const std::string& folder, const Checkpoint& found,
                      const Checkpoint& expected) {
  require_tensors(folder + "/model.safetensors", found.model.tensors, expected.model.tensors);
  const std::string optimizer = folder + "/optimizer.safetensors";
  for (const auto& [key, value] : expected.optimizer.metadata) {
    const auto other = found.optimizer.metadata.find(key);
    require_text(optimizer, key, other == found.optimizer.metadata.end() ? "" : other->second,
                 value);
  }
  require_tensors(optimizer, found.optimizer.tensors, expected.optimizer.tensors);
  require_text(folder + "/" + kManifest, "config_hash", found.config_hash, expected.config_hash);
}

}  // namespace steepest::trainer
