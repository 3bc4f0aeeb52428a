"""Data as users have it (lists, tuples, NumPy arrays, pandas frames): checked once, before anything is done with it.

An array is checked as a whole and stays the array that it is; lists are read row by row. An error names the row and
the column. No library is imported for it: NumPy is asked only where an array of its own was given, and a frame is
what has ``to_numpy``. How examples are divided is `sampling`'s.
"""

# ruff: noqa: N803 (X is the field's name)
from __future__ import annotations

import math
import numbers
import sys
from array import array
from collections.abc import Sequence
from itertools import chain
from typing import Any, overload

from autodiff import Value
from nn.checks import kind, nonnegative, shown

Target = float | list[float]
_TEXT = str | bytes | bytearray  # float() reads them, and bytes are sequences of integers


class Rows(Sequence[list[float]]):
    """A checked table: finite floats in rows of one width. ``rows[i]`` is a list of its own, whatever the table is.

    ``table`` is a list of such lists, or the NumPy array of float64 that was given; ``width`` the length of a row.
    """

    def __init__(self, table: Any, width: int) -> None:
        self.table, self.width = table, width
        self._is_list = isinstance(table, list)

    @overload
    def __getitem__(self, i: int) -> list[float]: ...

    @overload
    def __getitem__(self, i: slice) -> Rows: ...

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return Rows(self.table[i], self.width)
        return list(self.table[i]) if self._is_list else self.table[i].tolist()

    def __len__(self) -> int:
        return len(self.table)

    def tolist(self) -> list[list[float]]:
        return self.table if self._is_list else self.table.tolist()


def plain(table: Any) -> Any:
    """Arrays, frames and series as nested lists; everything else as it is."""
    if hasattr(table, "to_numpy"):
        table = table.to_numpy()
    return table.tolist() if hasattr(table, "tolist") else table


def as_rows(X: Any, name: str = "X", features: int | None = None) -> Rows:
    """A table of numbers, every row of one width (``features``, where given).

    A row may be a single number when there is one feature. Raises TypeError for what is no table or no number,
    ValueError for an empty table, a row of another width, nan and ±inf, each naming the row and the column.

    >>> as_rows([(1, 2), (3, 4)]).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    >>> as_rows([[1.0], [float("nan")]])
    Traceback (most recent call last):
        ...
    ValueError: X[1][0] is nan (row 1, column 0): only finite numbers are accepted
    """
    if isinstance(X, Rows):  # checked before
        _require_width(X, name, features)
        return X
    if hasattr(X, "toarray"):
        raise TypeError(f"{name} is a sparse {type(X).__name__}: write {name}.toarray()")
    table = X.to_numpy() if hasattr(X, "to_numpy") else X
    columns = list(getattr(X, "columns", ()))
    is_array = _is_numeric_array(table)
    entries = table if is_array else _entries(table, name)
    if features not in (None, 1) and len(entries) and isinstance(entries[0], numbers.Real):
        raise ValueError(
            f"{name} holds a row for each example, and {name}[0] is a number where the model takes {features}: "
            f"for one example write [[…]], with {features} numbers in the inner brackets"
        )
    if is_array:
        rows = _array_rows(table, name, columns)
    else:
        table = [_row(row, f"{name}[{i}]", i, columns) for i, row in enumerate(entries)]
        rows = Rows(table, len(table[0]))
    _require_width(rows, name, features)
    return rows


