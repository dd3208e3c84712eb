// SPDX-License-Identifier: Apache-2.0
// "Muon: An optimizer for hidden layers": the largest slope whose iterates end in a band around 1.

#include "steepest/polar/slope_search.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <cmath>

namespace steepest::polar {
namespace {

const PolynomialCoefficients kJordan{3.4445, -4.7750, 2.0315};

// Where 2000 starts in (0, 1] really are between iterations 300 and 400.
LimitBand observed(const PolynomialCoefficients& phi) {
  LimitBand band{1e9, 0, 0};
  for (int i = 1; i <= 2000; ++i) {
    double x = i / 2000.;
    for (int k = 0; k < 400; ++k) {
      x = phi(x);
      band.peak = std::max(band.peak, x);
      if (k < 300) continue;
      band.low = std::min(band.low, x);
      band.high = std::max(band.high, x);
    }
  }
  return band;
}

// The printed coefficients are said to end in [.7, 1.3]; they end in [.682, 1.134], after a largest
// value of 1.202 on the way.
TEST(LimitBand, OfTheMuonCoefficients) {
  const LimitBand band = limit_band(kJordan);
  EXPECT_NEAR(band.low, .682, 5e-4);
  EXPECT_NEAR(band.high, 1.134, 5e-4);
  EXPECT_NEAR(band.peak, 1.2024, 5e-5);
}

TEST(LimitBand, EnclosesWhatIsObserved) {
  for (const PolynomialCoefficients& phi :
       {kJordan, PolynomialCoefficients{3.6, -4.32, 1.556}, PolynomialCoefficients{2, -1.5, .5},
        PolynomialCoefficients{1.5, -.5, 0}}) {
    const LimitBand band = limit_band(phi), seen = observed(phi);
    EXPECT_LE(band.low, seen.low + 1e-12) << phi.a;
    EXPECT_GE(band.high, seen.high - 1e-12) << phi.a;
    EXPECT_GE(band.peak, seen.peak - 1e-12) << phi.a;
    EXPECT_NEAR(band.peak, std::max(seen.peak, 1.), 1e-4) << phi.a;
  }
}

TEST(LimitBand, OfConvergentAndDivergentOnes) {
  for (const PolynomialCoefficients& phi :
       {PolynomialCoefficients{2, -1.5, .5}, PolynomialCoefficients{1.875, -1.25, .375}}) {
    EXPECT_NEAR(limit_band(phi).low, 1, 1e-12);
    EXPECT_NEAR(limit_band(phi).high, 1, 1e-12);
  }
  EXPECT_TRUE(
      std::isinf(limit_band({8.29, -23.6, 17.3}).high));  // a first step, not to be repeated
}

// For the paper's own band, [.7, 1.3], steeper ones than 3.4445 exist: 3.6686.
TEST(SlopeSearch, PaperBandAllowsASteeperSlope) {
  const SlopeSearch found = search_slope(.7, 1.3);
  EXPECT_NEAR(found.phi.a, 3.6686, 1e-3);
  EXPECT_GE(found.band.low, .7 - 1e-6);
  EXPECT_LE(found.band.high, 1.3 + 1e-6);
  const LimitBand seen = observed(found.phi);
  EXPECT_GE(seen.low, .7 - 1e-6);
  EXPECT_LE(seen.high, 1.3 + 1e-6);
  // ... but they come within a millionth of the point beyond which iterates diverge.
  EXPECT_NEAR(found.band.peak, found.escape, 1e-5);
}

// The printed coefficients are the optimum for the band and the headroom that they have.
TEST(SlopeSearch, FindsTheMuonCoefficientsFromTheirBandAndHeadroom) {
  const LimitBand band = limit_band(kJordan);
  const double escape = named_schedule("jordan").high;
  const SlopeSearch found = search_slope(band.low, band.high, 1 - band.peak / escape);
  EXPECT_NEAR(found.phi.a, kJordan.a, 1e-3);
  EXPECT_NEAR(found.phi.b, kJordan.b, 2e-3);
  EXPECT_NEAR(found.phi.c, kJordan.c, 2e-3);
  EXPECT_GE(found.phi.a, kJordan.a - 1e-4);  // kJordan itself is allowed
}

// Against a plain search over a grid of (slope, p^2/q^2) by iteration, which knows no invariant
// bands.
TEST(SlopeSearch, AgreesWithBruteForce) {
  const double ratio = 1.3 / .7;
  double steepest = 0;
  for (double a = 3.3; a < 3.9; a += .01) {
    for (double rho = .4; rho < .62; rho += .0025) {
      const PolynomialCoefficients psi{a, -(a - 1) * (1 + 1 / rho), (a - 1) / rho};
      double low = 1e9, high = 0;
      for (double start = .02; start < .8 && high < 1; start += .06) {
        double y = start;
        for (int k = 0; k < 400 && y < 1; ++k) {
          y = psi(y);
          if (k >= 300 || y >= 1) low = std::min(low, y), high = std::max(high, y);
        }
      }
      if (high < 1 && high / low <= ratio) steepest = std::max(steepest, a);
    }
  }
  EXPECT_NEAR(search_slope(.7, 1.3).phi.a, steepest, .02);
}

TEST(SlopeSearch, HeadroomAndNarrowBandsCostSlope) {
  const double wide = search_slope(.7, 1.3).phi.a;
  EXPECT_LT(search_slope(.7, 1.3, .05).phi.a, wide - .1);
  EXPECT_LT(search_slope(.9, 1.1).phi.a, wide - .1);
  const SlopeSearch safe = search_slope(.7, 1.3, .05);
  EXPECT_LE(safe.band.peak, .95 * safe.escape + 1e-6);
  EXPECT_GE(safe.band.low, .7 - 1e-6);
}

TEST(SlopeSearch, RefusesWhatIsNoBand) {
  EXPECT_THROW(search_slope(1.1, 1.3), c10::ValueError);
  EXPECT_THROW(search_slope(.7, .9), c10::ValueError);
  EXPECT_THROW(search_slope(0, 1.3), c10::ValueError);
  EXPECT_THROW(search_slope(1, 1), c10::ValueError);
  EXPECT_THROW(search_slope(.7, 1.3, 1), c10::ValueError);
}

}  // namespace
}  // namespace steepest::polar
