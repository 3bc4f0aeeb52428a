"""The rows that a `Program` is run on: which are refused, how weights count, and what an error of one of them says."""

from __future__ import annotations

import contextlib
import math
import warnings

import numpy as np
import pytest
from program_backends import a_graph

from autodiff import (
    DomainError,
    Value,
    arcsin,
    compile,
    define_op,
    dot,
    exp,
    log,
    sqrt,
    tanh,
)


def test_rows_of_another_kind_are_refused() -> None:
    x, y, f = a_graph()
    program = compile(f, inputs=[x], parameters=[y])
    for rows, error, text in [
        ([[1.0, 2.0]], ValueError, r"X must have 1 columns, one for each input, and its shape is \(1, 2\)"),
        ([], ValueError, "X has no rows"),
        ([["a"]], TypeError, "X must be rows of 1 numbers"),
        ([{"x": 1.0}], TypeError, "X must be rows of 1 numbers"),
        ([1.0, math.nan], ValueError, r"X\[1, 0\] is nan"),
        ([[math.inf]], ValueError, r"X\[0, 0\] is inf"),
        (None, ValueError, r"X\[0\] is nan|X must have 1 columns"),
    ]:
        with pytest.raises(error, match=text):
            program(rows)
        with pytest.raises(error, match=text):
            program.value_and_grad(rows)
    with pytest.raises(ValueError, match=r"X must have 2 columns, one for each input, and its shape is \(2,\)"):
        compile(f, inputs=[x, y])([1.0, 2.0])
    for settings, text in [
        ({"reduce": "max"}, "reduce is 'mean', 'sum' or None, not 'max'"),
        ({"weights": [1.0]}, "weights must be 2 finite numbers"),
        ({"weights": [1.0, math.nan]}, "weights must be 2 finite numbers"),
        ({"weights": [0.0, 0.0]}, "the weights add up to 0"),
    ]:
        with pytest.raises(ValueError, match=text):
            program.value_and_grad([1.0, 2.0], **settings)


def test_weights_count_examples_as_often() -> None:
    x, y, f = a_graph()
    program = compile(f * y, inputs=[x], parameters=[y])
    weighted = program.value_and_grad([1.0, 3.0], weights=[1.0, 2.0])
    assert weighted[0] == pytest.approx(program.value_and_grad([1.0, 3.0, 3.0])[0], rel=1e-15, abs=1e-14)
    assert weighted[1] == pytest.approx(program.value_and_grad([1.0, 3.0, 3.0])[1], rel=1e-15, abs=1e-14)


def test_the_losses_of_each_example_are_weighted_as_their_gradients_are() -> None:
    w = Value(2.0)
    program = compile(lambda x: x * w, 1.0, parameters=[w])
    losses, each = program.value_and_grad([1.0, 2.0], reduce=None, weights=[1.0, 3.0])
    assert losses.tolist() == [2.0, 12.0] and each.tolist() == [[1.0], [6.0]]
    loss, gradient = program.value_and_grad([1.0, 2.0], reduce="sum", weights=[1.0, 3.0])
    assert loss == 14.0 and gradient.tolist() == [7.0]


def test_weights_that_are_no_numbers_are_refused() -> None:
    w = Value(2.0)
    program = compile(lambda x: x * w, 1.0, parameters=[w])
    for weights in (["a", "b"], [1.0, 2j], [[1.0], [2.0, 3.0]]):
        with pytest.raises(TypeError, match="weights must be 2 finite numbers, one for each row of X: "):
            program.value_and_grad([1.0, 2.0], weights=weights)
    assert program.value_and_grad([1.0, 2.0], weights=[2.0, 0.0])[0] == 2.0
    with pytest.raises(ValueError, match="weights must be 2 finite numbers"):
        program.value_and_grad([1.0, 2.0], weights=[math.inf, 1.0])


