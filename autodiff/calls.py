"""A row of the op table as a Python function: floats give a float, a Value among the operands gives a Value.

One function is made for each row and number of operands, once, so that a call asks as little as it can; both engines
take theirs from here (the native one only for rows that a user defined: its own are in C). What a row computes is the
table's, what is wrong with operands is `floats`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf, isfinite
from typing import Any

from autodiff import modes
from autodiff.floats import FLOAT_ERRORS, as_number, data_of, evaluate, local_derivatives, partial_of
from autodiff.namespaces import FLOATS
from autodiff.op import REALS, Op, Rule
from autodiff.ops import BUILT_IN

# What an engine gives: its class Value, and record(out, op, x, dx, y, dy), which makes a node (`value.record`).
Value = type[Any]
Record = Callable[..., Any]


def function(op: Op, value_class: Value, record: Record) -> Callable[..., Any]:
    """The function of a row, f(x, y); it serves as a method too. An n-ary row's takes any number of operands."""
    makers = {1: _of_one, 2: _of_two}
    made = makers.get(op.arity or 0, _of_any)(op, value_class, record)
    return documented(made, op)


def documented(made: Callable[..., Any], op: Op) -> Callable[..., Any]:
    made.__name__ = made.__qualname__ = op.name
    made.__module__ = "autodiff"
    made.__doc__ = op.documentation
    made.__signature__ = op.signature  # type: ignore[attr-defined]
    return made


def apply(op: Op, args: Sequence[Any], value_class: Value, record: Record) -> Any:
    """A node of any row on Values and numbers (or numbers alone)."""
    operands = tuple([a if isinstance(a, value_class) else as_number(a, op.name) for a in bound(op, tuple(args), {})])
    data = [data_of(a) for a in operands]
    out = evaluate(op, operands, data)
    return record(out, op, *as_recorded(operands, local_derivatives(op, out, operands, data)))


