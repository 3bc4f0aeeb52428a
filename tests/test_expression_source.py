"""An expression as Python computes, when it is run, what the expression does."""

from __future__ import annotations

import re

import pytest

from autodiff import Value
from viz.cli.expression import Expression
from viz.cli.source import as_python

pytestmark = pytest.mark.once

EXPRESSIONS = [
    "q = x + y; f = q * z",
    "f = x - (y - z) - x/(y/z)",
    "-x**2 + (-x)**2 - y**-z",
    "x**y**z - (x**y)**z",
    "√x² + |x - y| + 2·√(x·y)",
    "σ(x)·tanh(y)/max(x, z) + π - e",
    "log(sum([exp(x), exp(y)])) + mean(x, y, z) + dot([x, y], [y, z]) + logsumexp([x, z])",
    "softplus(x) - -y",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_the_program_has_the_numbers_and_gradients_of_the_expression(text: str) -> None:
    expression = Expression(text)
    inputs = {name: x for name, x in zip("xyz", (0.7, 1.9, 2.3), strict=True) if name in expression.inputs}
    values = expression.evaluate(inputs)
    values[expression.result].backward()
    program = re.sub(r"viz\.step.*|print.*", "", as_python(expression, inputs))
    names: dict[str, Value] = {}
    exec(program, {}, names)
    assert names[expression.result].data == values[expression.result].data
    assert {name: names[name].grad for name in inputs} == {name: values[name].grad for name in inputs}
