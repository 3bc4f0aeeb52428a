"""An expression of the command line's language, answered for the playground: its page, its gradient check, its files.

The numbers come as texts, as a person types them (1/3, pi, −2). What is wrong is told with its place, where it has one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autodiff import DomainError, topological_order
from viz import draw, step
from viz.cli.computed import Computed
from viz.cli.expression import Expression, constant
from viz.cli.reader import ExpressionError
from viz.cli.report import as_json
from viz.cli.source import as_python
from viz.graph.layout import boxes, require_drawable
from viz.step.code import Code
from viz.writing.numbers import format_number

MOST_BOXES = 250  # of a picture that is made anew while one types
_DIGITS = 4
_FIRST = ("2", "3", "0.5", "-1")  # what inputs are that nobody has given a number


def answer(text: str, numbers: Mapping[str, str]) -> dict[str, Any]:
    """The page of an expression as HTML, its inputs with their numbers, as texts and as values, and its gradient check;
    or an error.

    numbers : of inputs by name; those of names that the expression does not use are passed over
    """
    try:
        expression = Expression(text)
    except ExpressionError as error:
        return {"error": _told(error)}
    inputs = _numbers(expression, numbers)
    found: dict[str, Any] = {"inputs": inputs}
    try:
        computed = _computed(expression, inputs)
        lines, made = expression.lines(computed.values)
        page = step(computed.y, max_nodes=MOST_BOXES, code=Code("the expression", 1, tuple(lines), made))
        return found | {"page": page.part, "values": computed.inputs, "check": _check(computed)}
    except (DomainError, ArithmeticError, ValueError) as error:
        return found | {"error": _told(error)}


def check(text: str, numbers: Mapping[str, str]) -> dict[str, Any]:
    """The gradient check alone, for numbers that were moved in the page; none where there is no value there."""
    try:
        expression = Expression(text)
        return {"check": _check(_computed(expression, _numbers(expression, numbers)))}
    except (DomainError, ArithmeticError, ValueError):
        return {"check": None}


def export(text: str, numbers: Mapping[str, str], suffix: str) -> dict[str, Any]:
    """The expression as a file: its text, and what it may be called. ``suffix`` is .html, .svg or .py."""
    expression = Expression(text)
    given = {name: constant(number) for name, number in _numbers(expression, numbers).items()}
    y = expression.result
    if suffix == ".py":
        return {"name": f"{y}.py", "text": as_python(expression, given)}
    computed = _computed(expression, _numbers(expression, numbers))
    if suffix == ".svg":
        return {"name": f"{y}.svg", "text": draw(computed.y, max_nodes=MOST_BOXES).svg}
    with tempfile.TemporaryDirectory() as folder:
        file = step(computed.y, max_nodes=MOST_BOXES).save(Path(folder, "page.html"))
        return {"name": f"{y}.html", "text": file.read_text(encoding="utf-8")}


def _numbers(expression: Expression, given: Mapping[str, str]) -> dict[str, str]:
    """The inputs in the order of their use, each with its number as text."""
    return {
        name: given[name] if given.get(name, "").strip() else _FIRST[i % len(_FIRST)]
        for i, name in enumerate(expression.inputs)
    }


def _computed(expression: Expression, inputs: Mapping[str, str]) -> Computed:
    read: dict[str, float] = {}
    for name, number in inputs.items():
        try:
            read[name] = constant(number)
        except ValueError as error:
            raise ValueError(f"{name} = {number[:40]}: {error}") from None
    y = expression.evaluate(read)[expression.result]
    require_drawable(boxes(topological_order(y)), MOST_BOXES, y.label)  # before the gradient check, which takes longest
    return Computed(expression, read, _DIGITS)


def _check(computed: Computed) -> dict[str, Any]:
    """The gradient check as rows of a table, and what is said below it."""
    said = as_json(computed, [])
    rows = [
        [c["name"], format_number(c["reverse"], 6), format_number(c["numerical"], 6), c["verdict"]]
        for c in said["gradcheck"]["inputs"]
    ]
    return {"rows": rows, "ok": said["gradcheck"]["ok"], "note": said["gradcheck"]["note"], "kinks": said["kinks"],
            "held": [f"{name}: {why}" for name, why in computed.held.items()]}  # fmt: skip


def _told(error: Exception) -> dict[str, Any]:
    """The message, and the place in the text where it has one (line and column count from 1)."""
    if isinstance(error, ExpressionError):
        return {"message": error.reason, "line": error.line, "column": error.column}
    notes = getattr(error, "__notes__", ())
    return {"message": " · ".join([str(error), *notes]), "line": 0, "column": 0}
