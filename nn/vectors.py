"""Vectors for optimizers: a number for each parameter, and arithmetic entry by entry: so a rule reads as a formula.

NumPy's arrays where NumPy is loaded, else lists that compute alike: both round as IEEE 754 says, so the bits are the
same. A rule takes whichever it is given.
"""

from __future__ import annotations

import contextlib
import math
import operator
import sys
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from autodiff import Value


class Vector(list[float]):
    """A list of numbers that adds, subtracts, multiplies and divides as an array does.

    >>> 2.0 * Vector([1.0, 3.0]) - Vector([1.0, 1.0])
    [1.0, 5.0]
    """

    def _with(self, other: Any, combine: Callable[[float, float], float]) -> Vector:
        if isinstance(other, list):
            return Vector(map(combine, self, other))
        return Vector([combine(x, other) for x in self])

    def __add__(self, other: Any) -> Any:
        return self._with(other, operator.add)

    def __sub__(self, other: Any) -> Any:
        return self._with(other, operator.sub)

    def __mul__(self, other: Any) -> Any:
        return self._with(other, operator.mul)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return self._with(other, operator.truediv)


def read(get: Callable[[Sequence[Value], Any], None], parameters: Sequence[Value], on_arrays: bool = True) -> Any:
    """The vector that ``get``, `engine.get_data` or `engine.get_grad`, gives of the parameters."""
    numpy = sys.modules.get("numpy") if on_arrays else None
    buffer: Any = array("d", bytes(8 * len(parameters))) if numpy is None else numpy.empty(len(parameters))
    get(parameters, buffer)
    return Vector(buffer) if numpy is None else buffer


def buffer(vector: Any) -> Any:
    """A vector, or any list of numbers, as the engine takes it."""
    return vector if hasattr(vector, "dtype") else array("d", vector)


def as_list(vector: Any) -> list[float]:
    return list(vector) if isinstance(vector, list) else vector.tolist()


def alike(numbers: Any, vector: Any) -> Any:
    """``numbers`` as a vector of the kind that ``vector`` is."""
    if isinstance(vector, Vector):
        return Vector(numbers)
    return sys.modules["numpy"].asarray(numbers, dtype=float)


def sqrt(vector: Any) -> Any:
    return Vector(map(math.sqrt, vector)) if isinstance(vector, Vector) else sys.modules["numpy"].sqrt(vector)


def quotient(numerators: Any, denominators: Any) -> Any:
    """numerator / denominator, and 0 where the numerator is 0, whatever the denominator is."""
    if isinstance(numerators, Vector):
        return Vector([n / d if n else 0.0 for n, d in zip(numerators, denominators, strict=True)])
    numpy = sys.modules["numpy"]
    found = numerators / denominators
    return found if math.isfinite(found.sum()) else numpy.where(numerators == 0.0, 0.0, found)


def clipped(vector: Any, limit: float) -> Any:
    """Each number moved into [−limit, limit]."""
    if isinstance(vector, Vector):
        return Vector([min(max(x, -limit), limit) for x in vector])
    return sys.modules["numpy"].clip(vector, -limit, limit)


def is_finite(vector: Any) -> bool:
    """Whether every number is."""
    if isinstance(vector, list):
        return all(map(math.isfinite, vector))
    return bool(sys.modules["numpy"].isfinite(vector).all())


def put(into: Any, places: list[int], source: Any) -> None:
    """Write the numbers that ``source`` (0 where it is None) has at these places."""
    if isinstance(into, list):
        for i in places:
            into[i] = 0.0 if source is None else source[i]
    else:
        into[places] = 0.0 if source is None else sys.modules["numpy"].asarray(source)[places]


def quietly() -> Any:
    """A context without NumPy's warnings: what is not finite is found afterwards."""
    numpy = sys.modules.get("numpy")
    return contextlib.nullcontext() if numpy is None else numpy.errstate(all="ignore")