def test_what_float32_does_not_hold_is_an_error_and_no_warning() -> None:
    w = Value(1.0)
    program = compile(lambda x: x * w, 1.0, parameters=[w], dtype="float32")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=r"X\[0, 0\] is inf"):
            program([1e39])
        w.data = 1e39
        with pytest.raises(OverflowError, match="exceeds what float32 holds"):
            program([1.0])


@pytest.mark.filterwarnings("error")
def test_a_derivative_that_nobody_asks_for_may_be_infinite() -> None:
    program = compile(lambda x: arcsin(Value(1.0)) + x, 1.0)
    assert program([1.0]) == pytest.approx(1.0 + math.pi / 2.0, rel=1e-15, abs=0.0)
    assert "np.arcsin(1.0)" not in program.source()


def test_the_first_row_without_a_value_is_named_with_the_scalar_engines_error() -> None:
    x, y, f = a_graph()
    program = compile(f, inputs=[x], parameters=[y])
    y.grad = 7.0
    with pytest.raises(DomainError, match=r"X\[2\]: log is not defined at x = -2.0"):
        program([1.0, 2.0, -1.0, 0.0])
    with pytest.raises(DomainError, match=r"X\[2\]: log is not defined at x = -2.0"):
        program.value_and_grad([1.0, 2.0, -1.0, 0.0])
    assert y.grad == 7.0
    assert program([1.0]).tolist() == [math.log(2.0)]  # and it runs on


def test_the_row_is_counted_over_all_chunks() -> None:
    program = compile(lambda x: sqrt(x), 1.0)
    rows = np.ones(1_000_001)
    rows[700_000] = -1.0
    with pytest.raises(DomainError, match=r"X\[700000\]: sqrt is not defined at x = -1.0"):
        program(rows)


def test_a_gradient_that_is_not_finite_is_an_error_where_the_value_is_none() -> None:
    x, w = Value(1.0, "x"), Value(2.0, "w")
    program = compile(sqrt(x * w), inputs=[x], parameters=[w])
    assert program([0.0]).tolist() == [0.0]
    with pytest.raises(DomainError, match=r"X\[1\]: sqrt is not differentiable at x = 0.0"):
        program.value_and_grad([1.0, 0.0])


def test_what_overflows_without_any_example_is_an_error_even_where_what_reads_it_is_finite() -> None:
    w = Value(1.0)
    program = compile(lambda x: tanh(exp(w)) * x, 1.0, parameters=[w])
    w.data = 1000.0
    with pytest.raises(OverflowError, match=r"X\[0\]: exp overflows at x = 1000"):
        program([1.0, 2.0])


def test_0_times_what_has_no_value_has_none_in_a_sum_either() -> None:
    w = [Value(1.0), Value(2.0), Value(3.0)]
    program = compile(lambda x: 0.0 * log(w[0]) + w[1] * x + w[2], 1.0, parameters=w)
    assert program([1.0]).tolist() == [5.0]
    w[0].data = -1.0
    with pytest.raises(DomainError, match="log is not defined at x = -1.0"):
        program([1.0])


def test_overflow_names_the_row() -> None:
    program = compile(lambda x: exp(x), 1.0)
    with pytest.raises(OverflowError, match=r"X\[1\]: exp overflows"):
        program([1.0, 1000.0])
    narrow = compile(lambda x: exp(x), 1.0, dtype="float32")
    with pytest.raises(OverflowError, match="exceeds what float32 holds"):
        narrow([1.0, 100.0])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_losses_of_each_row_have_the_programs_precision(dtype: str) -> None:
    w = Value(0.1)
    program = compile(lambda x: x * w, 1.0, parameters=[w], dtype=dtype)
    losses, each = program.value_and_grad([1.0, 3.0], reduce=None)
    assert losses.dtype == each.dtype == dtype and (losses == program([1.0, 3.0])).all()
    assert program.value_and_grad([1.0, 3.0])[0] == pytest.approx(0.2, rel=1e-7, abs=0.0)
    assert program.value_and_grad([1.0, 3.0], reduce="sum")[0] == pytest.approx(0.4, rel=1e-7, abs=0.0)


