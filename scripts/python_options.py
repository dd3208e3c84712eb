#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints python/steepest/_typing.py from the engine's table of options; a test compares.

    STEEPEST_LIBRARY=build/lib/libsteepest.so PYTHONPATH=python \
        python scripts/python_options.py > python/steepest/_typing.py
"""

from steepest import _table

HEAD = '''\
# SPDX-License-Identifier: Apache-2.0
"""The optimizers' keyword options, for type checkers; scripts/python_options.py writes them."""

from __future__ import annotations

from typing import Any

import torch
from typing_extensions import TypedDict


class Common(TypedDict, total=False):
    """What every named optimizer accepts by keyword; see :class:`steepest.SteepestDescent`."""

'''
OPTIONS = '''

class Options(Common, total=False):
    """And what those accept that keep none of it under torch's names and places."""

'''
# What torch's classes have at places of their own.
TORCHS = ("radius", "momentum", "nesterov", "dampening", "eps")
TORCHS += ("weight_decay", "backup_weight_decay", "polar")


def main() -> None:
    """Prints the module _typing.py: Common, a TypedDict of the options that all classes take.

    And Options, which adds those that the classes with torch's signatures do not take.
    """
    lines = {name: f"    {name}: {_table.annotation(name)}\n" for name in _table.signature()}
    common = [line for name, line in lines.items() if name not in TORCHS]
    elsewhere = [line for name, line in lines.items() if name in TORCHS]
    print(HEAD + "".join(common) + OPTIONS + "".join(elsewhere), end="")


if __name__ == "__main__":
    main()
