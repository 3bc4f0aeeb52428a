"""Users' rows that arrays cannot run go element by element: on floats, with the scalar engine's errors and domains."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autodiff import CompileError, DomainError, Value, compile, define_op, dot, log, tanh
from autodiff.program.by_element import guarded


def test_several_at_once_and_numbers_among_the_operands_are_each_as_on_scalars() -> None:
    times = define_op(
        "times_unless_equal",
        lambda xp, x, y: 0.0 * x if x == y else x * y,
        [lambda xp, out, x, y: 0.0 if x == y else y, lambda xp, out, x, y: 0.0 if x == y else x],
    )
    w = [Value(1.0), Value(-1.0), Value(0.5)]

    def f(x: Any) -> Any:
        return times(w[0] * x, w[1] * x) * times(w[1] * x, w[2] * x) + times(w[2] * x, 3.0)

    program = compile(f, 1.0, parameters=w)
    rows, expected = [2.0, -3.0, 6.0], []
    for x in rows:
        for v in w:
            v.grad = 0.0
        f(Value(x)).backward()
        expected.append([v.grad for v in w])
    assert program(rows).tolist() == [8.0 + 3.0, 40.5 - 4.5, 648.0]
    assert program.value_and_grad(rows, reduce=None)[1].tolist() == expected


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_rules_are_given_pythons_floats_alone(dtype: str) -> None:
    given: set[type] = set()

    def noting(*x: Any) -> None:
        if not any(isinstance(v, Value) or type(v).__module__.startswith("autodiff") for v in x):
            given.update(map(type, x))

    def one(xp: Any, x: Any) -> Any:
        noting(x)
        return x * x if x != 0.0 else x * 1.0

    def slope(xp: Any, out: Any, x: Any) -> Any:
        noting(out, x)
        return 2.0 * x if x != 0.0 else 1.0

    def several(xp: Any, *x: Any) -> Any:
        noting(*x)
        return xp.dot(*x, *x) if x[0] != 0.0 else 0.0 * x[0]

    def slopes(xp: Any, out: Any, *x: Any) -> Any:
        noting(out, *x)
        return tuple(2.0 * v if x[0] != 0.0 else 0.0 * v for v in x)

    square, squares = define_op("square_noting", one, [slope]), define_op("squares_noting", several, slopes)
    w = [Value(1.0), Value(2.0)]
    program = compile(lambda x: square(w[0] * x) + squares(w[0] * x, w[1] * x), 1.0, parameters=w, dtype=dtype)
    given.clear()
    assert program.value_and_grad([3.0, 1.0], reduce=None)[1].tolist() == [[36.0, 36.0], [4.0, 4.0]]
    assert given == {float}


ROOT = define_op(
    "root_by_if",
    lambda xp, x: 10.0 * (x / x) if x == 100.0 else xp.sqrt(x),
    [lambda xp, out, x: 0.0 if x == 100.0 else 0.5 / out],
)
ROOTS = define_op(
    "roots_by_if",
    lambda xp, *x: 10.0 * x[1] if x[0] == 100.0 else xp.sqrt(x[0]) * x[1],
    lambda xp, out, *x: (0.0 if x[0] == 100.0 else 0.5 * x[1] / xp.sqrt(x[0]), xp.sqrt(x[0])),
)


@pytest.mark.parametrize("f", [ROOT, lambda x: ROOTS(x, 1.0)], ids=["one operand", "several"])
def test_where_a_rule_fails_the_row_is_named_with_the_scalar_engines_error(f: Any) -> None:
    w = Value(1.0, "w")
    program = compile(lambda x: f(w * x) + 1.0, 1.0, parameters=[w])
    assert program([4.0, 0.0]).tolist() == [3.0, 1.0]
    with pytest.raises((ValueError, ArithmeticError), match=r"X\[2\]: roots?_by_if .*-1\.0"):
        program([4.0, 0.0, -1.0, -4.0])
    with pytest.raises((ValueError, ArithmeticError), match=r"X\[1\]: the derivative of roots?_by_if .*0\.0"):
        program.value_and_grad([4.0, 0.0])
    assert program.value_and_grad([4.0])[1].tolist() == [1.0], "and it runs on"


@pytest.mark.parametrize("slope", [2.0, 1.0, 0.0, -1.0, -2.0])
def test_a_local_derivative_that_is_a_number_multiplies_the_gradient(slope: float) -> None:
    times = define_op("times_a_number", lambda xp, x: slope * x, [lambda xp, out, x: slope])
    w = Value(0.5)
    program = compile(lambda x: times(w * x) + 3.0 * w, 1.0, parameters=[w])
    assert program.value_and_grad([1.0, -4.0], reduce=None)[1].tolist() == [[slope + 3.0], [-4.0 * slope + 3.0]]


def test_a_domain_that_compares_operands_is_looked_at_for_each_example() -> None:
    rising = define_op(
        "squares_if_rising",
        lambda xp, *x: xp.dot(*x, *x),
        lambda xp, out, *x: tuple(2.0 * v for v in x),
        domain=("x1 < x2", lambda *x: x[0] < x[1]),
    )
    program = compile(lambda x, y: rising(x, y) + rising(x, y + 5.0), 1.0, 2.0)
    assert program([[1.0, 2.0], [3.0, 5.0]]).tolist() == [5.0 + 50.0, 34.0 + 109.0]
    with pytest.raises(DomainError, match=r"X\[1\]: squares_if_rising is not defined"):
        program([[1.0, 2.0], [5.0, 3.0]])


def test_only_users_rows_with_a_domain_are_looked_at_one_by_one() -> None:
    """Any other has no finite value outside of it, or is defined everywhere: looking would cost a call an example."""
    free = define_op("shifted_freely", lambda xp, x: x + 1.0, [lambda xp, out, x: 1.0])
    bound = define_op(
        "shifted_above", lambda xp, x: x + 1.0, [lambda xp, out, x: 1.0], domain=("x > 1", lambda x: x > 1)
    )
    program = compile(lambda x: log(x) + free(x) + bound(x), 2.0)
    assert program.stats.by_element == ()
    assert [i.op.name for i in guarded(program.plan)] == ["shifted_above"]
    assert program(np.array([2.0])).tolist() == [np.log(2.0) + 6.0]


# N-ary rules that ask for more of their operands than a vector of them tells: how many there are, which is the first.

AVERAGE = define_op("average", lambda xp, *x: xp.total(x) / len(x), lambda xp, out, *x: tuple(1.0 / len(x) for _ in x))
FIRST = define_op("first_by_place", lambda xp, *x: 2.0 * x[0], lambda xp, out, *x: (2.0, *[0.0] * (len(x) - 1)))
TWO = define_op(
    "first_times_second",
    lambda xp, *x: x[0] * x[1],
    lambda xp, out, *x: (x[1], x[0], *[0.0] * (len(x) - 2)),
)
SCALED = define_op(  # of which the value is right on a vector, and the derivative is not
    "sum_with_other_slopes", lambda xp, *x: xp.total(x), lambda xp, out, *x: tuple(float(len(x)) for _ in x)
)
PADDED = define_op(
    "sum_and_nothing", lambda xp, *x: xp.total(x) + 0.0 * x[0], lambda xp, out, *x: tuple(1.0 + 0.0 * v for v in x)
)
COUNTED = define_op(  # of which the derivative is right on a vector, and the value is not
    "sum_and_count", lambda xp, *x: xp.total(x) + len(x), lambda xp, out, *x: tuple(1.0 + 0.0 * v for v in x)
)
AT_LEAST = define_op(  # right on a vector where the sum is large
    "sum_of_at_least",
    lambda xp, *x: xp.maximum(xp.total(x), 0.4 * len(x)),
    lambda xp, out, *x: tuple(xp.step(xp.total(x) - 0.4 * len(x)) + 0.0 * v for v in x),
)
FAR = define_op(  # which has a value where it is not tried
    "average_far_out",
    lambda xp, *x: xp.sqrt(xp.total(x) - 100.0) / len(x),
    lambda xp, out, *x: tuple(0.5 / out / len(x) ** 2.0 for _ in x),
)


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("row", [AVERAGE, FIRST, TWO, SCALED, PADDED, COUNTED, AT_LEAST])
def test_an_n_ary_rule_that_counts_or_picks_its_operands_gives_the_numbers_of_scalars(row: Any, count: int) -> None:
    w = [Value(0.5 + i) for i in range(count)]
    program = compile(lambda x: row(*[v * x for v in w]), 1.0, parameters=w)
    rows, values, gradients = [1.0, 2.0, -3.0], [], []
    for x in rows:
        for v in w:
            v.grad = 0.0
        y = row(*[v * x for v in w])
        y.backward()
        values.append(y.data)
        gradients.append([v.grad for v in w])
    assert program(rows) == pytest.approx(values, rel=1e-15, abs=0.0)
    assert program.value_and_grad(rows, reduce=None)[1] == pytest.approx(np.array(gradients), rel=1e-15, abs=0.0)
    assert len(program.stats.by_element) == 1
    with pytest.raises(CompileError, match="counts its operands or picks some of them"):
        program.source()


def test_one_that_has_no_value_where_it_is_tried_runs_by_element() -> None:
    program = compile(lambda x: FAR(x, x + 60.0), 70.0)
    assert program([70.0]).tolist() == [5.0]
    assert program.stats.by_element == ("average_far_out",)


@pytest.mark.parametrize(
    "row",
    [
        define_op("norm_of_all", lambda xp, *x: xp.sqrt(xp.dot(*x, *x)), lambda xp, out, *x: tuple(v / out for v in x)),
        define_op(
            "sum_of_logs",
            lambda xp, *x: xp.total(xp.log(v) for v in x),
            lambda xp, out, *x: tuple(1.0 / v for v in x),
            domain=("every x > 0", lambda *x: min(x) > 0.0),
        ),
    ],
)
def test_one_that_takes_its_operands_as_they_come_runs_on_arrays(row: Any) -> None:
    program = compile(lambda x, y: row(x, y, 2.0), 1.0, 2.0)
    assert program.stats.by_element == ()
    assert program([[3.0, 4.0]]) == pytest.approx(row(3.0, 4.0, 2.0), rel=1e-15, abs=0.0)


def test_the_listing_names_the_derivative_of_a_row_that_is_no_formula_of_vectors() -> None:
    w = [Value(1.0, "w[1]"), Value(2.0, "w[2]")]
    program = compile(lambda x: tanh(TWO(w[0] * x, w[1] * x)), 1.0, parameters=w)
    assert str(program.backward) == "∂L/∂w += (1 − L²) ⊙ ∂first_times_second/∂v1 ⊙ x"
    assert r"\frac{\partial \mathrm{first\_times\_second}}{\partial v_{1}}" in program.backward.latex


def test_the_tables_own_rows_run_on_arrays() -> None:
    program = compile(lambda a, b, c, d: tanh(dot([a, b], [c, d])) * tanh(dot([b, c], [d, a])), 1.0, 2.0, 3.0, 4.0)
    assert program.stats.by_element == ()


def test_a_rule_with_a_loop_is_walked_once_however_often_its_results_are_read() -> None:
    """Each turn reads the result before it twice: 2⁴⁰ ways lead through it."""

    def turned(xp: Any, x: Any) -> Any:
        for _ in range(40):
            x = x * x + 0.1
        return x

    def slope(xp: Any, out: Any, x: Any) -> Any:
        d = 1.0
        for _ in range(40):
            d, x = d * 2.0 * x, x * x + 0.1
        return d

    program = compile(lambda x: define_op("turned", turned, [slope])(x), 0.5)
    assert program([0.5]).tolist() == [turned(None, 0.5)]
    assert len(program.source()) < 3000
