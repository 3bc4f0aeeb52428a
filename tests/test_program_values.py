"""Program gives the numbers of the scalar engine: of random graphs, of networks of any shape, of any count of rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from program_backends import BACKENDS, ROWS

import nn
from autodiff import Value, arctan2, compile, dot, logsumexp, sin, softmax, tanh, topological_order, zero_grad
from autodiff import sum as total
from autodiff.program.program import Program
from autodiff.testing import Graph, graphs
from nn.losses import LOSSES

SIZES = (1, 7, 100, 1000)


def scales(y: Value) -> dict[Value, float]:
    """For each node the sum over its paths of the products' absolute values: what round-off is measured by."""
    found = {y: 1.0}
    for node in reversed(topological_order(y)):
        for arg, partial in zip(node.args, node.partials, strict=True):
            if isinstance(arg, Value):
                found[arg] = found.get(arg, 0.0) + found.get(node, 0.0) * abs(partial)
    return found


def assert_as_on_scalars(
    program: Program, f: Callable[..., Value], rows: Sequence[Sequence[float]], backends: Sequence[str] = BACKENDS
) -> None:
    """Values and every gradient, of each row and of all, within 1e-12 of the sum of absolute contributions; by each
    backend."""
    parameters, rtol = program.parameters, 1e-12
    values, spreads = np.empty(len(rows)), np.empty(len(rows))
    gradients, allowed = np.empty((2, len(rows), len(parameters)))
    for i, row in enumerate(rows):
        zero_grad(parameters)
        y = f(*map(Value, row))
        y.backward()
        contributions = scales(y)
        values[i] = y.data
        spreads[i] = sum(contributions.get(node, 0.0) * abs(node.data) for node in topological_order(y))
        gradients[i] = [p.grad for p in parameters]
        allowed[i] = [rtol * (contributions.get(p, 0.0) + 1.0) for p in parameters]
    examples = np.array(rows).reshape(len(rows), -1)
    for backend in backends:
        outputs, each = program.value_and_grad(examples, reduce=None, backend=backend)
        assert (np.abs(outputs - values) <= rtol * (spreads + 1.0)).all()
        assert (np.abs(each - gradients) <= allowed).all()
        loss, gradient = program.value_and_grad(examples, reduce="sum", backend=backend)
        assert loss == pytest.approx(math.fsum(outputs), rel=1e-12, abs=1e-14)
        assert (np.abs(gradient - gradients.sum(0)) <= allowed.sum(0)).all()
        assert [p.grad for p in parameters] == gradient.tolist()


def near(graph: Graph, learned: Sequence[bool], count: int, seed: int) -> list[list[float]]:
    """Rows of inputs beside those of the graph, where it has a value."""
    rng = np.random.default_rng(seed)
    base = [x for x, is_learned in zip(graph.inputs, learned, strict=True) if not is_learned]
    return [[x + 0.003 * d for x, d in zip(base, rng.uniform(-1.0, 1.0, len(base)), strict=True)] for _ in range(count)]


def check_graph(lift: bool, graph: Graph, learned: list[bool], seed: int, backends: Sequence[str] = BACKENDS) -> None:
    learned = [True, *learned[1 : len(graph.inputs)]]
    parameters = [Value(x) for x, is_learned in zip(graph.inputs, learned, strict=True) if is_learned]

    def f(*xs: Value) -> Value:
        of = {True: iter(parameters), False: iter(xs)}
        return graph(*[next(of[is_learned]) for is_learned in learned])

    rows = near(graph, learned, SIZES[seed % len(SIZES)], seed)
    if not rows[0]:
        rows = rows[:1]
    try:
        for row in rows:
            f(*map(Value, row))
    except (ValueError, ArithmeticError):
        return
    program = compile(f, *rows[0], parameters=parameters, lift=lift)
    assert_as_on_scalars(program, f, rows, backends)


ANY_GRAPH = {
    "graph": graphs(ROWS, max_steps=25),
    "learned": st.lists(st.booleans(), min_size=4, max_size=4),
    "seed": st.integers(0, 99),
}


