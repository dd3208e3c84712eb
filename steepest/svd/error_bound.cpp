// SPDX-License-Identifier: Apache-2.0
// In bases that begin with u_1 .. u_k and v_1 .. v_k, A is [S F; 0 A_2], S = diag(s), and row f_i
// of F has the length r_i, the residual. sigma_i and x_i are A's singular values and right vectors,
// |.| is the Frobenius norm, and t >= |A_2|_2.
//
// Truncation. sigma_{k+1} <= t, as [S F; 0 0] has rank k, and sigma_i >= s_i. All triplets of V or
// U alone are X = A V V^T (or its mirror image), so that <A_k, X> = |A_k V|^2 gives
//   |X - A_k|^2 = g + 2 |(A - A_k) V|^2,   g = sum_{i<=k} sigma_i^2 - s_i^2:
// the gain g that is left decides, which is least for the best triplets. With w_i the part of x_i
// outside V, squared, and w = sum_{i<=k} w_i, traces give |(A - A_k) V|^2 <= sigma_{k+1}^2 w and
// g >= sum_{i<=k} (sigma_i^2 - sigma_{k+1}^2) w_i. So for each j <= k with s_j > t, as w_i <= 1,
//   |X - A_k|^2 <= g + 2 t^2 (g / (s_j^2 - t^2) + k - j).
// The gain of the first j: let the columns z_i of Z make [I; Z] span x_1 .. x_j. Then A^T A v_i =
// s_i^2 v_i + s_i f_i gives the gain sum_i s_i <f_i, z_i> and, along the other x, with y_i those
// parts of v_i, (s_i^2 - sigma^2) y_i = -s_i f_i. As z_i is y_i but for a factor H, H^2 = 1 + Z
// Z^T,
//   gain <= sum_{i<=j} s_i^2 r_i^2 / (s_i^2 - t_j^2) / c,
//   1 - c^2 <= sum_{i<=j} |y_i|^2 <= sum_{i<=j} s_i^2 r_i^2 / (s_i^2 - t_j^2)^2,
// where t_j = max(s_{j+1}, t) + rho, rho^2 = sum_{j<i<=k} r_i^2, is t for what is orthogonal to j
// triplets. The others gain at most (Ky Fan; Mirsky)
//   (sqrt(sum_{j<i<=k} max(s_i, t)^2) + rho)^2 - sum_{j<i<=k} s_i^2.
// From U U^T A, sum_{i<=k} r_i^2 of g has been gained already. j < k serves where the last triplets
// are short: then they need no gap. To first order j = k is |D|^2, the derivative's square.
//
// Shrinkage. D maximises P(X) = <A, X> - |X|^2 / 2 - |X|_nuc^2 / 2, which gives
// |X - D|^2 / 2 <= P(D) - P(X). The maximum h(A) has D(A) as gradient, with Lipschitz constant 1.
// Take B = [S 0; 0 A_2 cut at tau]: D(B) = X, and X is orthogonal to A - B, so that P(X) = h(B) and
//   |X - D|^2 <= 2 h(A) - 2 h(B) <= |A - B|^2 = sum_{i<=n} r_i^2 + sum_{j>n} [t_j - tau]+^2,
// with no gap in it. Better triplets have a larger P. |D|_* / |X|_* is the root of h(A) / h(B).
#include "steepest/svd/error_bound.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace steepest::svd {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::infinity();

// Returns t_j of the Ritz value s with the residual r, which no singular value near it exceeds.
double upper(double s, double r) { return std::sqrt(s * s + s * r); }

// What the head's bound knows of the triplets from j on, which are no part of it.
struct Tail {
  double values = 0, largest = 0, residuals = 0;  // sums of s_i^2, max(s_i, t)^2 and r_i^2

  // Returns what sum_{j<i<=k} s_i^2 gains at most.
  double gain() const { return square(std::sqrt(largest) + std::sqrt(residuals)) - values; }
};

// Returns what s_1^2 + .. + s_j^2 gains at most, where no other singular value exceeds t; infinity
// where that is not known.
double gain_of_head(const Values& s, const Values& r, int64_t j, double t) {
  if (j > 0 && !(s[j - 1] > t)) return kUnknown;
  double gain = 0, sine = 0;
  for (int64_t i = 0; i < j; ++i) {
    const double tangent = s[i] * r[i] / (s[i] * s[i] - t * t);
    gain += s[i] * r[i] * tangent, sine += square(tangent);
  }
  return sine < 1 ? gain / std::sqrt(1 - sine) : kUnknown;
}

}  // namespace

double truncation_error(const Values& s, const Values& residual, int64_t k) {
  double t = 0, size = 0, gained = 0, least = kUnknown;
  for (int64_t j = k; j < std::ssize(s); ++j) t = std::max(t, upper(s[j], residual[j]));
  for (int64_t i = 0; i < k; ++i) size += square(s[i]), gained += square(residual[i]);
  Tail tail;
  for (int64_t j = k; j >= 0; --j) {
    const double next = j < k ? std::max(s[j], t) + std::sqrt(tail.residuals) : t;
    const double all = gain_of_head(s, residual, j, next) + tail.gain() - gained;
    const double g = std::max(all, 0.0);
    const double in_gap = j > 0 ? g / (square(s[j - 1]) - t * t) : 0;
    if (j == 0 || s[j - 1] > t)
      least = std::min(least, g + 2 * t * t * (in_gap + static_cast<double>(k - j)));
    if (j == 0) break;
    tail.values += square(s[j - 1]), tail.largest += square(std::max(s[j - 1], t));
    tail.residuals += square(residual[j - 1]);
  }
  return size > 0 ? std::sqrt(least / size) : 0;
}

double shrinkage_error(const Values& s, const Values& residual) {
  const double tau = shrinkage_threshold(s);
  double error = 0, size = 0;
  for (size_t i = 0; i < s.size(); ++i) {
    const bool is_wanted = s[i] > tau;
    error += square(is_wanted ? residual[i] : std::max(upper(s[i], residual[i]) - tau, 0.0));
    size += is_wanted ? square(s[i] - tau) : 0;
  }
  if (size == 0) return 0;
  if (error >= size) return kUnknown;
  const double ratio = std::sqrt(error) / (std::sqrt(size) - std::sqrt(error));
  return ratio + (1 + ratio) * error / (2 * (square(tau) + size));
}

}  // namespace steepest::svd