def bound(op: Op, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    """The operands in order, defaults of the row filled in; TypeError for a wrong count or name."""
    if op.n_ary:
        return args
    required = len(op.operands) - len(op.defaults)
    optional = op.operands[required:]
    for name in named:
        if name not in optional:
            may = f"; by name it takes {' and '.join(optional)}" if optional else ""
            raise TypeError(f"{op.name} takes no operand {name!r} by name{may}")
        if optional.index(name) < len(args) - required:
            raise TypeError(f"{op.name} was given its operand {name!r} twice")
    given = {**dict(zip(op.operands, args, strict=False)), **named}
    if len(args) > len(op.operands) or len(args) < required:
        raise TypeError(
            f"{op.name} takes {op.arity} operand{'s' if op.arity != 1 else ''} ({', '.join(op.operands)}), "
            f"{len(args) + len(named)} were given"
        )
    return (*args[:required], *(given.get(x, d) for x, d in zip(optional, op.defaults, strict=True)))


def _checked(op: Op) -> Callable[..., bool] | None:
    """Whether operands are in the domain, where a value alone does not tell: of the rows that a user defined."""
    return None if op.name in BUILT_IN or op.domain is REALS else op.domain.contains


def _rules(op: Op) -> tuple[Rule, ...]:
    assert not callable(op.partials), "an n-ary row has one function for all"
    return op.partials


def _of_one(op: Op, value_class: Value, record: Record) -> Callable[..., Any]:
    value, contains, (partial,) = op.value, _checked(op), _rules(op)

    def function_of_one(*operands: Any, **named: Any) -> Any:
        if len(operands) != 1 or named:
            operands = bound(op, operands, named)
        (x,) = operands
        if not isinstance(x, value_class):
            number = as_number(x, op.name)
            return evaluate(op, (number,), (number,))
        data = x.data
        try:
            out = value(FLOATS, data)
        except FLOAT_ERRORS:
            out = inf
        if type(out) is not float or not isfinite(out) or (contains and not contains(data)):
            out = evaluate(op, operands, (data,))
        if modes.any_active and not modes.here.recording:
            return value_class(out)
        try:
            dx = partial(FLOATS, out, data)
        except FLOAT_ERRORS:
            dx = inf
        return record(out, op, x, dx if type(dx) is float and isfinite(dx) else _float_or_inf(dx))

    return function_of_one


def _of_two(op: Op, value_class: Value, record: Record) -> Callable[..., Any]:
    value, contains, (in_x, in_y) = op.value, _checked(op), _rules(op)

    def function_of_two(*operands: Any, **named: Any) -> Any:
        if len(operands) != 2 or named:
            operands = bound(op, operands, named)
        x, y = operands
        x_varies, y_varies = isinstance(x, value_class), isinstance(y, value_class)
        a = x.data if x_varies else as_number(x, op.name)
        b = y.data if y_varies else as_number(y, op.name)
        if not (x_varies or y_varies):
            return evaluate(op, (a, b), (a, b))
        try:
            out = value(FLOATS, a, b)
        except FLOAT_ERRORS:
            out = inf
        if type(out) is not float or not isfinite(out) or (contains and not contains(a, b)):
            out = evaluate(op, (x if x_varies else a, y if y_varies else b), (a, b))
        if modes.any_active and not modes.here.recording:
            return value_class(out)
        dx = dy = 0.0
        try:
            if x_varies:
                dx = in_x(FLOATS, out, a, b)
        except FLOAT_ERRORS:
            dx = inf
        try:
            if y_varies:
                dy = in_y(FLOATS, out, a, b)
        except FLOAT_ERRORS:
            dy = inf
        if type(dx) is not float or not isfinite(dx):
            dx = _float_or_inf(dx)
        if type(dy) is not float or not isfinite(dy):
            dy = _float_or_inf(dy)
        return record(out, op, x if x_varies else a, dx, y if y_varies else b, dy)

    return function_of_two


def _of_any(op: Op, value_class: Value, record: Record) -> Callable[..., Any]:
    if op.n_ary:
        return lambda *operands: of_operands(op, operands, value_class, record)
    value, contains, rules = op.value, _checked(op), _rules(op)

    def function_of_any(*operands: Any, **named: Any) -> Any:
        if len(operands) != len(rules) or named:
            operands = bound(op, operands, named)
        varies = [isinstance(x, value_class) for x in operands]
        data = [x.data if v else as_number(x, op.name) for x, v in zip(operands, varies)]  # noqa: B905 (costs time)
        if True not in varies:
            return evaluate(op, data, data)
        try:
            out = value(FLOATS, *data)
        except FLOAT_ERRORS:
            out = inf
        args = tuple([x if v else a for x, a, v in zip(operands, data, varies)])  # noqa: B905
        if type(out) is not float or not isfinite(out) or (contains and not contains(*data)):
            out = evaluate(op, args, data)
        if modes.any_active and not modes.here.recording:
            return value_class(out)
        partials = [partial_of(rule, out, data) if v else 0.0 for rule, v in zip(rules, varies)]  # noqa: B905
        return record(out, op, args, tuple(partials))

    return function_of_any


def of_operands(op: Op, operands: Sequence[Any], value_class: Value, record: Record) -> Any:
    """An n-ary row on its operands."""
    if any([isinstance(x, value_class) for x in operands]):
        return apply(op, operands, value_class, record)
    data = [as_number(x, op.name) for x in operands]
    return evaluate(op, data, data)


def as_recorded(operands: tuple[Any, ...], partials: tuple[float, ...]) -> tuple[Any, ...]:
    """What an engine's record takes: x, ∂/∂x, y, ∂/∂y of one or two operands, else all in a tuple each."""
    if len(operands) > 2:
        return operands, partials
    return tuple(part for pair in zip(operands, partials, strict=True) for part in pair)


def _float_or_inf(partial: Any) -> float:
    return float(partial) if isfinite(partial) else inf


def of_vectors(op: Op, given: Sequence[Any], value_class: Value, record: Record) -> Any:
    """An n-ary row on its vectors of operands."""
    return of_operands(op, [x for xs in vectors(op.name, given, value_class) for x in xs], value_class, record)


def vectors(name: str, given: Sequence[Any], value_class: Value) -> list[Sequence[Any]]:
    """The vectors of operands of an n-ary function, f(xs) or f(xs, ys), checked: TypeError or ValueError."""
    found = [_vector(name, len(given), xs, value_class) for xs in given]
    counts = [len(xs) for xs in found]
    if len(set(counts)) > 1:
        listed = " and ".join(map(str, counts))
        raise ValueError(f"{name} needs sequences of one length, and was given {listed} operands")
    return found


def _vector(name: str, count: int, xs: Any, value_class: Value) -> Sequence[Any]:
    operands: Sequence[Any] = xs
    if type(xs) is not list and type(xs) is not tuple:
        if (
            isinstance(xs, value_class | str | bytes | bytearray)
            or not hasattr(xs, "__iter__")
            or getattr(xs, "shape", None) == ()
        ):
            takes, example = ("one sequence", "[a, b]") if count == 1 else ("two sequences", "[a, b], [c, d]")
            given = f"{type(xs).__name__} {xs!r:.60}"
            raise TypeError(f"{name} takes {takes} of operands, as in {name}({example}), not {given}")
        if isinstance(xs, set | frozenset | dict):
            kind = type(xs).__name__  # pyright: ignore[reportUnknownArgumentType]
            raise TypeError(f"{name} takes a sequence of operands, whose order counts, not a {kind}")
        operands = tuple(xs)
    if not operands:
        raise ValueError(f"{name} needs at least one operand, and was given an empty sequence")
    return operands
