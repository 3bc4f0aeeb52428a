"""A user's row that arrays cannot run, because it asks for the value of an operand: on floats, one after the other.

Where it fails the result is nan, which is found afterwards, and explained by the scalar engine.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.floats import FLOAT_ERRORS
from autodiff.namespaces import FLOATS
from autodiff.op import Op

Array = np.ndarray[Any, np.dtype[Any]]


def write_values(op: Op, operands: Sequence[Any], out: Array) -> None:
    """The row's value for each element of ``out``; an n-ary row's operands lie along the first axis of its vectors."""
    for i, x in _operands(op, operands, out.shape):
        try:
            out[i] = op.value(FLOATS, *x)
        except FLOAT_ERRORS:
            out[i] = math.nan


def write_partials(op: Op, place: int, operands: Sequence[Any], values: Array, partials: Array) -> None:
    """The local derivatives in the operand ``place``, or in each of that vector of an n-ary row."""
    for i, x in _operands(op, operands, values.shape):
        try:
            if op.n_ary:
                count = len(x) // len(op.vectors)
                every = op.every_partial(FLOATS, float(values[i]), *x)
                partials[(slice(None), *i)] = every[place * count : (place + 1) * count]
            else:
                partials[i] = op.partial(place, FLOATS, float(values[i]), *x)
        except FLOAT_ERRORS:
            partials[(..., *i)] = math.nan


def _operands(op: Op, operands: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """(index, operands as floats) for each element."""
    if op.n_ary:
        vectors = [np.broadcast_to(x, (len(x), *shape)) for x in operands]
        return ((i, [float(a) for x in vectors for a in x[(slice(None), *i)]]) for i in np.ndindex(shape))
    wide = [np.broadcast_to(x, shape) for x in operands]
    return ((i, [float(x[i]) for x in wide]) for i in np.ndindex(shape))