@pytest.mark.parametrize(("dtype", "large"), [("float64", 1.7e308), ("float32", 3e38)])
def test_large_numbers_whose_sum_overflows_are_no_error(dtype: str, large: float) -> None:
    w = Value(1.0)
    program = compile(lambda x: x * w, 1.0, parameters=[w], dtype=dtype)
    assert program([large, large]) == pytest.approx([large, large], rel=1e-7, abs=0.0)
    assert program.value_and_grad([large, large], reduce=None)[1] == pytest.approx(large, rel=1e-7, abs=0.0)


def test_a_sum_that_is_finite_on_scalars_alone_is_an_error_and_never_a_silent_nan() -> None:
    """BLAS adds every second term by itself, or not: that is its affair."""
    w = [Value(1.0) for _ in range(64)]
    program = compile(lambda *x: dot(w, x), *[1.0] * 64, parameters=w)
    with contextlib.suppress(OverflowError):
        assert program([[1e308, -1e308] * 32]) == [0.0]


def test_a_sum_that_overflows_in_another_order_than_on_scalars_says_so() -> None:
    w = Value(-1e308)
    program = compile(lambda x, y: (x + w) + y, 1.0, 1.0, parameters=[w])
    assert program([[1.0, 2.0]]).tolist() == [-1e308]
    with pytest.raises(OverflowError, match="^in the order in which arrays add, a sum exceeds what a float holds"):
        program([[1e308, 1e308]])


def test_the_domain_of_a_users_row_is_looked_at_even_where_its_value_is_finite() -> None:
    above = define_op("above_one", lambda xp, x: x * x, [lambda xp, out, x: 2.0 * x], domain=("x > 1", lambda x: x > 1))
    program = compile(lambda x: above(x) + 1.0, 2.0)
    with pytest.raises(DomainError, match=r"X\[1\]: above_one is not defined at x = 0.5"):
        program([2.0, 0.5])


def test_the_domain_of_a_users_row_is_looked_at_where_an_operand_is_a_number() -> None:
    shifted = define_op(
        "shifted_below",
        lambda xp, x, y: x + y,
        [lambda xp, out, x, y: 1.0, lambda xp, out, x, y: 1.0],
        domain=("x < y", lambda x, y: x < y),
    )
    program = compile(lambda x: shifted(x, 3.0), 2.0)
    assert program([2.0, -1.0]).tolist() == [5.0, 2.0]
    with pytest.raises(DomainError, match=r"X\[1\]: shifted_below is not defined at x = 4.0"):
        program([2.0, 4.0])


def test_an_n_ary_row_of_a_user_that_asks_for_values_runs_by_element_within_its_domain() -> None:
    squares = define_op(
        "squares_if_any",
        lambda xp, *x: 0.0 * x[0] if x[0] == 0.0 else xp.dot(*x, *x),
        lambda xp, out, *x: tuple(0.0 * v if x[0] == 0.0 else 2.0 * v for v in x),
        domain=("x >= 0", lambda *x: min(x) >= 0.0),
    )
    w = [Value(1.0), Value(2.0)]
    program = compile(lambda x, y: squares(w[0] * x, w[1] * y, 3.0) + squares(x, w[0]), 1.0, 2.0, parameters=w)
    assert program.stats.by_element == ("squares_if_any",)
    rows = [[1.0, 2.0], [0.0, 1.0], [2.0, 0.5]]
    assert program(rows).tolist() == [26.0 + 2.0, 0.0, 14.0 + 5.0]
    gradients = program.value_and_grad(rows, reduce=None)[1]
    assert gradients.tolist() == [[2.0 + 2.0, 16.0], [0.0, 0.0], [8.0 + 2.0, 1.0]]
    with pytest.raises(DomainError, match=r"X\[1\]: squares_if_any is not defined"):
        program([[1.0, 2.0], [1.0, -2.0]])
