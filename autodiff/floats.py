"""Running a row of the table on floats: numbers in, and the errors that both engines raise.

Every message says what was given, where (operation, operand, label) and what the domain is.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

from autodiff import modes
from autodiff.errors import DomainError
from autodiff.namespaces import FLOATS
from autodiff.op import Op, Rule
from autodiff.ops import BUILT_IN

# What a row's rules raise on floats where they have no value.
FLOAT_ERRORS = (ValueError, ZeroDivisionError, OverflowError)
_SHOWN_OPERANDS = 6


def as_number(x: Any, where: str, what: str = "a Value or a number") -> float:
    """``x`` as a finite float; where it is not one, an error that says what ``where`` was given.

    Accepts int, float, bool, fractions and NumPy scalars.
    Raises TypeError for anything else, ValueError for nan and ±inf, OverflowError for a huge int.
    """
    if type(x) is float and math.isfinite(x):  # the usual case first: an optimiser comes here for every weight
        return x
    if type(x) is int or isinstance(x, numbers.Real) or _is_numpy_bool(x):
        try:
            number = float(x)
        except OverflowError:
            raise OverflowError(f"{where} was given an int too large for a float") from None
        if math.isfinite(number):
            return number
        raise ValueError(f"{where} was given {number}: only finite numbers are accepted")
    hint, kind, shown = "", type(x).__name__, shorten(x)
    if isinstance(x, str):
        hint = f"; convert it first: float({shown})"
    elif isinstance(x, complex):
        hint = "; this engine is real"
    elif getattr(x, "shape", None) == ():
        hint = "; convert it first: x.item()"
    elif isinstance(x, list | tuple) or hasattr(x, "shape"):
        hint = "; pass its elements one by one, or use a NumPy object array of Values"
    raise TypeError(f"{where} takes {what}, not {kind} {shown}{hint}")


def as_label(label: Any) -> str:
    """``label`` as a plain str (of a subclass too, whose attributes a node does not keep); else a TypeError."""
    if isinstance(label, str):
        return str.__str__(label)
    raise TypeError(f"a label is a str, not {type(label).__name__} {shorten(label)}")


def _is_numpy_bool(x: Any) -> bool:
    return getattr(getattr(x, "dtype", None), "kind", "") == "b" and getattr(x, "ndim", 1) == 0


def shorten(x: object) -> str:
    text = repr(x)
    return text if len(text) <= 60 else text[:57] + "..."


def data_of(x: Any) -> float:
    return x if isinstance(x, float) else x.data


def evaluate(op: Op, args: Sequence[Any], data: Sequence[float]) -> float:
    """The row's value on floats; DomainError or OverflowError where there is none.

    ``args`` are the operands as given (Values or floats, for the message), ``data`` their numbers.
    """
    try:
        out = op.value(FLOATS, *data)
    except FLOAT_ERRORS:
        raise failure(op, args) from None
    if type(out) is not float:
        if not isinstance(out, int | float):
            raise TypeError(f"{op.name} computed {shorten(out)} at {describe(op, args)}, which is not a number")
        out = float(out)
    if not math.isfinite(out) or (op.name not in BUILT_IN and not op.domain.contains(*data)):
        raise failure(op, args)
    return out


def local_derivatives(op: Op, out: float, args: Sequence[Any], data: Sequence[float]) -> tuple[float, ...]:
    """The local derivatives in the order of ``args``; 0.0 for a number operand, which does not vary.

    inf where there is none: backward() refuses to send a gradient through it.
    """
    if callable(op.partials):
        rule = op.partials
        try:
            every: Sequence[float] = rule(FLOATS, out, *data)
        except FLOAT_ERRORS:
            every = [math.inf] * len(args)
        pairs = zip(args, every, strict=True)
        return tuple([0.0 if isinstance(a, float) else float(p) if math.isfinite(p) else math.inf for a, p in pairs])
    rules = zip(args, op.partials, strict=True)
    return tuple([0.0 if isinstance(a, float) else partial_of(rule, out, data) for a, rule in rules])


def partial_of(rule: Rule, out: float, data: Sequence[float]) -> float:
    """One local derivative by its rule, inf where there is none."""
    try:
        p = float(rule(FLOATS, out, *data))
    except FLOAT_ERRORS:
        return math.inf
    return p if math.isfinite(p) else math.inf


def describe(op: Op, args: Sequence[Any]) -> str:
    """The operands as messages name them: ``x = -1.0 (label 'z'), y = 2.0``."""
    names = op.operand_names(len(args))
    shown = [
        f"{name} = {data_of(a)!r}" + (f" (label {a.label!r})" if getattr(a, "label", "") else "")
        for name, a in zip(names[:_SHOWN_OPERANDS], args, strict=False)
    ]
    if len(args) > _SHOWN_OPERANDS:
        shown.append(f"… {len(args) - _SHOWN_OPERANDS} more")
    return ", ".join(shown)


def failure(op: Op, args: Sequence[Any]) -> Exception:
    """The error for an operation that has no finite value at ``args``."""
    data = [data_of(a) for a in args]
    for x in data:
        if not math.isfinite(x):
            return ValueError(f"{op.name} was given {x}: only finite numbers are accepted")
    note = f"\n  made at {modes.user_line()}" if modes.here.origins is not None else ""
    if not op.domain.contains(*data):
        return DomainError(f"{op.name} is not defined at {describe(op, args)}: its domain is {op.domain.text}{note}")
    return OverflowError(f"{op.name} overflows at {describe(op, args)}{note}")


def gradient_failure(order: Sequence[Any]) -> Exception:
    """The error for a backward pass whose gradients are not all finite.

    ``order`` holds the nodes in topological order, with the gradients of the failed pass in them. To blame
    is the first operation, counted from the root, that could not pass its gradient on.
    """
    for node in reversed(order):
        if not math.isfinite(node.grad):
            return _overflowing("at", node)
        for i, partial in enumerate(node.partials):  # of a number 0.0
            if not math.isfinite(node.grad * partial):
                return _blocked(node, i) if not math.isfinite(partial) else _overflowing("below", node)
    return OverflowError("the gradient overflows")


def _blocked(node: Any, i: int) -> Exception:
    """The error for a node whose local derivative in operand i is not finite."""
    op, data = node.op, [data_of(a) for a in node.args]
    where = f"{describe(op, node.args)}"
    if op.domain.differentiable(*data):
        return OverflowError(f"the derivative of {op.name} overflows at {where}{modes.made_at(node)}")
    respect = f" with respect to {op.operand_names(len(data))[i]}" if len(data) > 1 else ""
    return DomainError(f"{op.name} is not differentiable at {where}{respect}{modes.made_at(node)}")


def _overflowing(place: str, node: Any) -> Exception:
    name, label = (node.op.name if node.op else "the leaf"), (f" (label {node.label!r})" if node.label else "")
    where = describe(node.op, node.args) if node.op else f"{node.data!r}{label}"
    return OverflowError(f"the gradient overflows {place} {name} at {where}{modes.made_at(node)}")
