"""The tape in C: the scalar engine's bits where nothing is lifted, what it refuses, its memory, other threads."""

from __future__ import annotations

import copy
import importlib
import math
import pickle
import threading
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from program_backends import BACKENDS, ROWS

import nn
from autodiff import (
    CompileError,
    DomainError,
    Value,
    compile,
    define_op,
    dot,
    engine,
    exp,
    log,
    logsumexp,
    sin,
    softmax,
    sqrt,
    tanh,
    where,
    zero_grad,
)
from autodiff import sum as total
from autodiff.op import OPS
from autodiff.ops import BUILT_IN
from autodiff.program import backends, on_native
from autodiff.program.instructions import Place
from autodiff.program.program import Program
from autodiff.testing import Graph, graphs

if "native" not in BACKENDS:
    pytest.skip("not applicable: the tape was not built", allow_module_level=True)

SIZES = (1, 7, 1000)
Rows = Sequence[Sequence[float]]


def with_signs(numbers: Any) -> list[str]:
    """Numbers to the last bit, −0 and 0 apart."""
    return [float(x).hex() for x in numbers]


def assert_the_scalar_engines_bits(f: Callable[..., Value], rows: Rows, parameters: list[Value]) -> None:
    program = compile(f, *rows[0], parameters=parameters, lift=False)
    for row in rows:
        zero_grad(parameters)
        y = f(*map(Value, row))
        y.backward()
        expected = [p.grad for p in parameters]
        loss, gradient = program.value_and_grad([row], backend="native")
        assert with_signs(program([row], backend="native")) == with_signs([y.data])
        assert with_signs([loss]) == with_signs([0.0 + y.data])  # the sum over the examples, which begins at 0
        assert with_signs(gradient) == with_signs(expected) == with_signs([p.grad for p in parameters])


# Bits.


@given(
    graph=graphs(ROWS, max_steps=25),
    learned=st.lists(st.booleans(), min_size=4, max_size=4),
    move=st.floats(0.0, 0.003),
)
@example(Graph((-0.0,), (("sin", (0,)),)), [False] * 4, 0.0)
def test_of_a_graph_that_is_not_lifted_values_and_gradients_are_the_scalar_engines_bits(
    graph: Graph, learned: list[bool], move: float
) -> None:
    learned = [True, *learned[1 : len(graph.inputs)]]
    parameters = [Value(x) for x, is_learned in zip(graph.inputs, learned, strict=True) if is_learned]
    base = [x for x, is_learned in zip(graph.inputs, learned, strict=True) if not is_learned]

    def f(*xs: Value) -> Value:
        of = {True: iter(parameters), False: iter(xs)}
        return graph(*[next(of[is_learned]) for is_learned in learned])

    rows = [base, [x + move for x in base]] if base else [base]
    try:
        for row in rows:
            f(*map(Value, row)).backward()
    except (ValueError, ArithmeticError):
        return
    assert_the_scalar_engines_bits(f, rows, parameters)


@pytest.mark.parametrize("name", sorted(name for name in BUILT_IN))
def test_every_row_of_the_table_has_the_scalar_engines_bits(name: str) -> None:
    op = OPS[name]
    w = [Value(x) for x in (0.3, 0.7, -0.4, 1.3, 0.9, 0.2)]
    points = [(0.55, 0.25, 0.8), (0.9, 0.1, 0.2), (-0.3, 1.7, 0.4), (2.5, 2.5, 1.1)]

    def f(*xs: Value) -> Value:
        if op.n_ary:
            y = engine.apply(op, *[*w[:2], xs[0]] * len(op.vectors))
        else:
            y = engine.apply(op, *(w[i] * x for i, x in enumerate(xs)))
        return y * w[3]

    count = op.arity or 1
    for point in points:
        row = point[:count] if name != "arccosh" else (5.0 + point[0],)
        try:
            f(*map(Value, row)).backward()
        except (ValueError, ArithmeticError):
            continue
        used = w[:2] + w[3:4] if op.n_ary else [*w[:count], w[3]]
        assert_the_scalar_engines_bits(f, [row], list(dict.fromkeys(used)))
        return
    pytest.fail("no point where the row has a value was tried")


