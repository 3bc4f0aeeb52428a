"""A Program as a function of JAX: the same numbers, our derivatives at kinks and far out, to the second order."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from architectures import ARCHITECTURES
from hypothesis import given, settings

from autodiff import CompileError, Value, compile, define_op, gradients, logsumexp, tanh
from autodiff.engine import apply
from autodiff.ops import BUILT_IN, OPS
from autodiff.testing import Graph, graphs

jax = pytest.importorskip("jax", reason="JAX is not installed: pip install jax to compare with it")
pytestmark = [pytest.mark.conformance, pytest.mark.once]


@pytest.fixture(autouse=True)
def double_precision() -> Any:
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize("name", ["classification", "layer norm", "attention", "convolution"])
def test_jaxs_gradient_of_it_is_that_of_the_backward_program(name: str) -> None:
    program = ARCHITECTURES[name]()
    rows = np.random.default_rng(0).uniform(0.1, 0.9, (5, program.inputs))
    loss, gradient = program.value_and_grad(rows, write=False)
    f = program.to_jax()
    found = jax.jit(jax.value_and_grad(lambda theta, x: f(theta, x).mean()))(program.theta(), rows)
    assert found[0] == pytest.approx(loss, rel=1e-12, abs=1e-14)
    assert np.asarray(found[1]) == pytest.approx(gradient, rel=1e-12, abs=1e-14)


# A user's row, of another test, may not run on JAX.
BUILT_IN_ROWS = sorted(name for name in BUILT_IN if not OPS[name].defaults)


@given(graph=graphs(ops=BUILT_IN_ROWS, max_steps=10))
@settings(max_examples=settings().max_examples // 20)
def test_random_graphs_have_the_same_gradients_in_jax(graph: Graph) -> None:
    parameters = [Value(x) for x in graph.inputs]
    program = compile(graph(*parameters), parameters=[p for p in parameters if p in _below(graph(*parameters))])
    _, gradient = program.value_and_grad()
    f = program.to_jax()
    with jax.disable_jit():
        found = jax.grad(lambda theta: f(theta, np.zeros((1, 0)))[0])(program.theta())
    assert np.asarray(found) == pytest.approx(gradient, rel=1e-9, abs=1e-10)


def _below(y: Value) -> set[Value]:
    from autodiff import leaves

    return set(leaves(y))


POINTS = [(0.0, 0.0, 0.0), (0.5, 0.5, 0.5), (2.0, 2.0, 1.0), (20.0, -1.0, 1.0), (-20.0, 3.0, 2.0), (-0.7, 0.3, 1.2)]


def _by_the_table(name: str, x: list[float]) -> tuple[float, list[float], list[list[float]]] | None:
    """Value, gradient and Hessian by the scalar engine; None outside the domain, or where it is not differentiable."""
    values = list(map(Value, x))
    try:
        y = apply(OPS[name], *values)
        first = gradients(y, values, create_graph=True)
        return y.data, [float(g) for g in first], [gradients(g, values) for g in first]
    except (ValueError, ArithmeticError):
        return None


def test_every_row_is_differentiated_by_its_own_partials_to_the_second_order() -> None:
    """All rows in one function, each on inputs of its own, so that it is compiled once."""
    ops = [OPS[name] for name in sorted(BUILT_IN) if not OPS[name].n_ary]
    allowed = {op: [p for p in POINTS if _by_the_table(op.name, list(p[: op.arity]))] for op in ops}
    starts = np.cumsum([0, *(op.arity or 0 for op in ops)]).tolist()
    program = compile(
        lambda *z: [apply(op, *z[start : start + (op.arity or 0)]) for op, start in zip(ops, starts, strict=False)],
        *[x for op in ops for x in allowed[op][0][: op.arity]],
    )
    f = program.to_jax()
    every = jax.jit(jax.vmap(lambda z: f(np.zeros(0), z[None])[0]))
    first = jax.jit(jax.vmap(jax.grad(lambda z: f(np.zeros(0), z[None])[0].sum())))
    second = jax.jit(jax.vmap(jax.hessian(lambda z: f(np.zeros(0), z[None])[0].sum())))
    points = np.array([[x for op in ops for x in allowed[op][i % len(allowed[op])][: op.arity]] for i in range(6)])
    values, gradient, hessian = (np.asarray(g(points)) for g in (every, first, second))
    for i, point in enumerate(points):
        for j, (op, start) in enumerate(zip(ops, starts, strict=False)):
            mine = slice(start, start + (op.arity or 0))
            right = _by_the_table(op.name, point[mine].tolist())
            assert right is not None
            assert values[i, j] == pytest.approx(right[0], rel=1e-13, abs=0.0), op
            assert gradient[i, mine] == pytest.approx(right[1], rel=1e-12, abs=0.0), op
            assert hessian[i, mine, mine] == pytest.approx(np.array(right[2]), rel=1e-11, abs=1e-14), op


def test_at_a_kink_jax_makes_our_choice_and_keeps_our_digits() -> None:
    def slope(name: str, x: float) -> float:
        f = compile(lambda u: apply(OPS[name], u), x).to_jax()
        return float(jax.grad(lambda z: f(np.zeros(0), z[None, None])[0])(np.array(x)))

    assert slope("sigmoid", 0.0) == 0.25
    assert slope("softplus", 0.0) == 0.5
    assert slope("relu", 0.0) == 0.0
    assert slope("tanh", 20.0) == pytest.approx(4.0 * np.exp(-40.0), rel=1e-14, abs=0.0)


def test_it_goes_through_jit_and_vmap_and_an_n_ary_row() -> None:
    w = [Value(0.5), Value(-1.0)]
    program = compile(lambda x: logsumexp([w[0] * x, tanh(w[1] * x), x]), 1.0, parameters=w)
    f = program.to_jax()
    rows = np.array([[0.3], [2.0]])
    each = jax.jit(jax.vmap(jax.grad(lambda theta, x: f(theta, x[None])[0]), in_axes=(None, 0)))(program.theta(), rows)
    assert np.asarray(each) == pytest.approx(program.value_and_grad(rows, reduce=None)[1], rel=1e-12, abs=1e-14)


def test_a_list_of_outputs_gives_columns() -> None:
    program = compile(lambda x, y: [x + y, x * y], 1.0, 2.0)
    assert np.asarray(program.to_jax()(np.zeros(0), np.array([[3.0, 4.0]]))).tolist() == [[7.0, 12.0]]


def test_single_precision_where_double_is_wanted_is_an_error() -> None:
    program = compile(lambda x: tanh(x), 1.0)
    jax.config.update("jax_enable_x64", False)
    with pytest.raises(TypeError, match="is float32 to JAX, and the program is float64: set jax.config.update"):
        program.to_jax()(np.zeros(0), np.array([[1.0]]))
    narrow = compile(lambda x: tanh(x), 1.0, dtype="float32").to_jax()
    assert float(narrow(np.zeros(0, np.float32), np.array([[1.0]], np.float32))[0]) == pytest.approx(0.7616, abs=1e-4)


def test_a_users_row_runs_on_jax_or_is_named() -> None:
    cubed = define_op("cubed_on_jax", lambda xp, x: x * x * x, [lambda xp, out, x: 3.0 * x * x])
    f = compile(lambda x: cubed(x), 1.0).to_jax()
    assert float(jax.grad(lambda z: f(np.zeros(0), z[None, None])[0])(np.array(2.0))) == 12.0
    asks = define_op("asks_on_jax", lambda xp, x: x if x == 0.0 else x * x, [lambda xp, out, x: 2.0 * x])
    with pytest.raises(CompileError, match="the row asks_on_jax does not run on JAX"):
        compile(lambda x: asks(x), 1.0).to_jax()


def test_without_jax_the_error_says_what_to_install() -> None:
    script = (
        "import sys; sys.modules['jax'] = None\n"
        "from autodiff import compile\n"
        "try:\n    compile(lambda x: x * x, 1.0).to_jax()\n"
        "except ImportError as error:\n    print(error)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "the jax backend needs jax: pip install 'autodiff[jax]'"
