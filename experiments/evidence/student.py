# SPDX-License-Identifier: Apache-2.0
"""Student's t from the incomplete beta function of mpmath, which comes with torch (by sympy)."""

from __future__ import annotations

import math
from functools import cache

import mpmath


def two_sided(t: float, freedom: int) -> float:
    """The probability that |T| is above |t|, with so many degrees of freedom: I_x(n/2, 1/2) at
    x = n / (n + t^2). 0 where t is infinite, 1 where it is no number (0 / 0)."""
    if math.isnan(t):
        return 1.0
    if math.isinf(t):
        return 0.0
    x = freedom / (freedom + t * t)
    return float(mpmath.betainc(freedom / 2, 0.5, 0, x, regularized=True))


@cache
def quantile(level: float, freedom: int) -> float:
    """The t above 0 with P(|T| < t) = level, by bisection to the last bits of a double."""
    low, high = 0.0, 1.0
    while 1 - two_sided(high, freedom) < level:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        if 1 - two_sided(middle, freedom) < level:
            low = middle
        else:
            high = middle
    return (low + high) / 2
