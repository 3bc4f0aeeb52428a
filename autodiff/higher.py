"""The two walks over Values: the table's rows run on them, so that a derivative is a graph and can be differentiated.

Backwards (`pull_back_values`) and forwards (`push_forward_values`); for numbers alone the engine has its own.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from autodiff import engine
from autodiff.engine import Value
from autodiff.errors import DomainError
from autodiff.floats import gradient_failure
from autodiff.functions import VALUES
from autodiff.steps import require_current


def pull_back_values(
    roots: Sequence[Value],
    seeds: Sequence[Any],
    xs: Sequence[Value],
    since: int,
    constant: Callable[[float], Any] = float,
) -> list[Any]:
    """Σ seed · ∂root/∂x for each x in ``xs``; where nothing varies, and so it is no Value, as ``constant`` makes it."""
    order, _ = engine.order(roots, since)
    require_current(order)
    between = _between(order, xs)
    totals: dict[Any, Any] = {}
    for root, seed in zip(roots, seeds, strict=True):
        totals[root] = totals[root] + seed if root in totals else seed
    for node in reversed(order):
        if node.op is not None and node in between:  # and so is what led to it, from a root down
            received, args = totals[node], node.args
            wanted = [i for i, arg in enumerate(args) if isinstance(arg, Value) and arg in between]
            for i, partial in zip(wanted, _locals(node, wanted), strict=True):
                arg, amount = args[i], _times(received, partial)
                totals[arg] = totals[arg] + amount if arg in totals else amount
    found = [totals.get(x, 0.0) for x in xs]
    return [g if isinstance(g, Value) else constant(g) for g in found]


def push_forward_values(
    roots: Sequence[Value],
    xs: Sequence[Value],
    directions: Sequence[Any],
    since: int,
    constant: Callable[[float], Any] = float,
) -> list[Any]:
    """Σ ∂root/∂x · direction for each root."""
    order, _ = engine.order(roots, since)
    require_current(order)
    tangents: dict[Any, Any] = dict(zip(xs, directions, strict=True))
    for node in order:
        args = node.args
        wanted = [i for i, arg in enumerate(args) if isinstance(arg, Value) and arg in tangents]
        if wanted:  # no x depends on another
            partials = _locals(node, wanted)
            amounts = [_times(tangents[args[i]], partial) for i, partial in zip(wanted, partials, strict=True)]
            tangents[node] = functools.reduce(operator.add, amounts)
    found = [tangents.get(root, 0.0) for root in roots]
    return [t if isinstance(t, Value) else constant(t) for t in found]


def _between(order: list[Value], xs: Sequence[Value]) -> set[Value]:
    """The nodes that depend on some x, the xs included: only these are differentiated."""
    between = set(xs)
    for node in order:
        if any([isinstance(a, Value) and a in between for a in node.args]):
            between.add(node)
    return between


def _locals(node: Value, wanted: list[int]) -> list[Any]:
    """∂node/∂argᵢ for each i in ``wanted``: the row run on Values."""
    partials, op = node.partials, node.op
    assert op is not None
    if not all([math.isfinite(partials[i]) for i in wanted]):
        raise gradient_failure([node])
    try:
        if op.n_ary:
            every = op.every_partial(VALUES, node, *node.args)
            return [every[i] for i in wanted]
        return [op.partial(i, VALUES, node, *node.args) for i in wanted]
    except (DomainError, ArithmeticError) as error:
        raise type(error)(f"the derivative of {op.name} cannot be differentiated again: {error}") from error


def _times(a: Any, b: Any) -> Any:
    """a·b, without a node where a factor is 1 (most local derivatives of + are)."""
    if isinstance(a, float) and a == 1.0:
        return b
    if isinstance(b, float) and b == 1.0:
        return a
    return a * b
