# SPDX-License-Identifier: Apache-2.0
"""What tables of runs say about claims: statistics, contrasts and verdicts, by ../PROTOCOL.md."""
