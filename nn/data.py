"""Data as users have it (lists, tuples, NumPy arrays, pandas frames) read into rows of floats, and divided.

Everything is checked here, once, before any training: an error names the row and the column. No library is
imported for it: an array is what has ``tolist``, a frame what has ``to_numpy``.
"""

# ruff: noqa: N803 (X is the field's name)
from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from autodiff import Value
from nn.checks import as_random, integer, number

Target = float | list[float]
_TEXT = str | bytes | bytearray  # float() reads them, and bytes are sequences of integers


def plain(table: Any) -> Any:
    """Arrays, frames and series as nested lists; everything else as it is."""
    if hasattr(table, "to_numpy"):
        table = table.to_numpy()
    return table.tolist() if hasattr(table, "tolist") else table


def as_rows(X: Any, name: str = "X", features: int | None = None) -> list[list[float]]:
    """A table of numbers as a list of rows of floats, all of one width (``features``, where given).

    A row may be a single number when there is one feature. Raises TypeError for what is no table or no number,
    ValueError for an empty table, a row of another width, nan and ±inf, each naming the row and the column.

    >>> as_rows([(1, 2), (3, 4)])
    [[1.0, 2.0], [3.0, 4.0]]
    >>> as_rows([[1.0], [float("nan")]])
    Traceback (most recent call last):
        ...
    ValueError: X[1][0] is nan (row 1, column 0): only finite numbers are accepted
    """
    rows = [_row(row, f"{name}[{i}]", i) for i, row in enumerate(_entries(X, name))]
    width = len(rows[0]) if features is None else features
    for i, row in enumerate(rows):
        if len(row) != width:
            expected = f"X[0] has {width}" if features is None else f"the model takes {width}"
            raise ValueError(f"{name}[{i}] has {len(row)} features (row {i}), {expected.replace('X', name)}")
    return rows


def as_targets(y: Any, name: str = "y") -> list[Target]:
    """Targets, one for each example: numbers (a column counts as such), or rows of one width. Raises as `as_rows`.

    >>> as_targets([0, 1]), as_targets([(1, 0), (0, 1)])
    ([0.0, 1.0], [[1.0, 0.0], [0.0, 1.0]])
    """
    entries = [plain(entry) for entry in _entries(y, name)]
    if any(isinstance(entry, list | tuple) for entry in entries):
        rows = as_rows(entries, name)
        return [row[0] if len(row) == 1 else row for row in rows]
    return [_finite(entry, f"{name}[{i}]", f"row {i}") for i, entry in enumerate(entries)]


def as_examples(X: Any, y: Any, features: int | None, where: str = "") -> tuple[list[list[float]], list[Target]]:
    """X and y of one length, checked; ``where`` ("validation ") goes before their names in messages."""
    rows, targets = as_rows(X, f"{where}X", features), as_targets(y, f"{where}y")
    if len(rows) != len(targets):
        raise ValueError(f"{where}X has {len(rows)} rows and {where}y has {len(targets)}: give one target for each row")
    return rows, targets


def as_inputs(x: Any, name: str, expected: int | None) -> list[Any]:
    """One example for a model: a list of Values and numbers. A number or a Value alone is one input."""
    if isinstance(x, _TEXT | dict):
        raise TypeError(f"{name} takes one example, a sequence of numbers, not {type(x).__name__} {x!r}")
    x = plain(x)
    inputs = [x] if isinstance(x, Value) or not hasattr(x, "__iter__") else list(x)
    if expected is not None and len(inputs) != expected:
        raise ValueError(f"{name} takes {expected} inputs, and was given {len(inputs)}")
    return inputs


def minibatches(
    count: int, batch_size: int | None = None, rng: int | random.Random | None = None
) -> Iterator[list[int]]:
    """The indices 0 … count−1 in batches of ``batch_size``, in a random order; the last batch may be shorter.

    Without ``batch_size`` one batch of everything, in order (its gradient does not depend on the order).
    Raises ValueError for a batch size below 1 or above ``count``, or where randomness is needed without rng.

    >>> list(minibatches(5, 2, rng=0))
    [[2, 1], [0, 4], [3]]
    """
    size = check_batch_size(batch_size, count)
    order = list(range(count))
    if size < count:
        as_random(rng, "shuffling into batches").shuffle(order)
    return (order[start : start + size] for start in range(0, count, size))


def check_batch_size(batch_size: int | None, count: int) -> int:
    """The batch size as an int, ``count`` for None."""
    if batch_size is None:
        return count
    if integer("batch_size", batch_size) > count:
        raise ValueError(f"batch_size is {batch_size}, and there are {count} examples: give at most {count}")
    return int(batch_size)


def split(
    X: Any, y: Any, fraction: float = 0.2, *, rng: int | random.Random
) -> tuple[list[list[float]], list[Target], list[list[float]], list[Target]]:
    """Training and validation data (X, y, Xv, yv), ``fraction`` of the examples being held out at random.

    Raises ValueError where one of the two would be empty.

    >>> X, y, Xv, yv = split([[1], [2], [3], [4]], [0, 0, 1, 1], 0.25, rng=0)
    >>> len(X), len(Xv)
    (3, 1)
    """
    rows, targets = as_examples(X, y, None)
    held_out = round(number("fraction", fraction, below=1.0) * len(rows))
    if not 0 < held_out < len(rows):
        raise ValueError(f"fraction={fraction} of {len(rows)} examples holds out {held_out}: neither part may be empty")
    order = list(range(len(rows)))
    as_random(rng, "split").shuffle(order)
    kept, held = sorted(order[held_out:]), sorted(order[:held_out])
    return [rows[i] for i in kept], [targets[i] for i in kept], [rows[i] for i in held], [targets[i] for i in held]


def _entries(table: Any, name: str) -> Sequence[Any]:
    table = plain(table)
    if isinstance(table, _TEXT | dict | Value) or not hasattr(table, "__iter__"):
        raise TypeError(f"{name} must be a sequence with an entry for each example, not {type(table).__name__}")
    entries = list(table)
    if not entries:
        raise ValueError(f"{name} is empty: give at least one example")
    return entries


def _row(row: Any, where: str, i: int) -> list[float]:
    row = plain(row)
    if not isinstance(row, list | tuple):
        return [_finite(row, where, f"row {i}")]
    if set(map(type, row)) == {float} and all(map(math.isfinite, row)):
        return list(row)
    return [_finite(x, f"{where}[{j}]", f"row {i}, column {j}") for j, x in enumerate(row)]


def _finite(x: Any, where: str, place: str) -> float:
    try:
        if isinstance(x, _TEXT):
            raise TypeError
        number = float(x)
    except (TypeError, ValueError):
        raise TypeError(f"{where} is {type(x).__name__} {x!r:.60} ({place}): only numbers are accepted") from None
    except OverflowError:
        raise ValueError(f"{where} is too large for a float ({place}): only finite numbers are accepted") from None
    if not math.isfinite(number):
        raise ValueError(f"{where} is {number} ({place}): only finite numbers are accepted")
    return number


def as_floats(prediction: Any) -> Target:
    """A model's output, a Value or a list of them, as a float or a list of floats."""
    return [float(p) for p in prediction] if isinstance(prediction, list) else float(prediction)


def flat(entries: Sequence[Target]) -> list[float]:
    """All the numbers in order, rows after one another."""
    return list(chain.from_iterable(entry if isinstance(entry, list) else [entry] for entry in entries))