@pytest.mark.parametrize("lift", [True, False])
@given(**ANY_GRAPH)
@settings(max_examples=settings().max_examples * 3 // 5)
def test_random_graphs_compiled_give_the_numbers_of_the_scalar_engine(
    lift: bool, graph: Graph, learned: list[bool], seed: int
) -> None:
    check_graph(lift, graph, learned, seed)


ACTIVATIONS = ["linear", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "sigmoid", "tanh", "sin"]


def check_network(
    widths: list[int],
    activations: list[str],
    fused: bool,
    bias: bool,
    loss: str,
    seed: int,
    backends: Sequence[str] = BACKENDS,
) -> None:
    inputs, *sizes = widths
    if loss in ("cross_entropy", "negative_log_likelihood"):
        sizes[-1] = max(2, sizes[-1])
    hidden, output = activations[: len(sizes) - 1], activations[-1]
    if loss in ("binary_cross_entropy", "negative_log_likelihood"):
        output = "sigmoid"
    model = nn.MLP(inputs, sizes, hidden, output, fused=fused, bias=bias, bias_init="normal", rng=seed)
    rng = np.random.default_rng(seed)
    targets = rng.uniform(0.1, 0.9, (SIZES[seed % 4], sizes[-1]))
    if loss in ("cross_entropy", "negative_log_likelihood"):
        targets /= targets.sum(axis=1, keepdims=True)
    rows = np.concatenate([rng.normal(size=(len(targets), inputs)), targets], axis=1).tolist()

    def f(*numbers: Value) -> Value:
        return LOSSES[loss].formula(model.outputs_for(numbers[:inputs]), list(numbers[inputs:]))

    program = compile(f, *rows[0], parameters=model.parameters())
    assert_as_on_scalars(program, f, rows, backends)


ANY_NETWORK = {
    "widths": st.lists(st.integers(1, 6), min_size=2, max_size=4),
    "activations": st.lists(st.sampled_from(ACTIVATIONS), min_size=4, max_size=4),
    "fused": st.booleans(),
    "bias": st.booleans(),
    "loss": st.sampled_from(sorted(LOSSES)),
    "seed": st.integers(0, 99),
}


@given(**ANY_NETWORK)
@settings(max_examples=settings().max_examples * 3 // 5)
def test_networks_compiled_give_the_numbers_of_the_scalar_engine(**network: Any) -> None:
    check_network(**network)


def weights(count: int) -> list[Value]:
    rng = np.random.default_rng(count)
    return [Value(x, f"w{i}") for i, x in enumerate(rng.normal(size=count), 1)]


def check(f: Callable[..., Any], inputs: int, parameters: list[Value]) -> Program:
    program = compile(f, *[0.5] * inputs, parameters=parameters)
    assert_as_on_scalars(program, f, np.random.default_rng(0).normal(size=(7, inputs)).tolist())
    return program


def test_a_parameter_in_a_matrix_and_elsewhere_gets_both_gradients() -> None:
    w = weights(6)
    check(lambda x, y: dot(w[:2], [x, y]) * w[0] + tanh(dot(w[2:4], [x, y])) * w[3] + w[1] + w[4] * w[5], 2, w)


def test_a_parameter_that_is_twice_in_one_dot_gets_both_gradients() -> None:
    w = weights(3)
    program = check(lambda x, y: tanh(dot([w[0], w[0], w[1]], [x, y, x * y])) * w[2], 2, w)
    assert "W1" not in str(program)


def test_tied_weights_of_two_neurons_get_both_gradients_and_are_no_matrix() -> None:
    w = weights(5)
    program = check(lambda x, y: dot(w[3:5], [tanh(dot(w[:2], [x, y])), tanh(dot([w[1], w[2]], [x, y]))]), 2, w)
    assert "W1[2×2]" not in str(program)


def test_a_layer_that_lacks_one_weight_is_no_matrix() -> None:
    w = weights(5)
    program = check(lambda x, y: tanh(dot(w[:2], [x, y])) * w[4] + tanh(w[2] * y) * w[3], 2, w)
    assert "[2×2]" not in str(program)


def test_weights_shared_by_two_places_add_up_their_gradients() -> None:
    w = weights(4)
    program = check(
        lambda a, b, c, d: (
            tanh(dot(w[:2], [a, b])) * tanh(dot(w[2:], [a, b])) + tanh(dot(w[:2], [c, d])) * tanh(dot(w[2:], [c, d]))
        ),
        4,
        w,
    )
    assert "@ W1[2×2]ᵀ" in str(program)


def attention(w: list[Value], tokens: list[list[Value]], causal: bool = False) -> Value:
    def linear(rows: list[Value], x: list[Value]) -> list[Any]:
        return [dot(rows[:2], x), dot(rows[2:4], x)]

    queries, keys, values = ([linear(w[4 * i : 4 * i + 4], t) for t in tokens] for i in range(3))
    out: list[Any] = []
    for i, query in enumerate(queries):
        seen = slice(i + 1) if causal else slice(None)
        shares = softmax([dot(query, key) for key in keys[seen]])
        out += [tanh(dot(shares, [value[j] for value in values[seen]])) for j in range(2)]
    return total(out)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_compiled_gives_the_numbers_of_the_scalar_engine(causal: bool) -> None:
    w = weights(12)
    program = check(lambda *x: attention(w, [list(x[i : i + 2]) for i in (0, 2, 4)], causal), 6, w)
    assert program.stats.instructions < program.stats.nodes / 2


def test_sums_of_unequal_length_give_the_numbers_of_the_scalar_engine() -> None:
    w = weights(4)
    check(
        lambda x, y, z: tanh(total([w[0] * x, sin(y), z])) + sin(total([x, y, z, w[1]])) * logsumexp([x, w[2]]) * w[3],
        3,
        w,
    )


def test_what_does_not_depend_on_the_examples_is_computed_once() -> None:
    w = weights(3)
    program = check(lambda x: tanh(w[0] * w[1] + sin(w[2])) * x + dot(w, w), 1, w)
    assert program.plan.rows <= 4


def test_a_loss_that_no_example_changes_has_its_gradient_for_each() -> None:
    w = weights(2)
    program = compile(lambda x: tanh(w[0] * w[1]), 1.0, parameters=w)
    losses, each = program.value_and_grad([[1.0], [2.0], [3.0]], reduce=None)
    assert len(set(losses)) == 1 and (each == each[0]).all() and each[0, 0] != 0.0
    _, gradient = program.value_and_grad([[1.0], [2.0], [3.0]])
    assert gradient == pytest.approx(each[0], rel=1e-15, abs=1e-14)


def test_examples_in_many_chunks_give_what_they_give_in_one() -> None:
    model = nn.MLP(3, [8, 1], rng=0)
    program = compile(lambda x, y: (model(x) - y) ** 2, [0.0] * 3, 0.0, parameters=model.parameters())
    rows = np.random.default_rng(0).normal(size=(40_001, 4))
    loss, gradient = program.value_and_grad(rows)
    parts = [program.value_and_grad(rows[i : i + 5000], reduce="sum") for i in range(0, 40_001, 5000)]
    assert loss == pytest.approx(math.fsum(part[0] for part in parts) / 40_001, rel=1e-12, abs=1e-14)
    assert gradient == pytest.approx(sum(part[1] for part in parts) / 40_001, rel=1e-10, abs=1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("lift", [True, False])
def test_zeros_keep_their_signs(lift: bool, backend: str) -> None:
    program = compile(lambda x: [arctan2(Value(0.0), x), arctan2(-0.0, x), arctan2(Value(-0.0), x)], -1.0, lift=lift)
    assert program([-1.0, 1.0], backend=backend).tolist() == [[math.pi, -math.pi, -math.pi], [0.0, -0.0, -0.0]]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_gradients_of_each_example_in_many_chunks_are_those_that_parts_have(backend: str) -> None:
    w = weights(40)
    program = compile(lambda x: tanh(dot(w, [x] * 40)), 1.0, parameters=w)
    rows = np.random.default_rng(0).normal(size=(15_000, 1))
    values, each = program.value_and_grad(rows, reduce=None, backend=backend)
    slope = 1.0 - np.tanh(rows * sum(v.data for v in w)) ** 2.0
    assert each.shape == (15_000, 40) and np.allclose(each, slope * rows, rtol=1e-9, atol=1e-12)
    assert (values == program(rows, backend=backend)).all()


def test_float32_keeps_seven_digits_in_half_the_memory() -> None:
    model = nn.MLP(3, [8, 1], rng=0)
    wide, narrow = (
        compile(lambda x: model(x), [0.0] * 3, parameters=model.parameters(), dtype=dtype)
        for dtype in ("float64", "float32")
    )
    rows = np.random.default_rng(0).normal(size=(50, 3))
    assert narrow(rows).dtype == narrow.value_and_grad(rows, reduce=None)[0].dtype == np.float32
    assert narrow(rows) == pytest.approx(wide(rows), rel=1e-5, abs=1e-6)
    assert narrow.stats.bytes_per_example * 2 == wide.stats.bytes_per_example
