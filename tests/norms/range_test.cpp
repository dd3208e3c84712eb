// SPDX-License-Identifier: Apache-2.0
// Every norm at every scale that its dtype has, from denormal numbers to the largest, in every
// layout of memory: the direction of scale 1, and the dual times the scale. Not for adaptive norms
// but where their state scales along: g^2 has no such range.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "steepest/base/tensor.h"
#include "tests/norms/cases.h"

namespace steepest::test {
namespace {

struct Range {
  at::ScalarType dtype;
  double tol;
  double smallest, largest;  // normal numbers
};

const std::vector<Range>& ranges() {
  static const std::vector<Range> all = {{at::kFloat, 1e-5, 0x1p-126, 0x1p127},
                                         {at::kDouble, 1e-9, 0x1p-1022, 0x1p1016},
                                         {at::kBFloat16, 2e-2, 0x1p-126, 0x1p127},
                                         {at::kHalf, 2e-2, 0x1p-14, 0x1p15}};
  return all;
}

// The same numbers, not one after another in memory.
struct Layout {
  const char* name;
  at::Tensor (*of)(const at::Tensor&);
};
const std::vector<Layout>& layouts() {
  static const std::vector<Layout> all = {
      {"contiguous", [](const at::Tensor& m) { return m; }},
      {"transposed", [](const at::Tensor& m) { return m.mT().contiguous().mT(); }},
      {"strided",
       [](const at::Tensor& m) {
         auto wide = at::zeros({m.size(0), m.size(1), 2 * m.size(2)}, m.options());
         auto view = wide.slice(2, 0, 2 * m.size(2), 2);
         view.copy_(m);
         return view;
       }},
      {"batch last",  // as the pieces of a channels_last tensor
       [](const at::Tensor& m) {
         return m.permute({1, 2, 0}).contiguous().permute({2, 0, 1});
       }},
  };
  return all;
}

// x 2^power in float64, in two steps, as 2^power alone may not be a number.
at::Tensor ldexp(const at::Tensor& x, int power) {
  return x.to(at::kDouble) * std::ldexp(1.0, power / 2) * std::ldexp(1.0, power - power / 2);
}

class Scales : public testing::TestWithParam<std::string> {
 protected:
  NormPtr norm = make_norm(GetParam(), exact_solvers());
  Random random{23};
};

// max |m| = 1.5: at the top of the range it is below the largest number.
at::Tensor bounded(const at::Tensor& m) { return m * (1.5 / m.abs().max()); }

TEST_P(Scales, direction_and_dual_are_those_of_scale_one) {
  if (norm->traits().adaptive) GTEST_SKIP() << "its state has a scale of its own";
  for (const auto& [dtype, tol, smallest, largest] : ranges()) {
    for (const auto& shape : {std::vector<int64_t>{3, 5, 4}, {2, 4, 7}, {1, 1, 6}, {2, 6, 1}}) {
      const auto m = bounded(random.normal(shape)).to(dtype);
      const auto [s, dual, factors_s] = norm->steepest(m, {});
      const int low = std::ilogb(smallest), high = std::ilogb(largest);
      for (const int power : {low + 1, low / 2, -78, 66, high}) {
        if (power < low || power > high) continue;
        // What of m is denormal at this scale loses digits: compared is what is left of it.
        const auto scaled = ldexp(m, power).to(dtype);
        const auto left = ldexp(scaled, -power).to(dtype);
        const auto plain = at::equal(left, m) ? Measured{s, dual} : norm->steepest(left, {});
        for (const auto& layout : layouts()) {
          SCOPED_TRACE(testing::Message() << at::toString(dtype) << " " << at::IntArrayRef(shape)
                                          << " 2^" << power << " " << layout.name);
          const auto [x, xd, factors_x] = norm->steepest(layout.of(scaled), {});
          EXPECT_LT(difference(x, plain.direction), tol);
          EXPECT_LT(difference(ldexp(xd, -power), plain.dual), tol);
          const auto sharp = norm->sharp(layout.of(scaled), {});
          EXPECT_LT(difference(ldexp(whole(sharp), -power), whole({plain.direction, plain.dual})),
                    2 * tol);
        }
      }
    }
  }
}

TEST_P(Scales, of_denormal_numbers_only) {
  if (norm->traits().adaptive) GTEST_SKIP() << "its state has a scale of its own";
  for (const auto& [dtype, denormal] : {std::pair{at::kFloat, 0x1p-149},
                                        {at::kDouble, 0x1p-1074},
                                        {at::kBFloat16, 0x1p-133},
                                        {at::kHalf, 0x1p-24}}) {
    const auto integers = bounded(random.normal({2, 4, 5})).mul(4).round();
    const auto m = (integers * denormal).to(dtype);
    ASSERT_TRUE((m != 0).any().item<bool>());
    const auto plain = norm->steepest(integers, {});
    for (const auto& layout : layouts()) {
      SCOPED_TRACE(testing::Message() << at::toString(dtype) << " " << layout.name);
      const auto [s, dual, factors_s] = norm->steepest(layout.of(m), {});
      // A norm of singular values sees those of float64 rounded to its last number.
      if (dtype == at::kDouble) {
        EXPECT_GT((products(integers, s) / plain.dual).min().item<double>(), .8);
      } else {
        EXPECT_LT(difference(s, plain.direction), 2e-2);
      }
      const double rounding = dtype == at::kDouble ? 1.5 / plain.dual.min().item<double>() : 0;
      EXPECT_LT(difference(ldexp(dual, 60), ldexp(plain.dual * denormal, 60)), 2e-2 + rounding);
    }
  }
}

// With eps = 0, and v the square of what m is: where float32, in which v is kept, holds it.
TEST_P(Scales, an_adaptive_norm_follows_its_state) {
  if (norm->slots(4, 5).size() != 1) GTEST_SKIP() << "no state, or a basis that has no scale";
  for (const auto& [dtype, tol, smallest, largest] : ranges()) {
    const auto m = bounded(random.normal({2, 4, 5})).to(dtype);
    const auto v = random.normal({2, 4, 5}).square() + .1;
    const auto wide = at_least_float32(m).scalar_type();
    const auto at_power = [&](const at::Tensor& x, int power) {
      return norm->steepest(x, {{ldexp(v, 2 * power).to(wide)}, 1, 0});
    };
    const auto plain = at_power(m, 0);
    for (const int power : {-60, -38, -13, 13, 38, 62}) {
      if (std::ldexp(1, power) < smallest || std::ldexp(1, power) > largest) continue;
      for (const auto& layout : layouts()) {
        SCOPED_TRACE(testing::Message()
                     << at::toString(dtype) << " 2^" << power << " " << layout.name);
        const auto [s, dual, factors] = at_power(layout.of(ldexp(m, power).to(dtype)), power);
        const double unit = plain.direction.abs().max().item<double>();
        const double now = s.to(at::kDouble).abs().max().item<double>();
        EXPECT_LT(difference(s.to(at::kDouble) / now, plain.direction.to(at::kDouble) / unit), tol);
        EXPECT_LT(difference(products(ldexp(m, power).to(dtype), s), dual), tol);
        EXPECT_GT(dual.min().item<double>(), 0);
      }
    }
  }
}

// No hang, no crash: NaN in the direction of the matrix that has one, the others as ever.
TEST_P(Scales, what_is_not_finite_stays_in_its_matrix) {
  for (const auto& [dtype, tol, smallest, largest] : ranges()) {
    for (const auto& shape : {std::vector<int64_t>{3, 4, 5}, {3, 1, 6}, {3, 6, 1}, {3, 1, 1}}) {
      for (const double bad : {static_cast<double>(NAN), static_cast<double>(INFINITY)}) {
        const auto context = random.context(*norm, shape, at::kDouble);
        const auto m = random.normal(shape).to(dtype);
        const auto clean = norm->steepest(m, context);
        auto dirty = m.clone();
        dirty[1][0][0] = bad;
        for (const auto& layout : layouts()) {
          SCOPED_TRACE(testing::Message() << at::toString(dtype) << " " << at::IntArrayRef(shape)
                                          << " " << bad << " " << layout.name);
          const auto [s, dual, factors_s] = norm->steepest(layout.of(dirty), context);
          EXPECT_FALSE(finite(dual[1]));
          for (const int64_t i : {0, 2}) {
            EXPECT_LT(difference(s[i], clean.direction[i]), tol);
            EXPECT_LT(difference(dual[i], clean.dual[i]), tol);
          }
        }
      }
    }
  }
}

TEST_P(Scales, degenerate_matrices_have_a_direction_in_every_layout) {
  for (const auto& [dtype, tol, smallest, largest] : ranges()) {
    for (const auto& m :
         {at::ones({1, 4, 4}), at::full({1, 1, 300}, -.5), at::full({1, 300, 1}, 2.),
          at::full({2, 1, 1}, 3.), at::eye(5).unsqueeze(0), at::zeros({1, 3, 4})}) {
      const auto context = random.context(*norm, m.sizes(), at::kDouble);
      for (const auto& layout : layouts()) {
        const auto x = layout.of(m.to(dtype));
        SCOPED_TRACE(testing::Message() << at::toString(dtype) << " " << m.sizes() << layout.name);
        const auto [s, dual, factors_s] = norm->steepest(x, context);
        EXPECT_TRUE(finite(s) && finite(dual));
        EXPECT_LT(difference(products(x, s), dual), tol);
        EXPECT_EQ((dual > 0).all().item<bool>(), m.abs().max().item<double>() > 0);
      }
    }
  }
}

// As a step decomposes: by the solvers that recipes use.
TEST(Solvers, of_every_method_give_the_same_at_every_scale_and_layout) {
  Random random(29);
  for (const char* spec : {"spectral", "nuclear", "ky_fan(k=2)", "k_support(k=2)", "f_star"}) {
    const auto norm = make_norm(spec);
    for (const auto& [dtype, tol, smallest, largest] : ranges()) {
      const auto m = bounded(random.normal({2, 40, 50})).to(dtype);
      const auto plain = norm->steepest(m, {});
      const int low = std::ilogb(smallest), high = std::ilogb(largest);
      for (const int power : {low + 10, -75, -80, 75, high}) {
        if (power < low + 10 || power > high) continue;
        const auto scaled = ldexp(m, power).to(dtype);
        for (const auto& layout : layouts()) {
          SCOPED_TRACE(testing::Message() << spec << " " << at::toString(dtype) << " 2^" << power
                                          << " " << layout.name);
          const auto [s, dual, factors_s] = norm->steepest(layout.of(scaled), {});
          EXPECT_LT(difference(ldexp(dual, -power), plain.dual), 2e-2);
          EXPECT_LT(difference(products(scaled, s), dual), 1e-5 + tol);
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Norms, Scales, testing::ValuesIn(all_specs()), [](const auto& info) {
  std::string name = info.param;
  for (auto& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
});

}  // namespace
}  // namespace steepest::test
