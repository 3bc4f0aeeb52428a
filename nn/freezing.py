"""Which parameters stand still. `Module.freeze` says so; optimizers, clipping, penalties and summaries ask here.

A Value does not know what it is used for, so the note is kept beside it, by identity, and goes when the Value goes.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence

from autodiff import Value

_frozen: dict[int, weakref.ref[Value]] = {}


def freeze(parameters: Iterable[Value]) -> None:
    """These stand still from now on."""
    for parameter in parameters:
        key = id(parameter)
        _frozen[key] = weakref.ref(parameter, lambda _, key=key: _frozen.pop(key, None))


def unfreeze(parameters: Iterable[Value]) -> None:
    """These move again."""
    for parameter in parameters:
        _frozen.pop(id(parameter), None)


def moving(parameters: Iterable[Value]) -> list[Value]:
    """Those that do not stand still.

    >>> x, y = Value(1.0), Value(2.0)
    >>> freeze([x])
    >>> moving([x, y]) == [y]
    True
    """
    return [p for p in parameters if id(p) not in _frozen] if _frozen else list(parameters)


def frozen_places(parameters: Sequence[Value]) -> list[int]:
    """Where in ``parameters`` those stand that do not move."""
    return [i for i, p in enumerate(parameters) if id(p) in _frozen] if _frozen else []
