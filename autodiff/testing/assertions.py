"""Assertions on derivatives: of a row of the op table wherever it runs, and of a function, with the row at fault.

The arbiter of a row has 50 digits, that of a function is a complex step.
"""

# The numbers of five namespaces have no one type.
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownLambdaType=false
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from autodiff.derivatives import gradients, value_and_grad
from autodiff.engine import Value, apply, topological_order
from autodiff.errors import DomainError, GradcheckError
from autodiff.floats import FLOAT_ERRORS
from autodiff.functions import VALUES
from autodiff.gradcheck import gradcheck
from autodiff.namespaces import FLOATS, arrays, complex_numbers, fifty_digits, import_mpmath
from autodiff.numerical import Arguments, numerical_gradient
from autodiff.op import REALS, Op, find_op
from autodiff.program import compile
from autodiff.testing.languages import in_c, in_javascript

_STEP = 1e-100  # of a complex step, which nothing cancels
_PLACES = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)  # where a point outside a domain is looked for


def assert_op(
    op: Op | str, *x: float, mirror: Callable[..., Any] | None = None, rtol: float = 1e-11
) -> tuple[str, ...]:
    """Check a row at one point, wherever rows run: value, partials and second derivatives; and that it has a domain.

    Parameters
    ----------
    op, x : the row, or its name, and operands where it is differentiable
    mirror : the same operation on mpmath's numbers, written independently; the row's own value when not given
    rtol : relative error allowed, by the larger of the right value and 1e-3

    Returns where it was run: the five namespaces, compiled (`autodiff.compile`), and in C and JavaScript where cc and
    node are installed and the row can be written in them. Raises AssertionError, naming the row, the place and what
    disagrees.

    >>> from autodiff.testing import assert_op
    >>> assert_op("tanh", 0.5)[3:6]
    ('Namespace(mpmath)', 'Namespace(Values)', 'Program')
    """
    row = find_op(op) if isinstance(op, str) else op
    with import_mpmath("assert_op").workdps(50):
        value, first, second = _by_mpmath(mirror or functools.partial(row.value, fifty_digits()), x)

        def compare(found: Any, right: Any, what: str, least: Any = 1e-3) -> None:
            error = abs(found - right)
            assert error <= rtol * max(abs(right), least), (
                f"{row.name}{x}: {what} is {float(found)}, and should be {float(right)}"
            )

        places: list[str] = []
        for place, out, partials in _everywhere(row, x):
            places.append(place)
            compare(out, value, f"value on {place}")
            for i, right in enumerate(first):
                compare(partials[i], right, f"partial {i} on {place}")
        for i, right in enumerate(first):
            moved = [complex(v, _STEP if i == j else 0.0) for j, v in enumerate(x)]
            compare(row.value(complex_numbers(), *moved).imag / _STEP, right, f"complex step {i}")
        least = 1e-3 * max([1.0, *(abs(right) for row_of in second for right in row_of)])
        for i, found in enumerate(_second_derivatives(row, x)):
            for j, right in enumerate(second[i]):
                compare(found[j], right, f"second derivative {i}, {j}", least)
    _assert_refuses(row, x)
    return tuple(places)


def _everywhere(row: Op, x: tuple[float, ...]) -> Iterator[tuple[str, Any, Sequence[Any]]]:
    """(where, value, partials) for each of the places where a row runs."""
    mp = fifty_digits()
    for xp, point in (
        (FLOATS, x),
        (arrays(), tuple(np.full(3, v) for v in x)),
        (complex_numbers(), tuple(map(complex, x))),
        (mp, tuple(map(mp.number, x))),
        (VALUES, tuple(map(Value, x))),
    ):
        out = row.value(xp, *point)
        yield repr(xp), _number(out), [_number(row.partial(i, xp, out, *point)) for i in range(len(x))]
    parameters = list(map(Value, x))
    out, slopes = compile(apply(row, *parameters), parameters=parameters).value_and_grad()
    yield "Program", out, slopes.tolist()
    for place, run in (("C", in_c(row)), ("JavaScript", in_javascript(row))):
        if run is not None:
            yield place, *run(x)


def _assert_refuses(row: Op, inside: Sequence[float]) -> None:
    """Outside its domain the row has no value, on floats, on Values and compiled at a point within."""
    if row.domain is REALS:
        return
    points = itertools.product(_PLACES, repeat=min(len(inside), 3))
    x = next((point for point in points if len(point) == len(inside) and not row.domain.contains(*point)), None)
    if x is None:
        return
    values = list(map(Value, x))
    program = compile(lambda *z: apply(row, *z), *inside)
    for place, run in (
        ("floats", lambda: apply(row, *x)),
        ("Values", lambda: apply(row, *values)),
        ("Program", lambda: program([x])),
    ):
        try:
            found = run()
        except DomainError:
            continue
        raise AssertionError(f"{row.name}{x}: it is {found} on {place}, and should be a DomainError")


