// SPDX-License-Identifier: Apache-2.0
// What every norm of the catalog must be: the support function of a ball, and the point of that
// ball where it is attained. A new norm is tested by being listed.
#include <gtest/gtest.h>

#include <algorithm>

#include "steepest/base/spec.h"
#include "steepest/norms/prepared.h"
#include "tests/norms/cases.h"

namespace steepest::test {
namespace {

class Property : public testing::TestWithParam<std::string> {
 protected:
  NormPtr norm = make_norm(GetParam(), exact_solvers());
  Random random{17};

  // check(m, context, tolerance) for every dtype and shape.
  void each(const auto& check) {
    for (const auto& [dtype, tol] : dtypes()) {
      for (const auto& shape : shapes()) {
        SCOPED_TRACE(testing::Message() << at::toString(dtype) << " " << at::IntArrayRef(shape));
        const auto m = random.normal(shape, dtype);
        check(m, random.context(*norm, shape, dtype), tol);
      }
    }
  }

  static NormContext map_slots(NormContext context, const auto& change) {
    for (auto& slot : context.slots) slot = change(slot);
    return context;
  }

  // Whether the norm keeps more than numbers of its entries: a basis, say, which turns with them.
  bool keeps_a_basis() const {
    const auto slots = norm->slots(4, 5);
    return std::any_of(slots.begin(), slots.end(), [](const Slot& s) { return !s.like_param(); });
  }
  // Whether a direction has parts that grow with m and others that do not.
  bool mixes_degrees() const { return GetParam().starts_with("cosmos"); }
};

TEST_P(Property, dual_is_attained_by_the_direction) {
  each([&](const at::Tensor& m, const NormContext& context, double tol) {
    const auto [s, dual, factors_s] = norm->steepest(m, context);
    EXPECT_EQ(s.sizes(), m.sizes());
    EXPECT_EQ(s.scalar_type(), m.scalar_type());
    EXPECT_EQ(dual.scalar_type(), at::kDouble);
    EXPECT_LT(difference(products(m, s), dual), tol);
    EXPECT_GT(dual.min().item<double>(), 0);
  });
}

// <x, s'> <= dual(x) for every s' of the ball. A norm of degree 1 depends on |m|: there the other
// points are those of the same |m|.
TEST_P(Property, no_point_of_the_ball_is_steeper) {
  if (keeps_a_basis() && norm->traits().degree > 0)
    GTEST_SKIP() << "|m| is that in the basis: see the norm's own test";
  if (!norm->traits().exact) GTEST_SKIP() << "the steepest of what it has chosen alone";
  const auto* prepared = dynamic_cast<const norms::Prepared*>(norm.get());
  if (prepared && !prepared->has_ball()) GTEST_SKIP() << "it has no ball, or one for each m";
  each([&](const at::Tensor& m, const NormContext& context, double tol) {
    const auto dual = norm->steepest(m, context).dual;
    for (int i = 0; i < 20; ++i) {
      const auto other = norm->traits().degree == 0 ? random.normal(m.sizes(), m.scalar_type())
                                                    : m * random.signs(m.sizes(), m.scalar_type());
      const auto s = norm->steepest(other, context).direction;
      EXPECT_TRUE((products(m, s) <= dual * (1 + tol)).all().item<bool>());
    }
  });
}

TEST_P(Property, is_homogeneous_of_its_degree) {
  const int degree = norm->traits().degree;
  if (mixes_degrees()) GTEST_SKIP() << "of m and the state together: see the next test";
  each([&](const at::Tensor& m, const NormContext& context, double tol) {
    const auto [s, dual, factors_s] = norm->steepest(m, context);
    const auto [s3, dual3, factors_s3] = norm->steepest(m * 3, context);
    EXPECT_LT(difference(s3, s * std::pow(3, degree)), tol);
    EXPECT_LT(difference(dual3, dual * std::pow(3, degree + 1)), tol);
  });
}

// With eps = 0 an adaptive norm's direction does not see the gradients' scale.
TEST_P(Property, direction_is_invariant_when_the_state_scales_too) {
  each([&](const at::Tensor& m, NormContext context, double tol) {
    context.eps = 0;
    auto scaled = context;
    const auto slots = norm->slots(m.size(1), m.size(2));
    for (size_t i = 0; i < scaled.slots.size(); ++i)
      if (slots[i].name == "exp_avg_sq") scaled.slots[i] = scaled.slots[i] * 9;
    const auto s = norm->steepest(m, context).direction;
    const auto s3 = norm->steepest(m * 3, scaled).direction;
    EXPECT_LT(difference(s3 / s3.abs().max(), s / s.abs().max()), tol);
  });
}

TEST_P(Property, a_batch_is_its_matrices) {
  each([&](const at::Tensor& m, const NormContext& context, double tol) {
    const auto [s, dual, factors_s] = norm->steepest(m, context);
    for (int64_t i = 0; i < m.size(0); ++i) {
      const auto one = map_slots(context, [&](const at::Tensor& v) { return v.narrow(0, i, 1); });
      const auto [s1, dual1, factors_s1] = norm->steepest(m.narrow(0, i, 1), one);
      EXPECT_LT(difference(s1, s.narrow(0, i, 1)), tol);
      EXPECT_LT(difference(dual1, dual.narrow(0, i, 1)), tol);
    }
  });
}

TEST_P(Property, transposes_to_its_partner) {
  if (keeps_a_basis()) GTEST_SKIP() << "its slots are not those of the transpose";
  const auto name = norm->traits().transpose;
  const auto partner = name.empty() ? norm : make_norm(name, exact_solvers());
  each([&](const at::Tensor& m, const NormContext& context, double tol) {
    const auto turned = map_slots(context, [](const at::Tensor& v) { return v.mT(); });
    const auto [s, dual, factors_s] = norm->steepest(m, context);
    const auto [st, dual_t, factors_st] = partner->steepest(m.mT(), turned);
    EXPECT_LT(difference(st.mT(), s), tol);
    EXPECT_LT(difference(dual_t, dual), tol);
  });
}

// float32 from its smallest to its largest number. Not for adaptive norms: g^2 has no such range.
TEST_P(Property, direction_does_not_depend_on_the_scale) {
  if (norm->traits().adaptive) {
    EXPECT_FALSE(norm->slots(4, 5).empty());
    return;
  }
  for (const auto& shape : shapes()) {
    auto m = random.normal(shape, at::kFloat);
    m /= m.abs().max();
    const auto [s, dual, factors_s] = norm->steepest(m, {});
    for (const double scale : {1e-38, 1e-30, 1e-20, 1e18, 1e30, 3e38}) {
      const auto [scaled, scaled_dual, factors_scaled] = norm->steepest(m * scale, {});
      EXPECT_LT(difference(scaled, s), 1e-5) << scale;
      EXPECT_LT(difference(scaled_dual / scale, dual), 1e-5) << scale;
    }
  }
}

TEST_P(Property, zero_in_zero_out) {
  for (const double eps : {1e-8, 0.0}) {
    each([&](const at::Tensor& m, NormContext context, double) {
      context = map_slots(context, [](const at::Tensor& v) { return at::zeros_like(v); });
      context.eps = eps;
      const auto [s, dual, factors_s] = norm->steepest(at::zeros_like(m), context);
      EXPECT_EQ(s.abs().max().item<double>(), 0);
      EXPECT_EQ(dual.abs().max().item<double>(), 0);
    });
  }
}

TEST_P(Property, one_zero_matrix_leaves_the_others_of_its_batch_alone) {
  const auto context = random.context(*norm, {3, 4, 5}, at::kDouble);
  auto m = random.normal({3, 4, 5});
  const auto s = norm->steepest(m, context).direction;
  m[1].zero_();
  const auto with_zero = norm->steepest(m, context).direction;
  EXPECT_EQ(with_zero[1].abs().max().item<double>(), 0);
  EXPECT_LT(difference(with_zero[0], s[0]), 1e-10);
  EXPECT_LT(difference(with_zero[2], s[2]), 1e-10);
}

TEST_P(Property, empty_in_empty_out) {
  for (const std::vector<int64_t>& shape :
       {std::vector<int64_t>{0, 3, 4}, {2, 0, 4}, {2, 3, 0}, {0, 0, 0}}) {
    const auto context = random.context(*norm, shape, at::kFloat);
    const auto [s, dual, factors_s] = norm->steepest(at::zeros(shape), context);
    EXPECT_EQ(s.sizes(), at::IntArrayRef(shape));
    EXPECT_EQ(dual.sizes(), at::IntArrayRef({shape[0]}));
    EXPECT_EQ(dual.sum().item<double>(), 0);
  }
}

TEST_P(Property, rank_deficient_and_degenerate_matrices_are_measured) {
  const auto one = random.normal({1, 6, 1}).matmul(random.normal({1, 1, 5}));
  const auto two = one + random.normal({1, 6, 1}).matmul(random.normal({1, 1, 5}));
  for (const auto& m :
       {one, two, at::ones({1, 4, 4}, at::kDouble), at::eye(4, at::kDouble).unsqueeze(0),
        random.normal({1, 1, 9}), random.normal({1, 9, 1})}) {
    const auto context = random.context(*norm, m.sizes(), at::kDouble);
    const auto [s, dual, factors_s] = norm->steepest(m, context);
    EXPECT_TRUE(finite(s));
    EXPECT_LT(difference(products(m, s), dual), 1e-10);
    EXPECT_GT(dual.item<double>(), 0);
  }
}

TEST_P(Property, sharp_is_dual_times_direction) {
  each([&](const at::Tensor& m, const NormContext& context, double tol) {
    const auto [s, dual, factors_s] = norm->steepest(m, context);
    EXPECT_LT(difference(whole(norm->sharp(m, context)), s * dual.view({-1, 1, 1})), tol);
  });
}

// Of |x|^2 = <x, A x> the sharp direction is A^-1 m: linear, symmetric, and dual^2 = <m, A^-1 m>.
TEST_P(Property, sharp_of_a_quadratic_norm_is_its_inverse_metric) {
  bool quadratic = false;
  for (const char* name : {"frobenius", "l2", "ada_2", "shampoo", "kl_shampoo"})
    quadratic |= parse_mixture(GetParam())[0].name == name && norm->traits().degree == 0;
  if (!quadratic || parse_mixture(GetParam()).size() > 1) GTEST_SKIP() << "not quadratic";
  each([&](const at::Tensor& m, const NormContext& context, double tol) {
    const auto other = random.normal(m.sizes(), m.scalar_type());
    const auto x = whole(norm->sharp(m, context)), y = whole(norm->sharp(other, context));
    EXPECT_LT(difference(whole(norm->sharp(m + 2 * other, context)), x + 2 * y), tol);
    const auto scale = (products(m, x) * products(other, y)).sqrt();
    EXPECT_LT(((products(m, y) - products(other, x)) / scale).abs().max().item<double>(), tol);
    EXPECT_LT(difference(norm->steepest(m, context).dual.square(), products(m, x)), tol);
  });
}

TEST_P(Property, input_is_not_touched_and_strides_do_not_matter) {
  each([&](const at::Tensor& m, const NormContext& context, double tol) {
    const auto copy = m.clone();
    const auto slots = map_slots(context, [](const at::Tensor& v) { return v.clone(); }).slots;
    const auto [s, dual, factors_s] = norm->steepest(m, context);
    norm->sharp(m, context);
    EXPECT_TRUE(at::equal(m, copy));
    for (size_t i = 0; i < slots.size(); ++i) EXPECT_TRUE(at::equal(slots[i], context.slots[i]));
    const auto strided = m.mT().contiguous().mT();
    EXPECT_LT(difference(norm->steepest(strided, context).direction, s), tol);
  });
}

TEST_P(Property, half_precision_keeps_its_dtype) {
  for (const auto dtype : {at::kBFloat16, at::kHalf}) {
    const auto context = random.context(*norm, {2, 6, 5}, dtype);
    const auto m = random.normal({2, 6, 5}, dtype);
    const auto [s, dual, factors_s] = norm->steepest(m, context);
    EXPECT_EQ(s.scalar_type(), dtype);
    const auto wide = map_slots(context, [](const at::Tensor& v) { return v.to(at::kDouble); });
    const auto exact = norm->steepest(m.to(at::kDouble), wide);
    EXPECT_LT(difference(s, exact.direction), 0.02);
    EXPECT_LT(difference(dual, exact.dual), 0.02);
  }
}

TEST_P(Property, its_name_makes_it_again) {
  EXPECT_EQ(make_norm(norm->name(), exact_solvers())->name(), norm->name());
}

INSTANTIATE_TEST_SUITE_P(Norms, Property, testing::ValuesIn(all_specs()), [](const auto& info) {
  std::string name = info.param;
  for (auto& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
});

}  // namespace
}  // namespace steepest::test
