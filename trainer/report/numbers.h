// SPDX-License-Identifier: Apache-2.0
// Numbers as the report shows them.
#pragma once

#include <string>

namespace steepest::trainer {

// Returns how many decimals an interval's half width deserves, so that one of the last is at most a
// fifth of it: 3 for .021 and .009, 2 for .31; from 0 to 6, and 3 where the width is not known.
int decimals_for(double half_width);

// Returns how many decimals a number deserves whose interval is not known: 3 where it is below 10,
// fewer where it is greater, none from 1000 on.
int decimals_of(double number);

// Returns the number with so many decimals and the minus sign of print, "−0.297"; with `plus`, one
// above 0 has its sign, too. "∞" and "−∞" for the infinities, "–" for NaN.
std::string decimal_text(double number, int decimals, bool plus = false);

// Returns the number with at most four digits that count, "0.0003", "1e+04"; else as above.
std::string short_text(double number);

}  // namespace steepest::trainer