def test_a_parameter_beside_the_inputs_and_alone_gets_its_gradient_in_the_graphs_order() -> None:
    w = [Value(0.1), Value(0.7), Value(-0.3)]

    def f(x: Value) -> Value:
        y = w[0] * w[1] + tanh(w[0] * x)
        y = y * (w[0] + 0.1) + w[2] * w[2] * w[0]
        return y * w[0] * x + sin(w[0]) * x

    assert_the_scalar_engines_bits(f, [[0.3], [1e8], [-1e-8], [0.0]], w)


@pytest.mark.parametrize("varying", [0, 1, 2])
def test_dots_whose_lists_share_operands_keep_the_order_of_their_contributions(varying: int) -> None:
    """Some of their lists hold inputs beside parameters, so that lifting repeats parameters for every example."""
    rng = np.random.default_rng(varying)
    for _ in range(30):
        w, row = [Value(x) for x in rng.normal(size=4)], rng.normal(size=2).tolist()
        lists = rng.integers(0, 4 + varying, (3, 2, 5))

        def f(*x: Value, w: list[Value] = w, lists: Any = lists) -> Value:
            leaves = [*w, *x]
            dots = [dot(*([leaves[i] for i in side] for side in sides)) for sides in lists]
            return (
                dots[0] * dots[1]
                + logsumexp([dots[2], x[0], w[0], w[0]]) * w[1] * x[1]
                + dot([w[0], w[1]], [w[1], 1.0])
            )

        assert_the_scalar_engines_bits(f, [row], w)


def test_a_dot_of_zeros_has_the_scalar_engines_sign() -> None:
    w = Value(0.0)
    program = compile(lambda x: dot([w, w], [x, x]), 1.0, parameters=[w], lift=False)
    for x in (-1.0, 1.0):
        assert with_signs(program([x], backend="native")) == with_signs([dot([w, w], [x, x]).data])


# Lifted.


def attention(w: list[Value], tokens: list[list[Any]]) -> Value:
    def linear(rows: list[Value], x: list[Any]) -> list[Any]:
        return [dot(rows[:2], x), dot(rows[2:4], x)]

    queries, keys, values = ([linear(w[4 * i : 4 * i + 4], t) for t in tokens] for i in range(3))
    out: list[Any] = []
    for i, query in enumerate(queries):
        shares = softmax([dot(query, key) for key in keys[: i + 1]])
        out += [tanh(dot(shares, [value[j] for value in values[: i + 1]])) for j in range(2)]
    return total(out)


MLP = nn.MLP(3, [5, 4, 1], ["tanh", "relu"], rng=0)
W = [Value(x) for x in np.random.default_rng(1).normal(size=12)]
MODELS: dict[str, tuple[int, Callable[..., Value], list[Value]]] = {
    "a network": (4, lambda *x: (MLP(list(x[:3])) - x[3]) ** 2, MLP.parameters()),
    "attention": (6, lambda *x: attention(W, [list(x[i : i + 2]) for i in (0, 2, 4)]), W),
    "n-ary rows": (3, lambda x, y, z: logsumexp([W[0] * x, y, W[1]]) * dot([x, W[2], W[0]], [y, z, W[1]]), W[:3]),
    "where": (2, lambda x, y: where(x - W[0], sin(W[1] * x), W[2] * y * y) + where(W[0], W[1] * W[1], W[2]), W[:3]),
    "what does not vary": (1, lambda x: (W[0] * W[1] + tanh(W[2])) * x + dot(W, W) + logsumexp(W), W),
    "a loss that no example changes": (1, lambda x: tanh(W[0] * W[1]), W[:2]),
}


