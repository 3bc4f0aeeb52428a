"""`Program.source`: NumPy code that runs, gives the program's numbers whatever the graph is named, and reads well."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from program_backends import ROWS

from autodiff import Value, compile, define_op, dot, erf, erfc, exp, log, logsumexp, tanh, where
from autodiff import sum as total
from autodiff.engine import apply
from autodiff.op import OPS
from autodiff.program.program import Program


def run(program: Program, name: str = "value_and_gradient", textbook: bool = False) -> Callable[..., Any]:
    made: dict[str, Any] = {}
    exec(program.source(textbook), made)
    return lambda rows: made[name](program.theta(), np.array(rows, float).reshape(-1, program.inputs))


def assert_gives_the_same(program: Program, rows: Any) -> None:
    loss, gradient = program.value_and_grad(rows, write=False)
    for textbook in (False, True):
        found = run(program, textbook=textbook)(rows)
        assert found[0] == pytest.approx(loss, rel=1e-13, abs=1e-15)
        assert found[1] == pytest.approx(gradient, rel=1e-12, abs=1e-14)


def lines(program: Program) -> list[str]:
    return [line.strip() for line in program.source().splitlines()]


ROWS_OF_3 = [[0.5, -1.0, 2.0], [1.0, 0.25, -0.5]]


# Numbers.


@pytest.mark.parametrize("name", ROWS)
def test_every_row_has_source_that_gives_its_value_and_its_gradients(name: str) -> None:
    op = OPS[name]
    count = op.arity or 4
    at = next(p for p in (0.3, 1.3) if op.domain.contains(*[p + 0.1 * i for i in range(count)]))
    w = [Value(at + 0.1 * i) for i in range(count)]
    row = functools.partial(apply, op)
    rows = [[1.0], [1.1], [1.2]]
    assert_gives_the_same(compile(lambda x: row(*[v * x for v in w]) * w[0], 1.0, parameters=w), rows)
    assert_gives_the_same(compile(lambda x: row(*w) * x, 1.0, parameters=w), rows)


@pytest.mark.parametrize(
    "f",
    [
        lambda w, c, x: dot(w, [c, c]) * x,
        lambda w, c, x: tanh(dot([c, c], [w[0] * x, w[1]])) + dot([x, x], [c, c]),
        lambda w, c, x: dot([x, tanh(x)], w) + c,
        lambda w, c, x: logsumexp([c, c, c]) * w[0] * x + w[1],
        lambda w, c, x: logsumexp([c, c, c]) + w[0] * w[1],
        lambda w, c, x: dot([log(c), c], w),
        lambda w, c, x: exp(c) * total([c, x, w[0], w[1], c]),
        lambda w, c, x: total([tanh(dot([v, c], [x, y])) for v in w for y in (x, 2.0 * x)]),
        lambda w, c, x: where(1.0, w[0], x) * exp(w[1]),
        lambda w, c, x: where(c, w[0], x) + w[1] * x,
        lambda w, c, x: where(c, 3.0, x) * w[0] + w[1],
        lambda w, c, x: total([tanh(dot([v, v], [x, y]) + c) for v in w for y in (x, 2.0)]),
    ],
)
def test_constants_among_the_operands_have_source_however_many_there_are(f: Callable[..., Any]) -> None:
    w, c = [Value(0.3, "w"), Value(0.7, "u")], Value(2.0, "c")
    assert_gives_the_same(compile(lambda x: f(w, c, x), 1.0, parameters=w), [[0.5], [1.0], [-2.0]])


@pytest.mark.parametrize("spread", [False, True])
def test_matrices_and_what_else_is_done_with_their_weights_have_source(spread: bool) -> None:
    names = ["W[1,1]", "W[1,2]", "b[1]", "W[2,1]", "W[2,2]", "b[2]"]
    p = [Value(0.2 + 0.1 * i, name) for i, name in enumerate(names)]
    w, b, c = [p[0], p[1], p[3], p[4]], [p[2], p[5]], Value(0.5, "c")

    def layer(x: Sequence[Any], bias: Sequence[Any]) -> list[Any]:
        return [tanh(dot(w[:2], x) + bias[0]), tanh(dot(w[2:], x) + bias[1])]

    def f(x: Any, y: Any, z: Any) -> Any:
        found = layer([x, y], b) + (layer([y, z], b) if spread else [])
        return total(found) * total([exp(v) for v in w]) + logsumexp(w) * dot(w, w) + dot(b, b)

    assert_gives_the_same(compile(f, 1.0, 1.0, 1.0, parameters=p), ROWS_OF_3)

    def constant(x: Any, y: Any, z: Any) -> Any:
        return total(layer([x, y], [c, c]) + (layer([y, z], [c, c]) if spread else [])) * z + b[0] * b[1]

    assert_gives_the_same(compile(constant, 1.0, 1.0, 1.0, parameters=p), ROWS_OF_3)

    def separate(x: Any, y: Any, z: Any) -> Any:
        return tanh(dot(w[:2], [x, y])) * tanh(dot(w[2:], [y, z])) * (total(b) if spread else 1.0)

    assert_gives_the_same(compile(separate, 1.0, 1.0, 1.0, parameters=p if spread else w), ROWS_OF_3)


def test_an_output_has_a_number_for_each_row_whatever_it_is_made_of() -> None:
    x, c = Value(1.0, "x"), Value(2.0, "c")
    for outputs in ([where(1.0, c, x)], [where(1.0, c, x), x + c, tanh(c)], [where(c, 3.0, x) * x, log(c) * c]):
        program = compile(outputs, inputs=[x])
        assert run(program, "outputs")([1.0, 2.0, 3.0]).tolist() == program([1.0, 2.0, 3.0])[..., :].squeeze().tolist()


def test_a_loss_that_is_a_number_has_gradient_0() -> None:
    w = Value(0.3, "w")
    for f in (lambda x: dot([0.0], [w]), lambda x: 0.0 * tanh(w) + dot([0.0, 0.0], [w, w])):
        program = compile(f, 1.0, parameters=[w])
        found = run(program)([1.0, 2.0])
        assert found[0] == 0.0 and found[1].tolist() == [0.0]


def test_a_user_row_whose_value_is_a_number_has_source() -> None:
    three = define_op("three_of_any", lambda xp, x: 3.0, [lambda xp, out, x: 0.0])
    capped = define_op("capped_at_infinity", lambda xp, x: xp.minimum(x, math.inf), [lambda xp, out, x: 1.0])
    w = Value(2.0, "w")
    assert_gives_the_same(compile(lambda x: three(w * x) * w + capped(w * x), 1.0, parameters=[w]), [1.0, 2.0, 3.0])
    assert run(compile(lambda x: three(x), 1.0), "outputs")([1.0, 2.0]).tolist() == [3.0, 3.0]


# Names.

LABELS = [
    *("np", "math", "len", "theta", "X", "gradient", "f", "s", "df", "ds", "lambda", "t1", "t2", "erf", "derf", "1a"),
    *("_", "%", "", "x₁", "x²", "x̂", "Ⅷ", "①", "dL", "dx", "dv1", "el", "v1", "L", "z1", "dz1", "a1", "x"),
]


@pytest.mark.parametrize("lift", [True, False])
def test_whatever_parameters_and_inputs_are_called_the_source_gives_the_numbers(lift: bool) -> None:
    w, x = [Value(0.2 + 0.02 * i, label) for i, label in enumerate(LABELS)], Value(1.0, "x")
    y = total([tanh(v * x) * erf(u) for u, v in zip(w, w[1:] + w[:1], strict=True)]) * logsumexp([w[0], x])
    program = compile(tanh(y * 0.1), inputs=[x], parameters=w, lift=lift)
    assert ("np.add.at" in program.source()) or not lift
    assert_gives_the_same(program, [[0.5], [1.0], [-2.0]])


def test_a_single_parameter_may_be_called_what_else_is_a_gradient() -> None:
    for label in ("dL", "dx", "dv1", "gradient"):
        w, x = Value(0.3, label), Value(1.0, "x")
        assert_gives_the_same(compile(tanh(w * x) * w, inputs=[x], parameters=[w]), [[0.5], [-2.0]])


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (("x₁", "x1", "x 1"), ("x1", "x1_2", "x_2")),  # to Python the first two are one name
        (("𝑤", "w", "dw"), ("w", "w_2", "dw_3")),
        (("du", "u", "du_2"), ("du", "u_2", "du_3")),
        (("", "%", "2"), ("w", "v", "v2")),
        (("lambda", "a b!", "_c_"), ("lambda_2", "a_b", "c")),
        (("a -> b", "Xs", "f"), ("a_b", "Xs", "f_2")),
        (("t1", "derf", "t2"), ("t1_2", "derf_2", "t2_2")),
        (("math", "s", "df"), ("math", "s_2", "df_2")),
    ],
)
def test_a_label_that_is_no_name_or_is_taken_becomes_one_that_is_not(
    labels: Sequence[str], names: Sequence[str]
) -> None:
    w = [Value(0.3 + i, label) for i, label in enumerate(labels)]
    program = compile(lambda x: tanh(w[0]) * tanh(w[1] * x) * tanh(w[2]), 1.0, parameters=w)
    assert [line.split(" = ")[0] for line in lines(program) if "theta[" in line] == list(names)
    assert_gives_the_same(program, [[0.5], [2.0]])


# How it reads.


FORMULAS: list[tuple[Any, str]] = [
    (lambda xp, x, y: x + y - (x - y) - (y + x), "x + y - (x - y) - (y + x)"),
    (lambda xp, x, y: x / (x * y) * y / (y / x), "x / (x * y) * y / (y / x)"),
    (lambda xp, x, y: (x + y) * (x - y) / -(x * y), "(x + y) * (x - y) / -(x * y)"),
    (lambda xp, x, y: xp.mod(xp.mod(x, y), xp.mod(y, x)) * -x, "x % y % (y % x) * -x"),
    (lambda xp, x, y: (x**y) ** 0.5 - x ** (y**2.0), "(x ** y) ** 0.5 - x ** (y ** 2.0)"),
    (lambda xp, x, y: (-x) ** 2.0 + (x + 1.0) ** (-y), "(-x) ** 2.0 + (x + 1.0) ** (-y)"),
    (lambda xp, x, y: -(x**2.0) - (-(x + 3.0) - y), "-x ** 2.0 - (-(x + 3.0) - y)"),
    (lambda xp, x, y: xp.abs(x - y) * -2.0 + xp.maximum(x, -1.0), "np.abs(x - y) * (-2.0) + np.maximum(x, -1.0)"),
    (lambda xp, x, y: xp.sin(x * y - 1.0) ** xp.cos(-x), "np.sin(x * y - 1.0) ** np.cos(-x)"),
    (lambda xp, x, y: xp.unless(xp.less(x + 1.0, y), x, -y), "np.where(x + 1.0 < y, x, -y)"),
    (lambda xp, x, y: xp.mod(x, y) * x, "x % y * x"),
    (lambda xp, x, y: xp.unless(xp.less(x, y) & (y == 2.0), x, -y), "np.where((x < y) & (y == 2.0), x, -y)"),
    (lambda xp, x, y: xp.unless(xp.less(x, y) == (y == x), x, -y), "np.where((x < y) == (y == x), x, -y)"),
    (lambda xp, x, y: xp.unless((x == y) == xp.less(y, x), x, -y), "np.where((x == y) == (y < x), x, -y)"),
    (lambda xp, x, y: xp.unless(xp.less(xp.less(x, y), 0.5), x, -y), "np.where((x < y) < 0.5, x, -y)"),
    (lambda xp, x, y: xp.unless((x != y) & xp.less(y, x), x, -y), "np.where(np.not_equal(x, y) & (y < x), x, -y)"),
    (lambda xp, x, y: x * 1.0 + 1.0 * y, "x + y"),
    (lambda xp, x, y: xp.pow(x, y) * 2.0, "x ** y * 2.0"),
    (lambda xp, x, y: x * -1.0 - -1.0 * y, "-x - -y"),
    (lambda xp, x, y: xp.step(x) * xp.compare(x, y), "np.heaviside(x, 0.0) * np.sign(x - y)"),
    (lambda xp, x, y: xp.unless(xp.less(x, 0.0), -x, x) + y, "np.abs(x) + y"),
    (lambda xp, x, y: xp.unless(xp.less(x, 0.0), -y, x), "np.where(x < 0.0, -y, x)"),
    (lambda xp, x, y: xp.unless(xp.less(y, 0.0), -x, x), "np.where(y < 0.0, -x, x)"),
    (lambda xp, x, y: xp.unless(xp.less(x, 1.0), -x, x) + y, "np.where(x < 1.0, -x, x) + y"),
    (lambda xp, x, y: xp.unless(x == 0.0, -x, x) + y, "np.where(x == 0.0, -x, x) + y"),
    (lambda xp, x, y: xp.unless(xp.less(x, 0.0), xp.sin(x), x) + y, "np.where(x < 0.0, np.sin(x), x) + y"),
    (lambda xp, x, y: 1.0 + (xp.less(x, y) & (y == 2.0)), "1.0 + ((x < y) & (y == 2.0))"),
    (lambda xp, x, y: xp.unless(xp.less(x, 9.0), x, math.nan) - y, "np.where(x < 9.0, x, np.nan) - y"),
    (lambda xp, x, y: x * xp.mod(x, y), "x * (x % y)"),
    (lambda xp, x, y: x - 0.0 * y + (y - 1.0), "x - 0.0 * y + (y - 1.0)"),
    (lambda xp, x, y: -(x - y) * x, "-(x - y) * x"),
]


def test_a_formula_is_written_with_the_brackets_that_python_needs() -> None:
    x, y = Value(1.25, "x"), Value(2.0, "y")
    for rule, text in FORMULAS:
        op = define_op("written", rule, [lambda xp, out, x, y: 0.0] * 2)
        program = compile(op(x, y), inputs=[x, y])
        assert f"L = {text}" in lines(program)
        assert run(program, "outputs")([[1.25, 2.0], [3.0, 0.5]]) == pytest.approx(program([[1.25, 2.0], [3.0, 0.5]]))


OF_A_NUMBER: list[tuple[Any, float, str]] = [  # of x and a number y
    (lambda xp, x, y: x * (2.0 + y * 3.0), 4.0, "x * 14.0"),
    (lambda xp, x, y: x * xp.erf(y) + xp.erfc(y), 0.5, f"x * {math.erf(0.5)!r} + {math.erfc(0.5)!r}"),
    (lambda xp, x, y: x * xp.pow(y, 3.0) + xp.mod(y, 2.0) - xp.abs(-y), 5.0, "x * 125.0 + 1.0 - 5.0"),
    (lambda xp, x, y: xp.unless(xp.less(y, 1.0), x, -x), 0.5, "x"),
    (lambda xp, x, y: xp.unless(xp.less(y, 1.0), x, -x), 1.0, "-x"),
    (lambda xp, x, y: xp.unless((y == 0.0) & xp.less(x, 1.0), x, -x), 0.0, "np.where(x < 1.0, x, -x)"),
    (lambda xp, x, y: xp.unless(xp.less(x, 1.0) & (y == 0.0), x, -x), 0.0, "np.where(x < 1.0, x, -x)"),
    (lambda xp, x, y: xp.unless((y == 0.0) & xp.less(x, 1.0), x, -x), 2.0, "-x"),
    (lambda xp, x, y: xp.unless(xp.less(x, 1.0) & (y == 0.0), x, -x), 2.0, "-x"),
]


@pytest.mark.parametrize(("rule", "y", "text"), OF_A_NUMBER)
def test_what_is_made_of_numbers_is_a_number_in_the_source(rule: Any, y: float, text: str) -> None:
    op = define_op("of_a_number", rule, [lambda xp, out, x, y: 0.0] * 2)
    program = compile(lambda x: op(x, y), 0.75)
    assert f"L = {text}" in lines(program)
    assert run(program, "outputs")([0.75, 3.0]) == pytest.approx(program([0.75, 3.0]), rel=1e-15, abs=0.0)


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 2.0, 3.0, -1.0])
def test_a_power_has_source_whatever_its_exponent(exponent: float) -> None:
    w = Value(2.0, "w")
    assert_gives_the_same(compile(lambda x: (w * x) ** exponent, 1.0, parameters=[w]), [0.5, 1.0, 3.0])


def test_what_is_needed_twice_has_a_line_of_its_own() -> None:
    op = define_op(
        "repeating",
        lambda xp, x: xp.exp(x * x) / (1.0 + xp.exp(x * x)) + xp.sin(x) * xp.sin(x),
        [lambda xp, out, x: 0.0],
    )
    x = Value(1.0, "x")
    found = lines(compile([op(x), op(op(x))], inputs=[x]))
    assert found[found.index("x = X.T[0:1]") + 1 : -1] == [
        "t1 = np.exp(x * x)",
        "t2 = np.sin(x)",
        "v1 = t1 / (1.0 + t1) + t2 * t2",
        "t3 = np.exp(v1 * v1)",
        "t4 = np.sin(v1)",
        "v2 = t3 / (1.0 + t3) + t4 * t4",
    ]


def test_numbers_are_written_where_they_stand_and_helpers_in_their_order() -> None:
    x, c = Value(1.0, "x"), Value(-2.0, "c")
    found = lines(compile([erf(x) + erfc(x), x * c, c - x], inputs=[x]))
    assert found[:5] == [
        "import math",
        "",
        "import numpy as np",
        "",
        "erf = np.vectorize(math.erf, otypes=[float])",
    ]
    assert found[5] == "erfc = np.vectorize(math.erfc, otypes=[float])"
    assert {"v1 = erf(x)", "v2 = erfc(x)", "v3 = x * (-2.0)", "v4 = (-2.0) - x"} <= set(found)


@pytest.mark.parametrize(
    ("matrix", "index"),
    [
        ([[0, 1], [2, 3]], "2 * np.arange(2)[:, None] + np.arange(2)"),
        ([[1, 2], [4, 5]], "1 + 3 * np.arange(2)[:, None] + np.arange(2)"),
        ([[0, 2], [1, 3]], "np.arange(2)[:, None] + 2 * np.arange(2)"),
        ([[0, 3], [1, 4]], "np.arange(2)[:, None] + 3 * np.arange(2)"),
        ([[0, 1, 2]], "None, 0:3"),
        ([[1, 3, 5]], "None, 1:6:2"),
    ],
)
def test_an_index_is_as_short_as_it_can_be(matrix: list[list[int]], index: str) -> None:
    p = [Value(0.1 * i) for i in range(6)]
    x = [Value(0.5, f"x[{i}]") for i in range(len(matrix[0]))]
    others = [tanh(v * x[0]) for i, v in enumerate(p) if not any(i in row for row in matrix)]
    loss = total([*others, *(tanh(dot([p[i] for i in row], x)) for row in matrix)])
    program = compile(loss, inputs=x, parameters=p)
    assert f"W1 = theta[{index}]" in lines(program)
    assert any(line.startswith(f"df[:, 0][{index}] += ") for line in lines(program))
    assert_gives_the_same(program, [[0.5 * i + 0.25 * j for i in range(len(x))] for j in range(3)])