def _by_mpmath(f: Callable[..., Any], x: tuple[float, ...]) -> tuple[Any, list[Any], list[list[Any]]]:
    """Value, first and second derivatives of f by mpmath's differences, at the precision that is set."""
    mpmath = import_mpmath("assert_op")
    point = tuple(map(mpmath.mpf, x))
    unit = [tuple(int(i == j) for j in range(len(x))) for i in range(len(x))]
    first = [mpmath.diff(f, point, n) for n in unit]
    above = [
        [mpmath.diff(f, point, tuple(map(sum, zip(n, m, strict=True)))) for m in unit[i:]] for i, n in enumerate(unit)
    ]
    second = [[above[min(i, j)][abs(i - j)] for j in range(len(x))] for i in range(len(x))]
    return f(*point), first, second


def _number(x: Any) -> Any:
    """One number of any namespace, as mpmath takes it; of an array every element must be the same."""
    if isinstance(x, np.ndarray):
        assert np.all(x == x.flat[0]), f"elements of one array differ: {x}"
        return x.flat[0]
    if isinstance(x, Value):
        return x.data
    return x.real


def _second_derivatives(row: Op, x: tuple[float, ...]) -> list[list[float]]:
    inputs = [Value(v) for v in x]
    return [gradients(g, inputs) for g in gradients(apply(row, *inputs), inputs, create_graph=True)]


def assert_gradients(f: Callable[..., Any], xs: Any, order: int = 1, rtol: float = 1e-8) -> None:
    """Check the gradient of f: by gradcheck, and against a complex step to ``rtol`` of its largest part.

    ``f`` and ``xs`` as in `gradcheck`. Raises AssertionError (GradcheckError is one), which says for which function and
    inputs, and which row's rule is at fault, where one is: the partials of every node are checked as well.

    >>> from autodiff import sin
    >>> from autodiff.testing import assert_gradients
    >>> assert_gradients(lambda x, y: sin(x) * y, (1.0, 2.0), order=2)
    """
    at = Arguments(f, xs)
    try:
        gradcheck(f, xs, order)
    except GradcheckError as error:
        raise GradcheckError(f"{error}\n{_where(at)}{_suspect(at)}", error.report) from None
    every = tuple(range(len(at.numbers)))
    _, found = value_and_grad(lambda *flat: at.call(flat), every)(*at.numbers)
    right = numerical_gradient(lambda *flat: at.call(flat), tuple(at.numbers), method="complex")
    allowed = rtol * max(map(abs, right)) + 1e-12
    for label, g, h in zip(at.labels, found, right, strict=True):
        assert abs(g - h) <= allowed, (
            f"∂/∂{label} of {at.name} is {g}, by a complex step {h}: {_where(at)}{_suspect(at)}"
        )


def _where(at: Arguments) -> str:
    inputs = ", ".join(f"{label} = {x!r}" for label, x in zip(at.labels, at.numbers, strict=True))
    return f"{at.name} at {inputs}"


def _suspect(at: Arguments) -> str:
    """The first row whose partial is not what a complex step finds, at the operands that it had."""
    y = at.call([Value(x) for x in at.numbers])
    for node in topological_order(y) if isinstance(y, Value) else ():
        op = node.op
        if op is None:
            continue
        x = [float(arg) for arg in node.args]
        for i, (arg, partial) in enumerate(zip(node.args, node.partials, strict=True)):
            right = _by_complex_step(op, x, i) if isinstance(arg, Value) else partial
            if abs(partial - right) > 1e-9 * max(1.0, abs(right)):
                name, operands = op.operand_names(len(x))[i], ", ".join(map(repr, x))
                return (
                    f"; the rule of the row {op.name} is suspect: ∂{op.name}/∂{name} at ({operands}) is {partial}, by "
                    f"a complex step {right}"
                )
    return "; the rules of all rows are right, so f loses a part of its graph (float(), .data)"


def _by_complex_step(op: Op, x: Sequence[float], i: int) -> float:
    moved = [complex(v, _STEP if i == j else 0.0) for j, v in enumerate(x)]
    try:
        return op.value(complex_numbers(), *moved).imag / _STEP
    except FLOAT_ERRORS:
        return math.nan