def _is_numeric_array(table: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(table, numpy.ndarray) and table.ndim > 0 and table.dtype.kind in "biuf"


def _array_rows(table: Any, name: str, columns: Sequence[Any] = ()) -> Rows:
    import numpy as np

    if table.ndim > 2:
        raise TypeError(f"{name} has {table.ndim} dimensions: give a table, one row of numbers for each example")
    if not table.size:
        raise ValueError(f"{name} is empty: give at least one example, with at least one number")
    rows = np.asarray(table, dtype=float)
    finite = np.isfinite(rows)
    if not finite.all():
        at = tuple(np.argwhere(~finite)[0])
        place = f"row {at[0]}" + (f", {_column(at[1], columns)}" if len(at) == 2 else "")
        _finite(rows[at], f"{name}{''.join(f'[{i}]' for i in at)}", place)
    rows = rows if rows.ndim == 2 else rows[:, None]
    return Rows(rows, rows.shape[1])


def _require_width(rows: Rows, name: str, features: int | None) -> None:
    width = rows.width if features is None else features
    wrong = 0 if rows.width != width else None  # of an array all rows have the same
    if isinstance(rows.table, list):
        wrong = next((i for i, row in enumerate(rows.table) if len(row) != width), None)
    if wrong is not None:
        expected = f"{name}[0] has {width}" if features is None else f"the model takes {width}"
        has = f"{len(rows[wrong])} feature{'' if len(rows[wrong]) == 1 else 's'}"
        raise ValueError(f"{name}[{wrong}] has {has} (row {wrong}), {expected}")


def as_targets(y: Any, name: str = "y") -> list[Target]:
    """Targets, one for each example: numbers (a column counts as such), or rows of one width. Raises as `as_rows`.

    >>> as_targets([0, 1]), as_targets([(1, 0), (0, 1)])
    ([0.0, 1.0], [[1.0, 0.0], [0.0, 1.0]])
    """
    table = y.to_numpy() if hasattr(y, "to_numpy") else y
    if _is_numeric_array(table):
        rows = _array_rows(table, name)
        return rows.table[:, 0].tolist() if rows.width == 1 else list(rows.tolist())
    entries = [plain(entry) for entry in _entries(table, name)]
    if any(isinstance(entry, list | tuple) for entry in entries):
        rows = as_rows(entries, name)
        return [row[0] for row in rows] if rows.width == 1 else list(rows.tolist())
    for i, entry in enumerate(entries):
        if isinstance(entry, str) and not _reads_as_number(entry):
            raise TypeError(f"{name}[{i}] is str {shown(entry)} (row {i}): number the classes, 0, 1, 2, …")
    return [_finite(entry, f"{name}[{i}]", f"row {i}") for i, entry in enumerate(entries)]


def _reads_as_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def as_weights(given: Any, count: int) -> list[float]:
    """What each of ``count`` examples counts; 1 for each where None is given. Raises ValueError for a negative one."""
    if given is None:
        return [1.0] * count
    weights = as_targets(given, "sample_weight")
    if len(weights) != count:
        raise ValueError(f"sample_weight has {len(weights)} numbers, and X has {count} rows: give one for each")
    return [nonnegative(f"sample_weight[{i}]", weight) for i, weight in enumerate(weights)]


def as_examples(X: Any, y: Any, features: int | None, where: str = "") -> tuple[list[list[float]], list[Target]]:
    """X and y as lists of one length, checked; ``where`` ("validation ") goes before their names in messages."""
    rows, targets = as_rows(X, f"{where}X", features), as_targets(y, f"{where}y")
    require_one_each(rows, targets, where)
    return rows.tolist(), targets


def require_one_each(rows: Sequence[Any], targets: Sequence[Any], where: str = "") -> None:
    """ValueError where there is not one target for each row."""
    if len(rows) != len(targets):
        raise ValueError(f"{where}X has {len(rows)} rows and {where}y has {len(targets)}: give one target for each row")


def as_inputs(x: Any, name: str, expected: int | None) -> list[Any]:
    """One example for a model: a list of Values and numbers. A number or a Value alone is one input."""
    if isinstance(x, _TEXT | dict):
        raise TypeError(f"{name} takes one example, a sequence of numbers, not {kind(x)}")
    x = plain(x)
    inputs = list(x) if hasattr(x, "__iter__") else [x]
    if any(isinstance(entry, list | tuple) for entry in inputs):
        raise ValueError(f"{name} takes one example, and was given rows: predict(X) takes rows")
    if expected is not None and len(inputs) != expected:
        raise ValueError(f"{name} takes {expected} inputs, and was given {len(inputs)}")
    for i, entry in enumerate(inputs):
        if not isinstance(entry, Value):
            inputs[i] = _finite(plain(entry), f"input {i} of {name}", "one example")
    return inputs


def _entries(table: Any, name: str) -> Sequence[Any]:
    table = plain(table)
    if isinstance(table, _TEXT | dict) or not hasattr(table, "__iter__"):
        raise TypeError(f"{name} must be a sequence with an entry for each example, not {kind(table)}")
    entries = list(table)
    if not entries:
        raise ValueError(f"{name} is empty: give at least one example")
    return entries


def _column(j: int, columns: Sequence[Any]) -> str:
    return f"column {j}" + (f", {shown(columns[j])}" if columns and isinstance(columns[j], str) else "")


def _row(row: Any, where: str, i: int, columns: Sequence[Any]) -> list[float]:
    row = plain(row)
    if not isinstance(row, list | tuple):
        return [_finite(row, where, f"row {i}")]
    if not row:
        raise ValueError(f"{where} is empty (row {i}): give at least one number for each example")
    if set(map(type, row)) == {float} and math.isfinite(sum(row)):
        return row if isinstance(row, list) else list(row)
    try:
        floats = array("d", row).tolist()  # every number at once; texts, None and what is no number are refused
    except (TypeError, ValueError, OverflowError):
        floats = [math.nan]
    if math.isfinite(sum(floats)):
        return floats
    return [_finite(x, f"{where}[{j}]", f"row {i}, {_column(j, columns)}") for j, x in enumerate(row)]


def _finite(x: Any, where: str, place: str) -> float:
    try:
        if isinstance(x, _TEXT):
            raise TypeError
        read = float(x)
    except (TypeError, ValueError):
        raise TypeError(f"{where} is {kind(x)} ({place}): only numbers are accepted") from None
    except OverflowError:
        raise ValueError(f"{where} is too large for a float ({place}): only finite numbers are accepted") from None
    if not math.isfinite(read):
        raise ValueError(f"{where} is {read} ({place}): only finite numbers are accepted")
    return read


def flat(entries: Sequence[Target]) -> list[float]:
    """All the numbers in order, rows after one another."""
    return list(chain.from_iterable(entry if isinstance(entry, list) else [entry] for entry in entries))
