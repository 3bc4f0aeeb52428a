"""The operations as functions: a float gives a float, a Value gives a Value.

There is one for every row of the op table that has no operator of its own (exp, log, tanh, …), the n-ary
sum, dot and logsumexp, and mean and softmax, which are built from them. `VALUES` is the namespace ``xp`` of
Values: on it the table's local derivatives are graphs themselves, which is how higher orders work.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from autodiff import engine, modes
from autodiff.calls import vectors
from autodiff.engine import Value
from autodiff.floats import data_of
from autodiff.namespaces import FLOATS, Namespace
from autodiff.op import OPERATORS, OPS, Op
from autodiff.ops import DOT, LOGSUMEXP, MOD, POW, SUM

_sum, _dot, _logsumexp = engine.n_ary(SUM), engine.n_ary(DOT), engine.n_ary(LOGSUMEXP)


def sum(xs: Iterable[Any]) -> Any:  # noqa: A001 (the field's name)
    """x₁ + … + xₙ as one node, added from left to right.

    ``xs``: Values and numbers, at least one. Floats give a float. Raises ValueError for none.

    >>> from autodiff import Value, sum
    >>> sum([Value(1.0), 2.0, Value(3.0)])
    Value(data=6.0, grad=0.0)
    """
    return _sum(xs)


def dot(xs: Iterable[Any], ys: Iterable[Any]) -> Any:
    """x₁y₁ + … + xₙyₙ as one node, added from left to right.

    ``xs``, ``ys``: Values and numbers, of one length, at least one each. Floats give a float.
    Raises ValueError for unequal lengths, or none.

    >>> from autodiff import Value, dot
    >>> dot([Value(1.0), Value(2.0)], [3.0, 4.0])
    Value(data=11.0, grad=0.0)
    """
    return _dot(xs, ys)


def logsumexp(xs: Iterable[Any]) -> Any:
    """log(e^x₁ + … + e^xₙ) as one node, stable for operands of any size.

    ``xs``: Values and numbers, at least one. Floats give a float. Raises ValueError for none.

    >>> from autodiff import logsumexp
    >>> logsumexp([1000.0, 1000.0])  # 1000 + log 2
    1000.69314718...
    """
    return _logsumexp(xs)


def mean(xs: Iterable[Any]) -> Any:
    """The arithmetic mean (x₁ + … + xₙ) / n.

    ``xs``: Values and numbers, at least one. Floats give a float. Raises ValueError for none.

    >>> from autodiff import mean
    >>> mean([1.0, 2.0, 6.0])
    3.0
    """
    (operands,) = vectors("mean", (xs,), Value)
    return _sum(operands) / float(len(operands))


def softmax(xs: Iterable[Any]) -> list[Any]:
    """exp(xᵢ) / Σⱼ exp(xⱼ), one for each operand; shifted by the largest, so it never overflows.

    ``xs``: Values and numbers, at least one. Floats give floats. Raises ValueError for none.

    >>> from autodiff import softmax
    >>> softmax([1000.0, 1000.0])
    [0.5, 0.5]
    """
    if modes.here.compiling:  # the largest is another for other examples: nothing may depend on it but recorded nodes
        operands = vectors("softmax", (xs,), Value)[0]
        level = logsumexp(operands)
        exponentials = [FUNCTIONS["exp"](x - level) for x in operands]
        total = _sum(exponentials)  # 1, but for the rounding of the level
        return [e / total for e in exponentials]
    return engine.softmax(xs)


def call(op: Op, x: Sequence[Any]) -> Any:
    """Any row on operands: floats give a float, a Value among them a Value."""
    return engine.function(op)(*x)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    op.name: engine.function(op) for op in OPS.values() if not op.n_ary and op.name not in OPERATORS
}
globals().update(FUNCTIONS)


def _on_data(primitive: Callable[..., Any]) -> Callable[..., Any]:
    """A primitive through which no derivative goes."""

    def on_data(*operands: Any) -> Any:
        return primitive(*map(data_of, operands))

    return on_data


def _total(xs: Iterable[Any]) -> Any:
    return _sum(list(xs))


def _largest(xs: Iterable[Any]) -> Any:
    return max(xs, key=data_of)


VALUES = Namespace(
    "Values",
    **FUNCTIONS,
    pow=engine.function(POW),
    mod=engine.function(MOD),
    number=float,
    pi=math.pi,
    **{name: _on_data(getattr(FLOATS, name)) for name in ("constant", "step", "compare", "less", "floor")},
    unless=FLOATS.unless,
    total=_total,
    largest=_largest,
)
