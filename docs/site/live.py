"""Live pictures in pages of text: an element with data-live="name" becomes that step-through, which needs no Python."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from autodiff import Value
from viz import Stepper, step
from viz.cli.expression import Expression
from viz.step.code import Code


def worked() -> Stepper:
    """q = x + y, f = q·z, with the lines of the expression beside it."""
    return of_expression("q = x + y; f = q * z", {"x": -2.0, "y": 5.0, "z": -4.0})


def of_expression(text: str, inputs: dict[str, float]) -> Stepper:
    expression = Expression(text)
    values: dict[str, Value] = expression.evaluate(inputs)
    lines, made = expression.lines(values)
    return step(values[expression.result], code=Code("the expression", 1, tuple(lines), made))


PICTURES: dict[str, Callable[[], Stepper]] = {"worked": worked}


@cache
def html(name: str) -> str:
    return PICTURES[name]().html


def with_pictures(page: str) -> str:
    return re.sub(r'<div class="live" data-live="(\w+)"></div>', lambda found: html(found[1]), page)
