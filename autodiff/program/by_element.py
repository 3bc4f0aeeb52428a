"""A user's row that arrays cannot run, because it asks for the value of an operand: on floats, one after the other.

Where it fails the result is nan, which is found afterwards, and explained by the scalar engine. A user's domain is
looked at in the same way, for that a value is finite does not say that it is allowed.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.floats import FLOAT_ERRORS
from autodiff.namespaces import FLOATS
from autodiff.op import REALS, Op
from autodiff.ops import BUILT_IN
from autodiff.program.instructions import Elementwise, Plan, Product, Reduction

Array = np.ndarray[Any, np.dtype[Any]]


def write_values(op: Op, operands: Sequence[Any], out: Array) -> None:
    """The row's value for each element of ``out``; an n-ary row's operands lie along the first axis of its vectors."""
    for i, x in _operands(op, operands, out.shape):
        try:
            out[i] = op.value(FLOATS, *x)
        except FLOAT_ERRORS:
            out[i] = math.nan


def write_partials(op: Op, place: int, operands: Sequence[Any], values: Array, partials: Array) -> None:
    """The local derivatives in the operand ``place``, or in each of an n-ary row's: a user's has one vector."""
    for i, x in _operands(op, operands, values.shape):
        try:
            if op.n_ary:
                partials[(slice(None), *i)] = op.every_partial(FLOATS, float(values[i]), *x)
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


def guarded(plan: Plan) -> list[Elementwise | Reduction]:
    """The instructions of users' rows with a domain."""
    found = [i for i in plan.instructions if not isinstance(i, Product)]
    return [i for i in found if i.op.name not in BUILT_IN and i.op.domain is not REALS]


def in_domain(op: Op, operands: Sequence[Any]) -> bool:
    """Whether all of the operands are where the row is defined."""
    shape = np.broadcast_shapes(*(np.shape(x)[1:] if op.n_ary else np.shape(x) for x in operands))
    return all(op.domain.contains(*x) for _, x in _operands(op, operands, shape))
