"""What memory a run of a Program takes on NumPy beyond its values and gradients, and whose the numbers are it gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from program_backends import BACKENDS, retained

from autodiff import Value, compile, define_op, dot, exp, relu, sigmoid, sin, softplus, tanh, where
from autodiff import sum as total
from autodiff.program import on_numpy

N = 50_000


def columns(f: Callable[..., Any], weights: int, inputs: int, each: bool = False, dtype: str = "float64") -> float:
    """How many numbers an example are held by what runs ``f(w, x)``, but for the values and the gradients."""
    w = [Value(0.3 + 0.1 * i) for i in range(weights)]
    plan = compile(lambda *x: f(w, x), *[0.5] * inputs, parameters=w).plan
    on_numpy.Runner(plan, 1, each, dtype)  # the rows' recipes, which stay
    held: list[Any] = []
    found = retained(lambda: held.append(on_numpy.Runner(plan, N, each, dtype)))
    memory = held[0].memory
    arrays = [*memory.values.values(), *memory.gradients.values()]
    return (found - sum(array.nbytes for array in arrays)) / (memory.dtype.itemsize * N)


def chain(row: Callable[..., Any], count: int) -> Callable[..., Any]:
    def f(w: Any, x: Any) -> Any:
        y = w[0] * x[0]
        for _ in range(count):
            y = row(y)
        return y

    return f


AGAIN = define_op("sine_of_cosine", lambda xp, x: xp.sin(xp.cos(x)), [lambda xp, out, x: xp.cos(x) * xp.sin(x)])
LONG = define_op("long_way_round", lambda xp, x: xp.sin(xp.cos(xp.exp(xp.tanh(xp.abs(x))))), [lambda xp, out, x: 2.0])


def thrice(xp: Any, x: Any) -> Any:
    for _ in range(3):
        x = xp.sin(x)
        x = x * xp.cos(x)
    return x


THRICE = define_op("thrice_read_twice", thrice, [lambda xp, out, x: 2.0])
MIXED = define_op("of_both_kinds", lambda xp, x, y: xp.sin(x) * xp.cos(y) + 1.0, [lambda xp, out, x, y: 2.0] * 2)


@pytest.mark.parametrize(
    ("row", "kept", "forwards", "backwards"),
    [
        (exp, 0, 0, 1),  # its derivative is its result: one, which is then summed up over the examples
        (sin, 0, 0, 1),
        (relu, 0, 0, 1),
        (tanh, 0, 0, 2),  # e and (1 + e)²
        (sigmoid, 2, 1, 2),  # its value has e and 1 + e, which are in the derivative too
        (softplus, 1, 2, 2),
        (AGAIN, 1, 0, 1),
        (LONG, 0, 1, 1),  # each step takes the place of the step before
        (THRICE, 0, 2, 1),  # two steps at a time
    ],
    ids=lambda x: getattr(x, "__name__", None),
)
def test_an_operation_keeps_what_its_derivative_reads_and_shares_all_else(
    row: Any, kept: int, forwards: int, backwards: int
) -> None:
    for count in (1, 2, 4):
        found = columns(chain(row, count), 1, 1)
        assert found == pytest.approx(kept * count + forwards + backwards, abs=0.2)


def test_what_a_row_reads_from_here_and_there_is_copied_to_where_the_last_was_copied() -> None:
    def f(depth: int) -> Callable[..., Any]:
        def of(w: Any, x: Any) -> Any:
            h = [tanh(v * x[0]) for v in w]
            for _ in range(depth):
                h = [*(sin(h[i]) for i in (0, 1, 3)), exp(h[2])]
            return total(h)

        return of

    assert columns(f(4), 4, 1) == pytest.approx(columns(f(1), 4, 1), abs=0.5)


def test_a_step_takes_the_place_of_one_that_has_its_shape() -> None:
    assert columns(lambda w, x: MIXED(w[0], x[0]) + w[0], 1, 1) == pytest.approx(2.0, abs=0.2)


LATER = define_op(
    "of_its_second_first",
    lambda xp, x, y: (lambda t: xp.exp(t * xp.cos(t)))(xp.sin(y) * xp.cos(x)),
    [lambda xp, out, x, y: 2.0] * 2,
)


def test_operands_may_come_in_any_order() -> None:
    assert columns(lambda w, x: LATER(w[0] * x[0], x[1]), 1, 2) == pytest.approx(3.0, abs=0.2), "two forwards"


def test_a_bias_at_several_places_is_summed_where_it_is() -> None:
    def biased(w: Any, x: Any) -> Any:
        return (dot(w[:2], x[:2]) + w[2]) * w[3] + (dot(w[:2], x[2:]) + w[2]) * w[4]

    assert columns(biased, 5, 4) == pytest.approx(0.0, abs=0.1)


def test_float32_takes_half_the_memory_in_between_too() -> None:
    assert columns(chain(tanh, 2), 1, 1, dtype="float32") == pytest.approx(2.0, abs=0.4)


def of_choices(count: int) -> Callable[..., Any]:
    def f(w: Any, x: Any) -> Any:
        y = x[0]
        for i in range(count):
            y = where(y, w[2 * i], w[2 * i + 1])
        return y

    return f


def test_what_is_added_up_over_the_examples_takes_no_more_for_many_operations_than_for_one() -> None:
    """Each has what it adds up, of a number an example, and the sum, of one number, which is not put into the first."""
    one, four = (columns(of_choices(count), 2 * count, 1) for count in (1, 4))
    assert four == pytest.approx(one, abs=0.4)


@pytest.mark.parametrize("each", [False, True])
def test_matrix_products_write_into_the_gradients_themselves(each: bool) -> None:
    assert columns(lambda w, x: dot(w, x), 3, 3, each) == pytest.approx(0.0, abs=0.1)


def test_the_gradients_of_each_example_are_written_where_they_are_kept() -> None:
    assert columns(lambda w, x: w[0] * x[0], 1, 1, each=True) == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_numbers_of_a_run_stay_when_another_follows(backend: str) -> None:
    w = [Value(0.5), Value(-0.25)]
    program = compile(lambda x, y: tanh(w[0] * x) * y + w[1], 1.0, 1.0, parameters=w)
    rows = np.array([[0.5, 2.0], [1.0, -3.0], [0.25, 4.0]])
    runs = [
        lambda x: [program(x, backend=backend)],
        lambda x: program.value_and_grad(x, reduce=None, backend=backend),
        lambda x: program.value_and_grad(x, backend=backend),
        lambda x: program.pull_back(x, np.ones(3), program.theta(), backend=backend),
    ]
    for run in runs:
        given = run(rows)
        before = [np.array(x) for x in given]
        run(2.0 * rows)
        assert all((x == y).all() for x, y in zip(given, before, strict=True))


@pytest.mark.parametrize("backend", BACKENDS)
def test_chunks_of_one_size_have_each_their_own_numbers(backend: str) -> None:
    program = compile(lambda x: sin(x), 1.0)
    rows = np.linspace(-3.0, 3.0, 200_000)
    assert np.abs(program(rows, backend=backend) - np.sin(rows)).max() <= 1e-15
