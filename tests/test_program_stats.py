"""What a Program says of itself in numbers, and what its errors say of the graph."""

from __future__ import annotations

import pytest

from autodiff import DomainError, Value, compile, define_op, dot, log, tanh
from autodiff.program.stats import Stats


def test_of_a_neuron_three_operations_are_two_instructions_and_five_of_six_operands_those_of_a_product() -> None:
    w = [Value(0.5) for _ in range(3)]
    program = compile(lambda x, y: tanh(dot(w[:2], [x, y]) + w[2]), 1.0, 1.0, parameters=w)
    assert program.stats == Stats(
        nodes=3, instructions=2, in_products=5 / 6, by_element=(), constants=0, bytes_per_example=64
    )


def test_a_number_counts_as_a_constant_once_and_is_no_operand_that_is_read() -> None:
    program = compile(lambda x: x * 2.0 + x * 2.0, 1.0, dtype="float32")
    assert program.stats == Stats(
        nodes=3, instructions=2, in_products=0.0, by_element=(), constants=1, bytes_per_example=24
    )


def test_an_input_alone_takes_no_instruction() -> None:
    assert compile(lambda x: x, 1.0).stats == Stats(0, 0, 0.0, (), 0, 16)


def test_rows_that_go_by_element_are_listed_once_each_by_their_names() -> None:
    names = ("row_c", "row_a", "row_e", "row_b", "row_d")
    a, *rows = [define_op(name, lambda xp, x: x if x == 0.0 else 2.0 * x, [lambda xp, out, x: 2.0]) for name in names]
    program = compile(lambda x: a(sum(row(tanh(x)) for row in (a, *rows))), 1.0)
    assert program.stats.by_element == tuple(sorted(names))


def test_an_error_names_what_has_a_label_inputs_and_results_too() -> None:
    x, w = Value(1.0, "x"), Value(1.0, "w")
    product = x * w
    product.label = "their product"
    program = compile(log(product) + log(x * 2.0), inputs=[x], parameters=[w])
    with pytest.raises(DomainError, match=r"X\[1\]: log is not defined at x = -3.0 \(label 'their product'\)"):
        program([1.0, -3.0])
    w.data = -1.0
    with pytest.raises(DomainError, match=r"X\[0\]: log is not defined at x = -1.5 \(label 'their product'\)"):
        program([1.5])
    w.data = 1.0
    alone = compile(log(x) + log(w), inputs=[x], parameters=[w])
    with pytest.raises(DomainError, match=r"X\[0\]: log is not defined at x = -2.0 \(label 'x'\)"):
        alone([-2.0])
    w.data = -1.0
    with pytest.raises(DomainError, match=r"X\[0\]: log is not defined at x = -1.0 \(label 'w'\)"):
        alone([2.0])


def test_the_numbers_of_a_graph_are_in_its_errors_as_they_were() -> None:
    program = compile(lambda x: log(2.0 - x), 1.0)
    with pytest.raises(DomainError, match=r"X\[1\]: log is not defined at x = -1.0"):
        program([1.0, 3.0])
