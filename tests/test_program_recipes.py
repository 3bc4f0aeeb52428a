"""A row's rule as a few calls of NumPy that share their buffers: the numbers are those of scalars all the same."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest

from autodiff import Value, compile, define_op, erf, erfc, grad, logsumexp
from autodiff.program import on_numpy

ROWS = [-1.5, -0.25, 0.5, 2.0]
RULES: dict[str, Any] = {
    "a choice of what is computed": lambda xp, x: 1.0 + xp.unless(xp.less(x, 0.0), xp.sin(x), xp.cos(x)),
    "a choice by what is computed": lambda xp, x: 1.0 + xp.unless(xp.less(xp.sin(x), 0.4), x, 2.0),
    "a condition as a number": lambda xp, x: xp.sin(1.0 + xp.less(x, 0.0)) + xp.cos(x),
    "conditions": lambda xp, x: xp.unless((x != 0.5) & xp.less(-1.0, x), xp.sin(x), xp.exp(x)) * x,
    "unequal": lambda xp, x: xp.unless(x != 0.5, xp.sin(x), 3.0) + x,
    "what is read twice": lambda xp, x: xp.sin(x) * xp.cos(xp.sin(x)) + xp.sin(x),
    "the error function": lambda xp, x: xp.erf(x) + xp.erfc(xp.sin(x)),
    "zeros of both signs": lambda xp, x: xp.arctan2(0.0 * xp.abs(x), x) + 10.0 * xp.arctan2(-0.0 * xp.abs(x), x),
    "itself": lambda xp, x: x,
}


@pytest.mark.parametrize("name", RULES)
def test_the_value_is_that_on_scalars_of(name: str) -> None:
    row = define_op("a_rule", RULES[name], [lambda xp, out, x: 0.0])
    program = compile(lambda x: row(x) + 0.5, 1.0)
    assert program(ROWS) == pytest.approx([row(x) + 0.5 for x in ROWS], rel=1e-15, abs=0.0)
    assert program.stats.by_element == ()


@pytest.mark.parametrize("steps", range(20))
def test_a_derivative_comes_in_order_however_many_steps_the_value_has(steps: int) -> None:
    def value(xp: Any, x: Any) -> Any:
        for _ in range(steps):
            x = xp.sin(x)
        return x

    row = define_op("sine_of_sine", value, [lambda xp, out, x: xp.exp(xp.cos(x)) - x])
    w = Value(0.5)
    _, (slope,) = compile(lambda x: row(w * x), 1.0, parameters=[w]).value_and_grad([1.0])
    assert slope == pytest.approx(math.exp(math.cos(0.5)) - 0.5, rel=1e-15, abs=0.0)


def test_what_does_not_vary_is_not_computed_in_its_place_for_what_does() -> None:
    row = define_op("mixed_up", lambda xp, x, y: xp.sin(x) * xp.cos(y) + 1.0, [lambda xp, out, x, y: 0.0] * 2)
    w = Value(0.5)
    program = compile(lambda x: row(w, x) * w, 1.0, parameters=[w])
    assert program(ROWS) == pytest.approx([0.5 * (math.sin(0.5) * math.cos(x) + 1.0) for x in ROWS], rel=1e-15, abs=0.0)


def test_without_scipy_the_error_function_goes_number_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    on_numpy._function.cache_clear()
    w = Value(0.75)
    program = compile(lambda x: erf(w * x) - 2.0 * erfc(x * w), 1.0, parameters=[w])
    try:
        found, slopes = program.value_and_grad(ROWS, reduce=None)
    finally:
        on_numpy._function.cache_clear()
    assert found == pytest.approx([math.erf(0.75 * x) - 2.0 * math.erfc(0.75 * x) for x in ROWS], rel=1e-15, abs=0.0)
    assert slopes[:, 0] == pytest.approx([3.0 * x * grad(erf)(0.75 * x) for x in ROWS], rel=1e-14, abs=0.0)


def test_the_largest_of_many_is_not_their_sum() -> None:
    program = compile(lambda x, y: logsumexp([x, y]), 1.0, 1.0)
    assert program([[700.0, 700.0], [-800.0, 0.0]]).tolist() == [700.0 + math.log(2.0), 0.0]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_row_that_reads_nothing_that_varies_fills_its_place(dtype: str) -> None:
    first = define_op("first_alone", lambda xp, x, y: xp.sin(x), [lambda xp, out, x, y: 0.0] * 2)
    w = Value(0.5)
    program = compile(lambda x: first(w, x) * w, 1.0, parameters=[w], dtype=dtype)
    found = program(ROWS)
    assert found.dtype == dtype and np.allclose(found, 0.5 * math.sin(0.5), rtol=1e-7, atol=0.0)
