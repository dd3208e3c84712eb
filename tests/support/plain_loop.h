// SPDX-License-Identifier: Apache-2.0
// The family's algorithms as a plain loop in float64, from the formulas of "Non-Euclidean Gradient
// Descent" (arXiv 2510.09827) and of "MoMo" (arXiv 2305.07583). Momentum is summed anew from all
// gradients at every step, and the two rates enter by their ratio as they do in the paper. Shares
// nothing with the library.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/support/plain_curvature.h"

namespace steepest::test {

struct PlainMomentum {
  double b = 0.95;
  bool ball = false;  // heavy ball: weights b^k instead of (1 - b) b^k
  double dampening = 0;
  bool nesterov = false;
  std::string start = "first";  // zero, corrected, first
  bool after = false;           // of the direction instead of the gradient

  // The weights of `count` samples, oldest first. fresh: the newest came at this very step.
  std::vector<double> weights(size_t count, bool fresh) const;
};

struct PlainParam {
  at::Tensor w;  // float64, changed by every step
  bool matrix = true;
  std::string norm = "spectral";
  size_t group = 0;
  double radius = 1;
  PlainMomentum momentum;
  double beta2 = 0.95, eps = 1e-8;
  bool coupled = false;
  bool normuon = false;  // the directions' rows are rescaled
  // The matrices of a tensor of the parameter's shape, as views; unset: itself.
  std::function<std::vector<at::Tensor>(const at::Tensor&)> parts;

  std::vector<at::Tensor> gradients, directions;  // all so far
  std::vector<double> products;                   // <g, w> at their time
  std::vector<double> old_duals;                  // raw, of the last step that measured
  std::vector<PlainSoap> soaps;                   // of each part
  std::vector<PlainNorMuon> normuons;
};

struct PlainRule {
  std::string outer = "max", update = "constrained";
  bool momo = false, stale = false, flattened = false;
  double f_star = 0;
};

struct PlainSize {
  double q = 1, gap = 0;
};

class PlainLoop {
 public:
  PlainLoop(PlainRule rule, std::vector<PlainParam> params);

  // grads: undefined where missing. etas, decays: by group.
  PlainSize step(const std::vector<at::Tensor>& grads, double loss, const std::vector<double>& etas,
                 const std::vector<double>& decays);

  std::vector<PlainParam> params;

 private:
  // A matrix, or backup parameters taken as one vector.
  struct Unit {
    bool matrix = true;
    std::vector<at::Tensor> targets, directions;  // a direction in the unit ball for each target
    std::vector<double> etas;
    double dual = 0;    // for the radius and eta / eta_ref of its members
    double weight = 0;  // how far along the directions
  };

  at::Tensor momentum(PlainParam& p, const std::vector<at::Tensor>& history, bool fresh) const;
  at::Tensor metric(const PlainParam& p) const;
  void add_matrix(PlainParam& p, double eta);
  void add_backups(const std::vector<PlainParam*>& members, const std::vector<double>& etas);
  double ratio(double eta) const;  // (eta / eta_ref) to the power with which it enters the norm
  double model(double loss, const std::vector<at::Tensor>& grads);
  double combine();

  PlainRule rule_;
  std::vector<double> losses_;
  std::vector<Unit> units_;
  double eta_ref_ = 1;
};

}  // namespace steepest::test