@pytest.mark.parametrize("n", [*SIZES, 2, 8, 9, 16])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("lift", [True, False])
def test_losses_and_gradients_of_each_example_and_of_all_are_numpys(name: str, n: int, lift: bool) -> None:
    inputs, f, parameters = MODELS[name]
    program = compile(f, *[0.5] * inputs, parameters=parameters, lift=lift)
    rows = np.random.default_rng(n).normal(size=(n, inputs))
    weights = np.random.default_rng(n).uniform(0.5, 2.0, n)
    how: dict[str, Any]
    for how in ({"reduce": None}, {"reduce": "sum"}, {"weights": weights}):
        right = program.value_and_grad(rows, **how)
        found = program.value_and_grad(rows, **how, backend="native")
        for there, here in zip(right, found, strict=True):
            assert here == pytest.approx(there, rel=1e-12, abs=1e-12)
    assert program(rows, backend="native") == pytest.approx(program(rows), rel=1e-13, abs=1e-13)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", ["a network", "attention"])
def test_each_example_has_the_scalar_engines_gradient(name: str, n: int) -> None:
    inputs, f, parameters = MODELS[name]
    program = compile(f, *[0.5] * inputs, parameters=parameters)
    rows = np.random.default_rng(n).normal(size=(n, inputs))
    losses, each = program.value_and_grad(rows, reduce=None, backend="native")
    for i in range(0, n, 1 + n // 40):
        zero_grad(parameters)
        y = f(*map(Value, rows[i].tolist()))
        y.backward()
        assert losses[i] == pytest.approx(y.data, rel=1e-12, abs=1e-13)
        assert each[i] == pytest.approx([p.grad for p in parameters], rel=1e-12, abs=1e-12)


def test_a_graph_without_inputs_and_one_that_is_a_leaf_run() -> None:
    w = [Value(1.0), Value(2.0)]
    assert compile(dot(w, w), parameters=w).value_and_grad(backend="native")[1].tolist() == [2.0, 4.0]
    program = compile(w[0], parameters=w[:1])
    assert program(backend="native").tolist() == [1.0]
    assert program.value_and_grad(backend="native")[1].tolist() == [1.0]
    assert compile([w[0] * 2, w[1]], parameters=w)(backend="native").tolist() == [[2.0, 2.0]]
    assert compile(lambda x: x, 1.0)([1.0, 2.0], backend="native").tolist() == [1.0, 2.0]


def test_rows_and_seeds_may_lie_anywhere_in_memory() -> None:
    inputs, f, parameters = MODELS["a network"]
    program = compile(f, *[0.5] * inputs, parameters=parameters)
    wide = np.random.default_rng(0).normal(size=(2 * inputs, 60))
    rows, seeds = wide[::2].T[::3], np.linspace(0.0, 1.0, 40)[::2]
    found = program.pull_back(rows, seeds, program.theta(), backend="native")
    right = program.pull_back(rows.copy(), seeds.copy(), program.theta())
    assert found[0] == pytest.approx(right[0], rel=1e-13, abs=1e-14)
    assert found[1] == pytest.approx(right[1], rel=1e-12, abs=1e-13)


# What it refuses, and errors.


def test_the_first_row_without_a_value_is_named_with_the_scalar_engines_error() -> None:
    w = Value(1.0)
    program = compile(lambda x: log(x * w), 1.0, parameters=[w])
    rows = np.ones(1000)
    rows[[700, 900]] = -2.0
    with pytest.raises(DomainError, match=r"X\[700\]: log is not defined at x = -2.0"):
        program(rows, backend="native")
    with pytest.raises(DomainError, match=r"X\[700\]: log is not defined at x = -2.0"):
        program.value_and_grad(rows, backend="native")
    with pytest.raises(OverflowError, match=r"X\[1\]: exp overflows"):
        compile(lambda x: exp(x), 1.0)([1.0, 1000.0], backend="native")
    root = compile(lambda x: sqrt(x * w), 1.0, parameters=[w])
    assert root([0.0], backend="native").tolist() == [0.0]
    with pytest.raises(DomainError, match=r"X\[1\]: sqrt is not differentiable at x = 0.0"):
        root.value_and_grad([1.0, 0.0], backend="native")


def test_large_numbers_whose_sum_overflows_are_no_error() -> None:
    program = compile(lambda x: x * 1.0, 1.0)
    assert program([1.7e308, 1.7e308], backend="native").tolist() == [1.7e308, 1.7e308]


def test_a_users_row_is_named_and_auto_takes_numpy_for_it() -> None:
    halved = define_op("halved_on_tape", lambda xp, x: 0.5 * x, [lambda xp, out, x: 0.5])
    program = compile(lambda x: halved(x) + 1.0, 2.0)
    with pytest.raises(CompileError, match=r"the row halved_on_tape is not in C, .*: take backend='numpy'"):
        program([2.0], backend="native")
    assert program([2.0], backend="auto").tolist() == [2.0]
    assert program.stats.backend.startswith("numpy: the row halved_on_tape is not in C")


def test_float32_and_an_unknown_backend_are_refused() -> None:
    program = compile(lambda x: tanh(x), 1.0, dtype="float32")
    with pytest.raises(CompileError, match="computes in float64, and this program is float32: take backend='numpy'"):
        program([1.0], backend="native")
    assert program([1.0], backend="auto").dtype == np.float32
    with pytest.raises(ValueError, match="backend is 'numpy', 'native', 'jax' or 'auto', not 'gpu'"):
        program([1.0], backend="gpu")


def test_a_tape_that_was_not_built_is_one_clear_sentence_and_auto_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    on_native.extension.cache_clear()
    monkeypatch.setattr(importlib, "import_module", missing)
    program = compile(lambda x: tanh(x), 1.0)
    try:
        with pytest.raises(CompileError, match="the native backend is not at hand, for it was not built: install"):
            program([1.0], backend="native")
        assert program([0.0], backend="auto").tolist() == [0.0]
        assert "numpy: the native backend is not at hand" in program.stats.backend
    finally:
        on_native.extension.cache_clear()


def test_a_tape_that_cannot_be_loaded_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> Any:
        raise ImportError("undefined symbol: cblas", name=name)

    on_native.extension.cache_clear()
    assert on_native.extension().__name__ == "autodiff.native.tape"
    on_native.extension.cache_clear()
    monkeypatch.setattr(importlib, "import_module", broken)
    try:
        with pytest.raises(CompileError, match=r"for it cannot be loaded \(undefined symbol: cblas\): install"):
            compile(lambda x: tanh(x), 1.0)([1.0], backend="native")
    finally:
        on_native.extension.cache_clear()


# Auto.


def a_program() -> tuple[Program, Any]:
    inputs, f, parameters = MODELS["a network"]
    return compile(f, *[0.5] * inputs, parameters=parameters), np.random.default_rng(0).normal(size=(1000, inputs))


def test_auto_measures_once_for_each_number_of_examples_and_says_what_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    program, rows = a_program()
    assert program.stats.backend == ""
    seconds = {1: {"numpy": 2e-3, "native": 1e-3}, 1000: {"numpy": 1e-3, "native": 4e-3}}
    asked: list[int] = []

    def measured(run: Any, runner: Any) -> float:
        asked.append(runner.n)
        run(runner)
        return seconds[runner.n]["native" if isinstance(runner, on_native.Runner) else "numpy"]

    monkeypatch.setattr(backends, "_seconds", measured)
    for n in (1, 1000, 1, 1000):
        found = program.value_and_grad(rows[:n], backend="auto")
        assert found[1] == pytest.approx(program.value_and_grad(rows[:n])[1], rel=1e-12, abs=1e-13)
    assert asked == [1, 1, 1000, 1000]
    assert program.stats.backend == (
        "native for 1 example: 1000 µs, numpy 2000; numpy for 1,000 examples: 1000 µs, native 4000"
    )
    assert copy.copy(program).stats.backend == pickle.loads(pickle.dumps(program)).stats.backend == ""


def test_auto_is_not_measured_on_numpy_where_that_would_take_thousands_of_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backends, "_MOST_CALLS", 5)
    program, rows = a_program()
    program.value_and_grad(rows[:1], backend="auto")
    assert program.stats.backend == f"native: NumPy would take {program.stats.instructions} calls"
    monkeypatch.setattr(backends, "_MOST_CALLS", program.stats.instructions)
    program, rows = a_program()
    program.value_and_grad(rows[:1], backend="auto")
    assert "for 1 example: " in program.stats.backend, "so many are measured"


