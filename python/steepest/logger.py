# SPDX-License-Identifier: Apache-2.0
"""A log of training: JSON lines under the names of the trainer's metrics.jsonl, and TensorBoard."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from torch import Tensor

from steepest import _spectrum

if TYPE_CHECKING:
    from steepest._face import Face

_PARAMETER_NUMBERS = ("update_rms", "dual_norm", "spectral_norm", "polar_residual")


class Logger:
    """Appends one JSON object a line to a file, which ``python -m steepest.plot`` draws.

    The keys are the trainer's: ``step``, ``loss``, ``lr`` (of the first group), ``q`` (Momo's
    factor), ``D`` (the dual norm), ``f_star`` (Momo's bound), ``seconds`` (of all sessions since
    the file began); beside them ``lrs``, the rates of all groups where they differ, ``model_gap``,
    ``skipped``, ``nonfinite``, and ``parameters``, by name, as in ``optimizer.stats()``. NaN and
    infinite numbers are null, as in the trainer's file.

    An existing file is continued; a last line that was cut off is removed. Where a resumed run
    repeats steps, the later lines count.

    Args:
        path: of the file; its folder is made. By custom it ends in ``.jsonl``.
        optimizer: a steepest optimizer for rates and stats, any other for rates; None: neither.
        every: calls of :meth:`log` from one ``stats()`` to the next, which costs about a step;
            0: never.
        of: of ``"gradient"``, ``"momentum"``, ``"weights"``: those whose ``stable_rank``,
            ``entropy_rank`` and ``condition_99`` are told beside ``stats()``, with ``weight_rms``
            and ``gradient_cosine``, as in the trainer's records.jsonl. That takes the singular
            values of each matrix.
        tensorboard: a folder, or a ``SummaryWriter``, which gets the same numbers and is closed
            only where the logger has made it.

    Raises:
        ImportError: ``tensorboard`` is a folder and the package is missing.
        ValueError: ``every`` is below 0, or ``of`` has another name.
        OSError: the file cannot be opened.

    Example:
        >>> optimizer = steepest.Muon(torch.nn.Linear(8, 4), lr=0.02)
        >>> with steepest.Logger("run.jsonl", optimizer, every=10) as log:
        ...     for step in range(1, 4):
        ...         log.log(step, loss=0.5)  # behind optimizer.step()
    """

    # Opens the file to append to it, and makes its folder; the class's docstring has the arguments.
    # A log that is there goes on, without a last line cut off, and "seconds" count on. ValueError
    # for ``every`` below 0 and for what ``of`` may not have.
    def __init__(
        self,
        path: str | os.PathLike[str],
        optimizer: Face | Any = None,
        *,
        every: int = 1,
        of: Sequence[str] = (),
        tensorboard: Any = None,
    ) -> None:
        if every < 0:
            raise ValueError(f"Logger: every: received {every}, allowed a whole number from 0")
        self.path = Path(path)
        self.optimizer = optimizer
        self.every = every
        self._of = _spectrum.check(of)
        self._own_writer = isinstance(tensorboard, (str, os.PathLike))
        self._writer = _summary_writer(tensorboard) if self._own_writer else tensorboard
        self._calls = 0
        self.path.parent.mkdir(parents=True, exist_ok=True)
        before = _repair(self.path)
        self._start = time.monotonic() - before
        self._file = self.path.open("a", encoding="utf-8")

    def log(self, step: int, *, loss: Any = None, **numbers: Any) -> None:
        """Writes one line and flushes it.

        Args:
            step: number of optimizer steps done.
            loss: of this step; a number or a tensor of one element, as all others.
            numbers: more of them, by name: ``val_loss``, ``grad_norm``, ``accuracy``...

        Raises:
            TypeError: a value that is not one number.
            ValueError: the logger is closed, or a name is one of the logger's own.
        """
        if self._file.closed:
            raise ValueError(f"Logger: {self.path} is closed")
        line: dict[str, Any] = {"step": int(step)}
        if loss is not None:
            line["loss"] = _number("loss", loss)
        line |= _rates(self.optimizer)
        if self._stats_are_due():
            line |= _stats(self.optimizer, self._of)
        for name, value in numbers.items():
            if name in line:
                raise ValueError(f"Logger: {name}: received twice, allowed a name of your own")
            line[name] = _number(name, value)
        line.setdefault("seconds", round(time.monotonic() - self._start, 6))
        self._calls += 1
        self._file.write(json.dumps(line, allow_nan=False) + "\n")
        self._file.flush()
        if self._writer is not None:
            _to_tensorboard(self._writer, line)

    def _stats_are_due(self) -> bool:
        """Whether this line has the numbers of ``optimizer.stats()``: every so many calls."""
        measurable = hasattr(self.optimizer, "stats")
        return measurable and self.every > 0 and self._calls % self.every == 0

    def close(self) -> None:
        """Closes the file, and the writer that the logger has made; further calls do nothing."""
        self._file.close()
        if self._own_writer and self._writer is not None:
            self._writer.close()
            self._writer = None

    # For "with Logger(..) as log": the file is open already.
    def __enter__(self) -> Logger:
        return self

    # Closes the log at the end of the with block; an error from the block goes on.
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _summary_writer(folder: Any) -> Any:
    """Makes a SummaryWriter of TensorBoard's for a folder; ImportError without that package."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ImportError(
            "Logger: tensorboard= needs the package tensorboard: pip install tensorboard"
        ) from error
    return SummaryWriter(os.fspath(folder))


