"""`backend="jax"` of a Program: NumPy's numbers and NumPy's errors, compiled once for each count of rows."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from architectures import ARCHITECTURES
from hypothesis import given, settings
from test_conformance_jax import BUILT_IN_ROWS
from test_program_values import ANY_GRAPH, ANY_NETWORK, check_graph, check_network

import nn
from autodiff import CompileError, Value, compile, define_op, exp, log, logsumexp, sqrt, tanh
from autodiff.op import Domain
from autodiff.testing import Graph, graphs

jax = pytest.importorskip("jax", reason="JAX is not installed: pip install jax to compare with it")
pytestmark = [pytest.mark.conformance, pytest.mark.once]


@pytest.mark.parametrize("lift", [True, False])
@given(**{**ANY_GRAPH, "graph": graphs(ops=BUILT_IN_ROWS, max_steps=25)})
@settings(max_examples=settings().max_examples // 20)
def test_random_graphs_on_jax_give_the_numbers_of_the_scalar_engine(
    lift: bool, graph: Graph, learned: list[bool], seed: int
) -> None:
    check_graph(lift, graph, learned, seed, ["jax"])


@given(**ANY_NETWORK)
@settings(max_examples=settings().max_examples // 20)
def test_networks_on_jax_give_the_numbers_of_the_scalar_engine(**network: Any) -> None:
    check_network(**network, backends=["jax"])


@pytest.mark.parametrize("name", ["classification", "attention"])
@pytest.mark.parametrize("settings", [{}, {"reduce": "sum"}, {"reduce": None}, {"weights": [1.0, 0.0, 2.0, 0.5, 3.0]}])
def test_whatever_is_asked_for_is_what_numpy_finds(name: str, settings: dict[str, Any]) -> None:
    program = ARCHITECTURES[name]()
    rows = np.random.default_rng(0).uniform(0.1, 0.9, (5, program.inputs))
    loss, gradient = program.value_and_grad(rows, **settings)
    found = program.value_and_grad(rows, **settings, backend="jax")
    assert type(found[0]) is type(loss) and found[1].dtype == gradient.dtype and found[1].flags.writeable
    assert found[0] == pytest.approx(loss, rel=1e-13, abs=1e-15)
    assert found[1] == pytest.approx(gradient, rel=1e-12, abs=1e-15)
    assert program(rows, backend="jax") == pytest.approx(program(rows), rel=1e-13, abs=1e-15)


def test_it_writes_the_gradient_where_it_is_not_told_otherwise() -> None:
    w = Value(3.0)
    program = compile(lambda x: w * x, 1.0, parameters=[w])
    program.value_and_grad([[2.0]], write=False, backend="jax")
    assert w.grad == 0.0
    program.value_and_grad([[2.0]], backend="jax")
    assert w.grad == 2.0


def test_data_of_parameters_is_read_anew_and_a_graph_without_inputs_needs_no_rows() -> None:
    w = Value(3.0)
    program = compile(w * w, parameters=[w])
    assert program(backend="jax").tolist() == [9.0]
    w.data = 2.0
    assert program(backend="jax").tolist() == [4.0]
    assert program.value_and_grad(backend="jax")[1].tolist() == [4.0]


def both_fail(program: Any, rows: Any, gradient: bool = False) -> str:
    """The error that NumPy and JAX both raise."""
    raised = []
    for backend in ("numpy", "jax"):
        with pytest.raises((ValueError, ArithmeticError)) as caught:
            program.value_and_grad(rows, backend=backend) if gradient else program(rows, backend=backend)
        raised.append((type(caught.value), str(caught.value)))
    assert raised[0] == raised[1]
    return raised[0][1]


def test_the_first_row_without_a_value_is_named_with_the_scalar_engines_error() -> None:
    w = Value(1.0)
    program = compile(lambda x: log(w * x), 1.0, parameters=[w])
    assert both_fail(program, [[1.0], [2.0], [-3.0], [-4.0]]).startswith("X[2]: log is not defined at x = -3.0")


def test_a_number_in_between_that_is_infinite_is_an_error_where_the_output_is_none() -> None:
    w = Value(1.0)
    program = compile(lambda x: tanh(exp(w * x)), 1.0, parameters=[w])
    for gradient in (False, True):
        assert both_fail(program, [[1.0], [800.0]], gradient).startswith("X[1]: ")


def test_a_gradient_that_is_not_finite_is_an_error_where_the_value_is_none() -> None:
    w = Value(1.0)
    program = compile(lambda x: sqrt(w * x), 1.0, parameters=[w])
    assert program([[0.0]], backend="jax").tolist() == [0.0]
    assert both_fail(program, [[1.0], [0.0]], gradient=True).startswith("X[1]: ")


def test_the_domain_of_a_users_row_is_looked_at_even_where_its_value_is_finite() -> None:
    row = define_op("odd_on_jax", lambda xp, x: x * x, [lambda xp, out, x: 2.0 * x],
                    domain=Domain("x > 0", lambda x: x > 0.0))  # fmt: skip
    program = compile(lambda x: row(x), 1.0)
    assert program([[2.0]], backend="jax").tolist() == [4.0]
    assert both_fail(program, [[2.0], [-2.0]]).startswith("X[1]: odd_on_jax is not defined at x = -2.0")


def test_large_numbers_whose_sum_overflows_are_no_error() -> None:
    program = compile(lambda x, y: [x * 1.0, y * 1.0], 1.0, 1.0)
    assert program([[1.7e308, 1.7e308]], backend="jax").tolist() == [[1.7e308, 1.7e308]]


def test_a_users_row_that_does_not_run_on_jax_is_named_and_runs_on_numpy() -> None:
    asks = define_op("asks_here", lambda xp, x: x if x == 0.0 else x * x, [lambda xp, out, x: 2.0 * x])
    program = compile(lambda x: asks(x), 1.0)
    assert program([[3.0]]).tolist() == [9.0]
    with pytest.raises(CompileError, match="the row asks_here does not run on JAX"):
        program([[3.0]], backend="jax")


def test_code_that_has_switched_double_precision_off_gets_it_here_and_keeps_its_own() -> None:
    w = Value(1.0 / 3.0)
    program = compile(lambda x: tanh(w * x), 1.0, parameters=[w])
    before = jax.config.jax_enable_x64
    try:
        for enabled in (False, True):
            jax.config.update("jax_enable_x64", enabled)
            found = program.value_and_grad([[0.3]], backend="jax")[1]
            assert found == pytest.approx(program.value_and_grad([[0.3]])[1], rel=1e-15, abs=0.0)
            assert jax.config.jax_enable_x64 is enabled
            assert str(jax.numpy.ones(1).dtype) == ("float64" if enabled else "float32")
    finally:
        jax.config.update("jax_enable_x64", before)


def test_a_float32_program_stays_one_and_says_what_it_cannot_hold() -> None:
    model = nn.MLP(3, [8, 1], rng=0)
    wide, narrow = (
        compile(lambda x: model(x), [0.0] * 3, parameters=model.parameters(), dtype=dtype)
        for dtype in ("float64", "float32")
    )
    rows = np.random.default_rng(0).normal(size=(50, 3))
    assert narrow(rows, backend="jax").dtype == np.float32
    assert narrow(rows, backend="jax") == pytest.approx(wide(rows), rel=1e-5, abs=1e-6)
    assert narrow.value_and_grad(rows, backend="jax")[1] == pytest.approx(wide.value_and_grad(rows)[1], abs=1e-5)
    large = compile(lambda x: exp(x), 1.0, dtype="float32")
    with pytest.raises(OverflowError, match="a number exceeds what float32 holds: compile with dtype='float64'"):
        large([[100.0]], backend="jax")


def test_it_is_compiled_once_for_each_count_of_rows() -> None:
    runs = []

    def noted(xp: Any, x: Any) -> Any:
        runs.append(x)
        return x * x

    row = define_op("noted_on_jax", noted, [lambda xp, out, x: 2.0 * x])
    w = Value(0.5)
    program = compile(lambda x: row(w * x), 1.0, parameters=[w])
    program.value_and_grad([[1.0], [2.0]], backend="jax")
    traced = len(runs)
    for x in (3.0, 4.0, 5.0):
        w.data = x
        program.value_and_grad([[x], [1.0]], backend="jax")
    assert len(runs) == traced
    program.value_and_grad([[1.0], [2.0], [3.0]], backend="jax")
    assert len(runs) > traced


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda program: pickle.loads(pickle.dumps(program))])
def test_a_program_that_has_run_on_jax_is_copied_without_what_jax_compiled(copied: Any) -> None:
    w = Value(2.0)
    program = compile(lambda x: logsumexp([w * x, x]), 1.0, parameters=[w])
    program([[1.0]], backend="jax")
    another = copied(program)
    another.parameters[0].data = 5.0
    assert another([[1.0]], backend="jax") == pytest.approx(another([[1.0]]), rel=1e-15, abs=0.0)
    assert program([[1.0]], backend="jax") == pytest.approx(program([[1.0]]), rel=1e-15, abs=0.0)


@pytest.mark.parametrize("given", ["cpu", "its first device"])
def test_the_device_is_the_one_that_jax_takes_by_itself(given: str) -> None:
    program = compile(lambda x: x * x, 1.0)
    with jax.default_device("cpu" if given == "cpu" else jax.devices("cpu")[0]):
        assert program([[3.0]], backend="jax").tolist() == [9.0]


def test_another_backend_is_named_with_those_that_there_are() -> None:
    program = compile(lambda x: x * x, 1.0)
    with pytest.raises(ValueError, match="backend is 'numpy', 'native', 'jax' or 'auto', not 'torch'"):
        program([[1.0]], backend="torch")