def test_auto_takes_numpy_for_thousands_of_calls_that_the_tape_cannot_make(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "_MOST_CALLS", 0)
    program = compile(lambda x: tanh(x), 1.0, dtype="float32")
    assert program([0.0], backend="auto").tolist() == [0.0]
    assert program.stats.backend.startswith("numpy: the native backend computes in float64")


def test_auto_compares_the_least_of_five_runs_after_one_that_warms_up(monkeypatch: pytest.MonkeyPatch) -> None:
    takes = {"numpy": iter([1e-9, 3e-6, 9e-6, 7e-6, 8e-6, 9e-6]), "native": iter([9.0, 8e-6, 5e-6, 4e-6, 9e-6, 6e-6])}
    now = [100.0]

    def run(name: Any) -> None:
        now[0] += next(takes[name])

    monkeypatch.setattr(backends, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    chosen, why = backends.faster(a_program()[0].plan, 7, lambda name: name, run)  # type: ignore[arg-type, return-value]
    assert (chosen, why) == ("numpy", "numpy for 7 examples: 3 µs, native 4")
    assert list(takes["numpy"]) == list(takes["native"]) == [], "and each ran six times"


# Memory and threads.


@pytest.mark.parametrize("lift", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_memory_is_at_most_16_bytes_a_node_and_example_16_a_node_and_8_an_operand(name: str, lift: bool) -> None:
    inputs, f, parameters = MODELS[name]
    program = compile(f, *[0.5] * inputs, parameters=parameters, lift=lift)
    plan = program.plan
    sides = [x for instruction in plan.instructions for x in instruction.operands]
    operands = sum(x.index.size if isinstance(x, Place) else 1 for x in sides)
    nodes = plan.rows + len(plan.column)  # leaves too
    for n in range(1, 40):
        runner = on_native.Runner(program.plan, n)
        held = sum(array.nbytes for array in runner.arrays)
        held += runner.tape.steps.nbytes + runner.tape.operands.nbytes
        assert held <= 16 * nodes * n + 16 * nodes + 8 * operands
        for each in (False, True):
            _, gradients, _ = on_native.Runner(program.plan, n, each).arrays
            fixed, at_once = len(runner.tape.column), min(n, 8)
            assert gradients.size <= plan.rows * at_once + fixed * (at_once if each else 1)
        assert runner.backward(np.ones(n)).base.size == plan.parameters


def test_walks_of_the_tape_let_other_threads_run() -> None:
    """While one thread runs a long tape, another goes on: it would not, were the GIL held."""
    x = Value(0.5)
    y = x
    for _ in range(20_000):
        y = sin(y) + 0.5
    program = compile(y, inputs=[x])
    runner = on_native.Runner(program.plan, 200)
    rows, theta = np.full((200, 1), 0.5), np.zeros(0)
    counted: list[int] = []
    stop = threading.Event()

    def count() -> None:
        while not stop.is_set():
            counted.append(1)
            stop.wait(0.0005)

    thread = threading.Thread(target=count)
    thread.start()
    try:
        before = len(counted)
        assert runner.forward(theta, rows)
        during = len(counted) - before
    finally:
        stop.set()
        thread.join()
    assert during >= 3
    assert math.isfinite(runner.outputs()[0, 0])
