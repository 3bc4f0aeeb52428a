"""Hypothesis strategies: operands of a row, and random graphs of rows."""

# The numbers of five namespaces have no one type.
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownLambdaType=false
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from autodiff.engine import apply
from autodiff.floats import FLOAT_ERRORS
from autodiff.namespaces import FLOATS
from autodiff.op import Op, find_op
from autodiff.ops import OPS

Operand = int | float  # of a step of a Graph: the place of an earlier value, or a constant
_MARGIN = 0.05  # how far random graphs keep from kinks and singularities, so that differences are accurate


def operands(
    op: Op | str,
    count: int = 2,
    low: float = -4.0,
    high: float = 4.0,
    *,
    tiny: float = 1e-3,
    kinks: bool = False,
) -> st.SearchStrategy[tuple[float, ...]]:
    """Operands where a row has a value and derivatives that a float holds; aimed at what is special.

    Parameters
    ----------
    op, count : the row, or its name; how many operands each vector has, if it is n-ary
    low, high : the smallest and the largest; they come up, as do 0, ±1 and ties
    tiny : the smallest size, but for 0; it comes up too
    kinks : whether operands at which the row has a kink or a jump may come up as well

    >>> from hypothesis import given
    >>> from autodiff.testing import assert_op, operands
    >>> @given(operands("log"))
    ... def test_log(x):
    ...     assert_op("log", *x)
    >>> test_log()
    """
    return _operands(find_op(op) if isinstance(op, str) else op, count, low, high, tiny, kinks)


@functools.lru_cache  # Hypothesis examines each new strategy, which takes longer than to draw from it
def _operands(
    row: Op, count: int, low: float, high: float, tiny: float, kinks: bool
) -> st.SearchStrategy[tuple[float, ...]]:
    special = [x for x in (0.0, 1.0, -1.0, tiny, -tiny, low, high) if low <= x <= high]
    number = st.floats(low, high, allow_subnormal=False).filter(lambda x: x == 0.0 or abs(x) >= tiny)
    one = st.one_of(number, number, st.sampled_from(special))
    many = row.arity or count * len(row.vectors)
    tie = one.map(lambda x: (x,) * many)
    every = st.one_of(st.tuples(*[one] * many), st.tuples(*[one] * many), tie) if many > 1 else st.tuples(one)
    return every.filter(lambda x: _has_derivatives(row, x, kinks))


def _has_derivatives(op: Op, x: Sequence[float], kinks: bool) -> bool:
    if not (op.domain.contains if kinks else op.domain.differentiable)(*x):
        return False
    try:
        out = op.value(FLOATS, *x)
        numbers = [out, *(op.partial(i, FLOATS, out, *x) for i in range(len(x)))]
    except FLOAT_ERRORS:
        return False
    return all(map(math.isfinite, numbers))


@dataclass(frozen=True)
class Graph:
    """A recipe for a computation graph, which any engine can follow.

    ``inputs`` are numbers, ``steps`` pairs (name of a row, operands); an int operand is the place of an earlier value,
    inputs first, a float a constant. The result is the sum of the values that no step uses.
    """

    inputs: tuple[float, ...]
    steps: tuple[tuple[str, tuple[Operand, ...]], ...]

    def __call__(self, *xs: Any, call: Callable[..., Any] = lambda name, *args: apply(OPS[name], *args)) -> Any:
        """Follow the recipe from ``xs``; ``call(name, *operands)`` computes one step, here on Values."""
        values = list(xs)
        for name, places in self.steps:
            values.append(call(name, *(values[p] if isinstance(p, int) else p for p in places)))
        used = {p for _, places in self.steps for p in places if isinstance(p, int)}
        return call("sum", *(v for place, v in enumerate(values) if place not in used))


@functools.lru_cache
def _places(count: int) -> tuple[st.SearchStrategy[int], st.SearchStrategy[Operand]]:
    """One of ``count`` earlier values; and one of them, or a constant."""
    place = st.integers(0, count - 1)
    return place, st.one_of(place, place, st.sampled_from([-1.5, 0.5, 2.0, 3.0]))


@st.composite
def graphs(draw: st.DrawFn, ops: Sequence[str] | None = None, max_steps: int = 12) -> Graph:
    """Random graphs of the rows ``ops`` (all, when not given): shared nodes, aliases, constants on either side.

    No value in them exceeds 30, and none is near a kink, a singularity or the edge of a domain: where a drawn
    operation would be, sin takes its place.
    """
    names = sorted(ops or (name for name, op in OPS.items() if not op.defaults))
    inputs = tuple(draw(st.lists(st.floats(-2.0, 2.0, allow_subnormal=False), min_size=1, max_size=4)))
    values = list(inputs)
    steps: list[tuple[str, tuple[Operand, ...]]] = []
    for _ in range(draw(st.integers(1, max_steps))):
        name = draw(st.sampled_from(names))
        count = OPS[name].arity or 2 * draw(st.integers(1, 3))
        place, place_or_constant = _places(len(values))
        places = [draw(place), *(draw(place_or_constant) for _ in range(count - 1))]
        places = draw(st.permutations(places))
        if not _tame(OPS[name], [values[p] if isinstance(p, int) else p for p in places]):
            name, places = "sin", [p for p in places if isinstance(p, int)][:1]
        data = [values[p] if isinstance(p, int) else p for p in places]
        values.append(OPS[name].value(FLOATS, *data))
        steps.append((name, tuple(places)))
    return Graph(inputs, tuple(steps))


def _tame(op: Op, data: list[float]) -> bool:
    """Whether a row's value and partials are of moderate size at ``data``, and the partials change little around it."""
    try:
        out = op.value(FLOATS, *data)
        if abs(out) > 30.0 or not op.domain.differentiable(*data):
            return False
        for i, x in enumerate(data):
            here = op.partial(i, FLOATS, out, *data)
            for there in (x - _MARGIN, x + _MARGIN):
                moved = [*data[:i], there, *data[i + 1 :]]
                if not op.domain.differentiable(*moved):
                    return False
                moved_out = op.value(FLOATS, *moved)
                partial = op.partial(i, FLOATS, moved_out, *moved)
                if not abs(here) <= 300.0 or not abs(partial - here) <= 0.4 * (0.2 + abs(here)):
                    return False
                if abs(moved_out - out) > 1.5 * _MARGIN * (0.2 + abs(here)):  # it jumps
                    return False
    except (ValueError, ArithmeticError):
        return False
    return True
