"""The op table as Markdown: a line for each built-in row, whatever a user has defined."""

import subprocess
import sys

import pytest

from autodiff import define_op
from autodiff.ops import BUILT_IN
from autodiff.table import markdown


def line_of(name):
    (line,) = (line for line in markdown().split("\n") if line.startswith(f"| `{name}` |"))
    return line


def test_the_table_has_a_heading_and_the_built_in_rows_alone():
    define_op("mine", lambda xp, x: 2.0 * x, [lambda xp, out, x: 2.0])
    heading, rule, *rows = markdown().split("\n")
    assert heading == "| operation | symbol | local derivatives | domain; where not differentiable |"
    assert rule == "| --- | --- | --- | --- |"
    assert [row.split("`")[1] for row in rows] == list(dict.fromkeys(row.split("`")[1] for row in rows))
    assert {row.split("`")[1] for row in rows} == BUILT_IN and all(row.endswith(" |") for row in rows)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("mul", "| `mul` | × | ∂/∂x: y; ∂/∂y: x | all reals |"),
        ("log", "| `log` | log | 1/x | x > 0 |"),
        ("sqrt", "| `sqrt` | √ | 1/(2·√x) | x ≥ 0; not at 0 |"),
        ("relu", "| `relu` | relu | [x > 0] | all reals; 0 is chosen at x = 0 |"),
        ("abs", "| `abs` | \\|·\\| | sign(x) | all reals; 0 is chosen at x = 0 |"),
        ("sum", "| `sum` | Σ | ∂/∂x₁: 1; ∂/∂x₂: 1 | all reals |"),
        ("dot", "| `dot` | · | ∂/∂x₁: y₁; ∂/∂x₂: y₂; ∂/∂y₁: x₁; ∂/∂y₂: x₂ | all reals |"),
    ],
)
def test_a_row_is_shown_with_its_derivatives_and_its_domain(name, line):
    assert line_of(name) == line


@pytest.mark.once
def test_the_module_prints_it():
    run = subprocess.run([sys.executable, "-m", "autodiff.table"], capture_output=True, encoding="utf-8", check=True)
    assert run.stdout == markdown() + "\n"