def _repair(path: Path) -> float:
    """Makes a log that a killed process left fit to be continued: a last line cut off is removed.

    Returns the "seconds" of the last whole line, from which the new session counts on; 0 where
    there is no such line.
    """
    if not path.exists():
        return 0.0
    data = path.read_bytes()
    end = data.rfind(b"\n") + 1
    if end < len(data):
        os.truncate(path, end)
    try:
        last = json.loads(data[:end].splitlines()[-1])
        return float(last["seconds"])
    except (IndexError, KeyError, TypeError, ValueError):
        return 0.0


def _number(name: str, value: Any) -> float | int | None:
    """A value of the log as JSON has it: a number, or None where it is NaN or infinite.

    Raises TypeError, which names it, where it is not one number.
    """
    if isinstance(value, int):
        return value
    try:
        number = float(value.detach() if isinstance(value, Tensor) else value)
    except (TypeError, ValueError, RuntimeError):
        what = f"shape {tuple(value.shape)}" if hasattr(value, "shape") else repr(value)
        raise TypeError(f"Logger: {name}: received {what}, allowed one number") from None
    return number if math.isfinite(number) else None


def _rates(optimizer: Any) -> dict[str, Any]:
    """The learning rates of a log line: ``lr``, the first group's, and ``lrs`` where they differ.

    ``lrs`` has one of each group, in order; a group with matrices and other parameters has two, the
    matrices' first. {} without an optimizer; one of torch.optim will do.
    """
    if optimizer is None:
        return {}
    groups = optimizer.param_groups
    rates = [float(group["lr"]) for group in groups]
    first = rates[0]
    if hasattr(optimizer, "_plan"):
        plan = optimizer._plan()
        lr = optimizer._rates(plan).lr
        order = lambda side: (side[0][0], side[0][1] != "matrix")
        rates = [rate for _, rate in sorted(zip(plan.sides, lr), key=order)]
    return {"lr": first} | ({"lrs": rates} if len(set(rates)) > 1 else {})


def _stats(optimizer: Any, of: Sequence[str]) -> dict[str, Any]:
    """What a line has of ``optimizer.stats()``: the step's numbers and, by name, the parameters'.

    Numbers that the recipe does not have are left out. ``of`` says which matrices are told of, too.
    """
    stats = optimizer.stats()
    line = {key: _number(key, v) for key, v in stats["step"].items() if v is not None}
    parameters: dict[str, dict[str, Any]] = {
        name: {key: _number(key, row[key]) for key in _PARAMETER_NUMBERS if row[key] is not None}
        for name, row in stats["parameters"].items()
    }
    if of:
        for name, row in _spectrum.rows(optimizer, of).items():
            parameters[name] |= row
    return {**line, "parameters": parameters}


def _flat(row: dict[str, Any]) -> dict[str, float]:
    """A parameter's numbers under one name each, "momentum/stable_rank"; None is left out."""
    flat: dict[str, Any] = {}
    for key, entry in row.items():
        inner = entry if isinstance(entry, dict) else {"": entry}
        flat |= {f"{key}/{name}".rstrip("/"): number for name, number in inner.items()}
    return {key: number for key, number in flat.items() if number is not None}


def _to_tensorboard(writer: Any, line: dict[str, Any]) -> None:
    """Gives a SummaryWriter every number of a line of the log, under its step."""
    step = line["step"]
    for key, value in line.items():
        if key == "lrs":
            for index, rate in enumerate(value):
                writer.add_scalar(f"lr/{index}", rate, step)
        elif key == "parameters":
            for name, row in value.items():
                for number, entry in _flat(row).items():
                    writer.add_scalar(f"{number}/{name}", entry, step)
        elif key != "step" and value is not None:
            writer.add_scalar(key, value, step)
