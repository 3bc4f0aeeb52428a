"""The operations as functions: a float gives a float, a Value gives a Value.

There is one for every row of the op table that has no operator of its own (exp, log, tanh, …), the n-ary
sum, dot and logsumexp, and mean and softmax, which are built from them. `VALUES` is the namespace ``xp`` of
Values: on it the table's local derivatives are graphs themselves, which is how higher orders work.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from autodiff import engine
from autodiff.engine import Value
from autodiff.floats import as_number, data_of, evaluate, with_defaults
from autodiff.namespaces import FLOATS, Namespace
from autodiff.ops import LOGSUMEXP, OPERATORS, OPS, Op


def call(op: Op, x: Sequence[Any]) -> Any:
    """Any row on operands: floats give a float, a Value among them a Value."""
    if _any_value(x):
        return engine.apply(op, *x)
    data = [as_number(a, op.name) for a in with_defaults(op, tuple(x))]
    return evaluate(op, data, data)


def function(op: Op) -> Callable[..., Any]:
    """The function of a row, documented from the row."""

    method = getattr(Value, op.name, None)  # an engine may have spelled it out

    def function_of_row(*x: Any) -> Any:
        if method is not None and len(x) == len(op.operands) and isinstance(x[0], Value):
            return method(*x)
        return call(op, x)

    function_of_row.__name__ = function_of_row.__qualname__ = op.name
    function_of_row.__doc__ = _documentation(op)
    return function_of_row


def _documentation(op: Op) -> str:
    required = len(op.operands) - len(op.defaults)
    signature = ", ".join(
        [*op.operands[:required], *(f"{x}={d}" for x, d in zip(op.operands[required:], op.defaults, strict=True))]
    )
    partials = "; ".join(f"∂/∂{x} = {formula}" for x, formula in zip(op.operands, op.formula, strict=False))
    kink = f" Differentiable: {op.domain.smooth_text}." if op.domain.smooth_text else ""
    return (
        f"{op.name}({signature}): {op.doc}\n\n"
        f"Floats give a float, a Value among the operands gives a Value. {partials}.\n"
        f"Domain: {op.domain.text}.{kink} Raises DomainError outside it, OverflowError where the result\n"
        f"exceeds the largest float, TypeError for what is neither a Value nor a number.\n"
    )


def _operands(xs: Any, name: str) -> Sequence[Any]:
    operands: Sequence[Any] = xs
    if type(xs) is not list and type(xs) is not tuple:
        if isinstance(xs, Value | str) or not hasattr(xs, "__iter__"):
            kind = type(xs).__name__
            raise TypeError(f"{name} takes one sequence of operands, as in {name}([a, b]), not {kind} {xs!r}")
        operands = tuple(xs)
    if not operands:
        raise ValueError(f"{name} needs at least one operand, and was given an empty sequence")
    return operands


def sum(xs: Iterable[Any]) -> Any:  # noqa: A001 (the field's name)
    """x₁ + … + xₙ as one node, added from left to right.

    ``xs``: Values and numbers, at least one. Floats give a float. Raises ValueError for none.

    >>> from autodiff import Value, sum
    >>> sum([Value(1.0), 2.0, Value(3.0)])
    Value(data=6.0, grad=0.0)
    """
    operands = _operands(xs, "sum")
    node = engine.sum(operands)
    return node if _any_value(operands) else node.data


def dot(xs: Iterable[Any], ys: Iterable[Any]) -> Any:
    """x₁y₁ + … + xₙyₙ as one node, added from left to right.

    ``xs``, ``ys``: Values and numbers, of one length, at least one each. Floats give a float.
    Raises ValueError for unequal lengths, or none.

    >>> from autodiff import Value, dot
    >>> dot([Value(1.0), Value(2.0)], [3.0, 4.0])
    Value(data=11.0, grad=0.0)
    """
    left, right = _operands(xs, "dot"), _operands(ys, "dot")
    if len(left) != len(right):
        raise ValueError(f"dot needs two sequences of one length, and was given {len(left)} and {len(right)} operands")
    node = engine.dot(left, right)
    return node if _any_value(left) or _any_value(right) else node.data


def logsumexp(xs: Iterable[Any]) -> Any:
    """log(e^x₁ + … + e^xₙ) as one node, stable for operands of any size.

    ``xs``: Values and numbers, at least one. Floats give a float. Raises ValueError for none.

    >>> from autodiff import logsumexp
    >>> logsumexp([1000.0, 1000.0])  # 1000 + log 2
    1000.69314718...
    """
    return call(LOGSUMEXP, _operands(xs, "logsumexp"))


def mean(xs: Iterable[Any]) -> Any:
    """The arithmetic mean (x₁ + … + xₙ) / n.

    ``xs``: Values and numbers, at least one. Floats give a float. Raises ValueError for none.

    >>> from autodiff import mean
    >>> mean([1.0, 2.0, 6.0])
    3.0
    """
    operands = _operands(xs, "mean")
    return sum(operands) / float(len(operands))


def softmax(xs: Iterable[Any]) -> list[Any]:
    """exp(xᵢ) / Σⱼ exp(xⱼ), one for each operand; shifted by the largest, so it never overflows.

    ``xs``: Values and numbers, at least one. Floats give floats. Raises ValueError for none.

    >>> from autodiff import softmax
    >>> softmax([1000.0, 1000.0])
    [0.5, 0.5]
    """
    operands = _operands(xs, "softmax")
    largest = max(x.data if isinstance(x, Value) else as_number(x, "softmax") for x in operands)
    exponentials = [VALUES.exp(x - largest) for x in operands]
    total = sum(exponentials)
    return [e / total for e in exponentials]


def _on_data(choice: Callable[..., float]) -> Callable[..., float]:
    def on_data(*operands: Any) -> float:
        return choice(*map(data_of, operands))

    return on_data


def _any_value(operands: Sequence[Any]) -> bool:
    for a in operands:  # noqa: SIM110 (any() costs more than the question, and every dot asks it)
        if isinstance(a, Value):
            return True
    return False


FUNCTIONS = {op.name: function(op) for op in OPS.values() if not op.n_ary and op.name not in OPERATORS}
globals().update(FUNCTIONS)

VALUES = Namespace(
    "Values",
    **FUNCTIONS,
    number=float,
    pi=math.pi,
    pow=pow,
    sign=_on_data(FLOATS.sign),
    step=_on_data(FLOATS.step),
    compare=_on_data(FLOATS.compare),
    unless=FLOATS.unless,
)
