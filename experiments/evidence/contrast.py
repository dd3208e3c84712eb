# SPDX-License-Identifier: Apache-2.0
"""Contrasts: small formulas over the arms of a sweep.

reg - con                       means over the rows of an arm, differences
reg[l2] - reg[max|hybrid]       of the rows that have these values: "," is and, "|" is or
(reg - flat) / (reg - con)      a ratio
mean(a, b), range(a, b)         over all rows of the arms
excess(a, b), least(x, y)       over curves of rates; the least of numbers
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import fmean

from evidence.tables import Place, Row

WORD = re.compile(r"\s*([A-Za-z][\w-]*(?:\[[^\]]*\])?|[-/(),])")
Losses = Mapping[Place, float]
Excess = Callable[[list[Place], Losses], float]


@dataclass
class Formula:
    """A formula as a tree: an arm's places, or an operation on others."""

    kind: str  # "rows", "-", "/", "mean", "range", "excess", "least"
    parts: list[Formula] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)

    def all_places(self) -> list[Place]:
        """Every row that it reads, each once."""
        found = list(self.places)
        for part in self.parts:
            found += part.all_places()
        return list(dict.fromkeys(found))

    def value(self, losses: Losses, excess: Excess | None = None) -> float:
        """What it comes to with these losses of rows."""
        if self.kind == "rows":
            return fmean(losses[place] for place in self.places)
        if self.kind in ("mean", "range"):
            numbers = [losses[place] for place in self.all_places()]
            return fmean(numbers) if self.kind == "mean" else max(numbers) - min(numbers)
        if self.kind == "excess":
            if excess is None:
                raise ValueError("excess: received no window of rates, allowed `robustness`")
            return fmean(excess(part.places, losses) for part in self.parts)
        numbers = [part.value(losses, excess) for part in self.parts]
        if self.kind == "least":
            return min(numbers)
        first, second = numbers
        return first - second if self.kind == "-" else first / second


def text_of(value: object) -> str:
    """A row's value as a formula names it."""
    return str(value)


def selected(rows: list[Row], words: str) -> list[Row]:
    """The rows that have one of the words between "|" for each part between ","; a comma within
    parentheses belongs to its word."""
    parts = re.split(r",(?![^(]*\))", words)
    return [
        row
        for row in rows
        if all(any(text_of(value) in part.split("|") for _, value in row) for part in parts if part)
    ]


class Parser:
    """Reads one formula; the arms are those of a sweep."""

    def __init__(self, text: str, rows: dict[str, list[Row]]) -> None:
        self.text, self.rows, self.place = text, rows, 0

    def refuse(self, received: str) -> ValueError:
        """The error of a formula that is none."""
        return ValueError(f"contrast {self.text!r}: received {received}, allowed arms of the sweep")

    def peek(self) -> str:
        """The next word, or "" at the end."""
        found = WORD.match(self.text, self.place)
        if found is None and self.text[self.place :].strip():
            raise self.refuse(repr(self.text[self.place :]))
        return found[1] if found else ""

    def take(self, *allowed: str) -> str:
        """Takes the next word, which must be among those allowed, if any are said."""
        word = self.peek()
        if not word or (allowed and word not in allowed):
            raise self.refuse(repr(word))
        self.place = WORD.match(self.text, self.place).end()  # type: ignore[union-attr]
        return word

    def formula(self) -> Formula:
        """The whole text as one formula."""
        tree = self.difference()
        if self.peek():
            raise self.refuse(repr(self.peek()))
        return tree

    def difference(self) -> Formula:
        """Terms with "-" or "/" between them, from the left."""
        tree = self.term()
        while self.peek() in ("-", "/"):
            tree = Formula(self.take(), [tree, self.term()])
        return tree

    def term(self) -> Formula:
        """An arm, a function of a list, or a formula in parentheses."""
        word = self.take()
        if word == "(":
            tree = self.difference()
            self.take(")")
            return tree
        if word in ("mean", "range", "excess", "least") and self.peek() == "(":
            self.take("(")
            parts = [self.difference()]
            while self.take(",", ")") == ",":
                parts.append(self.difference())
            return Formula(word, parts)
        name, _, words = word.partition("[")
        rows = selected(self.rows.get(name, []), words.removesuffix("]"))
        if not rows:
            raise self.refuse(repr(word))
        return Formula("rows", places=[(name, row) for row in rows])


def parse(text: str, rows: dict[str, list[Row]]) -> Formula:
    """The formula of a text; ValueError, with the text and the word, where it is none."""
    return Parser(text, rows).formula()
