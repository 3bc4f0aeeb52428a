"""How a plan is written down for the tape in C: its steps, for one example and for several, and their memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from program_backends import BACKENDS

from autodiff import Value, compile, dot, logsumexp, sin, tanh
from autodiff.program import on_native
from autodiff.program.instructions import Plan

if "native" not in BACKENDS:
    pytest.skip("not applicable: the tape was not built", allow_module_level=True)


def plan_of(f: Callable[..., Any], weights: int, inputs: int) -> Plan:
    w = [Value(0.3 + 0.1 * i) for i in range(weights)]
    return compile(lambda *x: f(w, x), *[0.5] * inputs, parameters=w).plan


def test_a_step_has_the_fields_of_its_struct_in_c() -> None:
    header = Path(__file__).parents[1] / "autodiff" / "native" / "tape_steps.h"
    fields = re.findall(r"(u?)int(\d+)_t (\w+);", header.read_text("utf-8").partition("} Step;")[0])
    numpys = [(name, f"{unsigned or 'i'}{int(bits) // 8}") for unsigned, bits, name in fields]
    assert np.dtype(numpys) == on_native.STEP and len(numpys) == 6


def test_a_plan_is_written_once_for_one_example_and_once_for_all_other_numbers() -> None:
    plan = plan_of(lambda w, x: tanh(w[0] * x[0]), 1, 1)
    first, alone, second = (on_native.Runner(plan, n).tape for n in (7, 1, 9))
    assert first is second and alone is not first and on_native.Runner(plan, 1, True).tape is alone


def test_what_is_repeated_for_each_example_is_read_where_it_is_for_one() -> None:
    plan = plan_of(lambda w, x: logsumexp([w[0], x[0]]) * w[1], 2, 1)
    assert [len(on_native.written(plan, n).steps) for n in (1, 2)] == [2, 3]


@pytest.mark.parametrize("n", [1, 2])
def test_gradients_go_to_what_depends_on_a_parameter_alone(n: int) -> None:
    plan = plan_of(lambda w, x: sin(x[0]) * (x[1] * w[0]), 1, 2)
    steps = on_native.written(plan, n).steps
    assert sorted(steps["wanted"].tolist()) == [0, 0b10, 0b10]


@pytest.mark.parametrize(
    ("f", "scratch"),
    [
        (lambda w, x: tanh(dot(w, x)), 0),
        (lambda w, x: logsumexp([*w, *x]) * logsumexp(w) + logsumexp(x), 12),  # six, and their local derivatives
        (lambda w, x: logsumexp(x) * logsumexp([*w, *x]), 12),
        (lambda w, x: tanh(dot(w[:2], x[:2])) * tanh(dot(w[1:], x[1:])), 8),  # two vectors of two
    ],
)
def test_scratch_is_the_operands_and_derivatives_of_the_longest_row_of_many_operands(f: Any, scratch: int) -> None:
    assert on_native.Runner(plan_of(f, 3, 3), 5).arrays[2].size == scratch
