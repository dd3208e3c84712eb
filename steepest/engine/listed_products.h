// SPDX-License-Identifier: Apache-2.0
// The inner products that Momo's model is made of, where they lie on an accelerator: kept as lists,
// so that the launches of a step do not grow with the parameters.
#pragma once

#include <map>

#include "steepest/engine/bucket.h"
#include "steepest/engine/step_size.h"

namespace steepest::engine {

// Adds x to a sum that may be undefined, or lie on another device.
void add_to(at::Tensor& sum, const at::Tensor& x);

class ListedProducts {
 public:
  // Takes the products of a bucket's matrices, [B] each.
  void add(const StepInput& in, const Bucket& bucket, const Products& products);

  // Whether the parameter, by its number in the plan, has products here.
  bool has(size_t param) const { return places_.contains(param); }

  // Does linear_part() of all parameters that have products here, and returns their sums; undefined
  // where there are none.
  LinearParts sum_of_linear_parts(const StepInput& in) const;

 private:
  // The products of all matrices of a device, in the order in which they were added.
  struct OfDevice {
    at::Device device;
    std::vector<at::Tensor> gradient, look, back;
    int64_t matrices = 0;
  };
  // The parameters of a device whose momenta go on alike.
  struct Alike {
    size_t device;  // among devices_
    const MomentumMap* map;
    double correction;
    std::vector<size_t> params;
  };

  // Return the number of the device among devices_, and the parameters that are like this one;
  // either is made where it is not there.
  size_t place_of(const at::Device& device);
  Alike& alike(const Alike& like);
  // Returns the sums [n] of the parameters' products, of those of all matrices of their device.
  at::Tensor sums_of(const Alike& alike, const std::vector<at::Tensor>& products) const;

  std::vector<OfDevice> devices_;
  std::vector<Alike> groups_;
  std::map<size_t, std::vector<int64_t>> places_;  // of a parameter's matrices among the device's
};

}  // namespace steepest::engine
