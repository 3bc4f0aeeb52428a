"""What shapes the graph that a model builds, as something that can be compared: has anything changed since?

Of everything reached from a module: its class and public attributes. A Value counts by identity, for its number may
change and the graph stays; a function, a random generator and any other thing that cannot be looked into, too.
"""

from __future__ import annotations

import functools
import random
from types import FunctionType, MethodType, ModuleType
from typing import Any

from autodiff import Value

_PLAIN = frozenset({int, float, bool, str, bytes, complex, type(None)})
_CLOSED = (type, FunctionType, MethodType, ModuleType, random.Random)


class _Same:
    """Equal to nothing but another of the same thing, which it keeps alive, so that no other takes its identity."""

    __slots__ = ("held",)
    __hash__ = object.__hash__

    def __init__(self, held: Any) -> None:
        self.held = held

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.held is self.held


def fingerprint(thing: Any) -> Any:
    """Nested tuples that are equal as long as nothing changed. Whoever keeps them keeps the Values as well.

    >>> from nn import MLP
    >>> model = MLP(1, [1], rng=0)
    >>> before = fingerprint(model)
    >>> model.layers[0].neurons[0].bias.data = 5.0
    >>> fingerprint(model) == before
    True
    >>> model.layers[0].neurons[0].activation = "relu"
    >>> fingerprint(model) == before
    False
    """
    return _of(thing, {})


def _of(x: Any, seen: dict[int, int]) -> Any:
    kind = type(x)
    if kind in _PLAIN:
        return x
    if kind is Value:
        return id(x)
    if kind is list or kind is tuple:
        kinds = set(map(type, x))
        if kinds == {Value}:
            return kind, *map(id, x)
        if kinds <= _PLAIN:
            return kind, *x
    if id(x) in seen:  # shared, or referred to from below
        return "again", seen[id(x)]
    seen[id(x)] = len(seen)
    if isinstance(x, list | tuple):
        return kind, *[_of(entry, seen) for entry in x]
    if isinstance(x, dict):
        return kind, *[(key if type(key) in _PLAIN else _Same(key), _of(entry, seen)) for key, entry in x.items()]
    if isinstance(x, functools.partial):
        return kind, _of(x.func, seen), _of(x.args, seen), _of(x.keywords, seen)
    if hasattr(x, "dtype") and hasattr(x, "tobytes"):
        numbers = [_of(entry, seen) for entry in x.flat] if x.dtype.kind == "O" else x.tobytes()
        return kind, x.shape, str(x.dtype), numbers
    if isinstance(x, _CLOSED) or not hasattr(x, "__dict__"):
        return _Same(x)
    return kind, *[(name, _of(held, seen)) for name, held in vars(x).items() if name[0] != "_"]
