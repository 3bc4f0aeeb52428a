"""Arguments with structure: nested lists, tuples, dicts and NumPy arrays of numbers, taken apart and put back.

Nothing here recurses: an argument may be nested as deeply as memory allows.
"""

# What isinstance makes of Any (a list of what?) is partially unknown; the elements are checked one by one.
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownLambdaType=false
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any, NamedTuple

from autodiff.engine import Value
from autodiff.floats import as_number, shorten

_Path = tuple[Any, Any] | None  # of a part: that of the whole it is in, and its index or key


class _Kind(NamedTuple):
    """A part of a structure: how many parts it has, how it is made of them, what it is called."""

    name: str
    parts: int
    make: Callable[[list[Any]], Any]
    keys: tuple[Any, ...] = ()  # of a dict
    shape: tuple[int, ...] = ()  # of an array
    of_numbers: bool = False  # are all its parts numbers? Then they are taken at once,
    of_floats: bool = False  # and at little cost where they are Python's floats


_NUMBER = _Kind("one number", 1, lambda parts: parts[0], of_numbers=True)
_FLOATS = {float}
_NUMBERS = {float, Value}


class Structure:
    """How numbers lie in lists, tuples, dicts and arrays: its parts, each before its own."""

    def __init__(self, kinds: Sequence[_Kind]) -> None:
        self._kinds = kinds
        self.of_floats = all([kind.of_floats or not kind.of_numbers for kind in kinds])

    def rebuild(self, flat: Sequence[Any]) -> Any:
        """``flat``, one thing for each number, in its places."""
        made: list[Any] = []
        left = len(flat)
        for kind in reversed(self._kinds):
            if kind.of_numbers:
                left -= kind.parts
                made.append(kind.make(list(flat[left : left + kind.parts])))
            else:
                parts = made[len(made) - kind.parts :][::-1]
                del made[len(made) - kind.parts :]
                made.append(kind.make(parts))
        return made[0]

    def match(self, tree: Any, where: str, like: str) -> list[Any]:
        """The numbers of ``tree`` in this structure's order: a dict's by their keys.

        Raises ValueError that names the place in ``where`` (what ``tree`` is) that is not as in ``like`` (what the
        structure is of); TypeError for what is no number. A list may stand for a tuple.
        """
        flat: list[Any] = []
        stack: list[tuple[Any, _Path]] = [(tree, None)]
        for expected in self._kinds:
            part, path = stack.pop()
            found = _kind_of(part)
            if found.name != expected.name or found.parts != expected.parts or set(found.keys) != set(expected.keys):
                raise _mismatch(where, path, _told(expected), like, _told(found))
            if found.shape != expected.shape:
                shapes = (f"an array of shape {kind.shape}" for kind in (expected, found))
                raise _mismatch(where, path, next(shapes), like, next(shapes))
            if expected.of_numbers and not found.of_numbers:
                i = next(i for i, x in enumerate(part) if _kind_of(x) is not _NUMBER)
                raise _mismatch(where, (path, i), _told(_NUMBER), like, _told(_kind_of(part[i])))
            _take(part, path, expected, flat, stack, where)
        return flat


def flatten(tree: Any, where: str) -> tuple[list[Any], Structure]:
    """The numbers and Values in ``tree`` in order, and the structure they lie in.

    ``where`` names the argument in the TypeError for anything that is not a number, a Value, or a list,
    tuple, dict or NumPy array of such.
    """
    flat: list[Any] = []
    kinds: list[_Kind] = []
    stack: list[tuple[Any, _Path]] = [(tree, None)]
    while stack:
        part, path = stack.pop()
        kind = _kind_of(part)
        kinds.append(kind)
        _take(part, path, kind, flat, stack, where)
    return flat, Structure(kinds)


def _take(part: Any, path: _Path, kind: _Kind, flat: list[Any], stack: list[tuple[Any, _Path]], where: str) -> None:
    """Numbers into ``flat``; the parts of anything else onto the ``stack``, in the order of ``kind``."""
    if not kind.of_numbers:
        stack.extend([(part[key], (path, key)) for key in reversed(kind.keys or range(kind.parts))])
        return
    numbers = [part] if kind is _NUMBER else part.ravel().tolist() if kind.shape else part
    if kind.of_floats and isfinite(sum(numbers)):  # or it is seen below that only the sum is infinite
        flat.extend(numbers)
        return
    for i, x in enumerate(numbers):
        if (type(x) is float and isfinite(x)) or isinstance(x, Value):
            flat.append(x)
        else:
            place = "" if kind is _NUMBER else f".flat[{i}]" if kind.shape else f"[{i}]"
            flat.append(as_number(x, _written(where, path) + place))


def _kind_of(part: Any) -> _Kind:
    if type(part) is float or isinstance(part, Value):
        return _NUMBER
    if isinstance(part, list | tuple):
        make = (lambda parts: type(part)(*parts)) if hasattr(part, "_fields") else type(part)
        types = set(map(type, part))
        return _Kind("a sequence", len(part), make, (), (), types <= _NUMBERS, types == _FLOATS)
    if isinstance(part, dict):
        keys = tuple(part)
        return _Kind("a dict", len(keys), lambda parts: dict(zip(keys, parts, strict=True)), keys)
    if getattr(part, "ndim", 0):
        make = functools.partial(_array, part.shape)
        return _Kind("an array", part.size, make, (), part.shape, True, part.dtype.kind == "f")
    return _NUMBER


def _mismatch(where: str, path: _Path, wanted: str, like: str, given: str) -> ValueError:
    return ValueError(f"{_written(where, path)} must be {wanted}, as in {like}, not {given}")


def _told(kind: _Kind) -> str:
    if kind is _NUMBER:
        return kind.name
    if kind.keys:
        return f"{kind.name} of the keys {shorten(list(kind.keys))}"
    return f"{kind.name} of {kind.parts} part{'' if kind.parts == 1 else 's'}"


def _written(where: str, path: _Path) -> str:
    """A place as it is written in Python: x[0]['w']."""
    keys: list[str] = []
    while path is not None:
        path, key = path
        keys.append(f"[{key!r}]")
    if len(keys) > 6:
        keys = [*keys[:3], "…", *keys[-3:]]
    return where + "".join(reversed(keys))


def _array(shape: tuple[int, ...], flat: list[Any]) -> Any:
    import numpy as np

    if flat and all(isinstance(x, np.ndarray) for x in flat):  # as in a jacobian: an array in each place
        return np.stack(flat).reshape(shape + flat[0].shape)
    array = np.empty(len(flat), dtype=float if all(isinstance(x, float) for x in flat) else object)
    for i, x in enumerate(flat):
        array[i] = x
    return array.reshape(shape)
