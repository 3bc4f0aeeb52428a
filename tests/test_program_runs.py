"""How a Program runs its rows: so many at once, in memory that is kept, measured once, or on the devices of JAX."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from program_backends import BACKENDS

import nn
from autodiff import Value, compile, sin, sqrt, tanh
from autodiff.program import backends, on_devices, on_jax
from autodiff.program import program as program_module
from autodiff.program.program import Program
from nn.tracing import Traced


def a_line() -> Program:
    """x, w·x and its tanh: three rows of the memory; one number that varies with no example."""
    w = Value(0.5)
    return compile(lambda x: tanh(x * w), 1.0, parameters=[w])


@pytest.fixture
def bound(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, bool]]:
    """What is bound to memory: by which backend, for how many examples, and for the gradients of each?"""
    found: list[tuple[str, int, bool]] = []
    original = backends.bound

    def noted(backend: str, plan: Any, n: int, each: bool, dtype: Any) -> Any:
        found.append((backend, n, each))
        return original(backend, plan, n, each, dtype)

    monkeypatch.setattr(backends, "bound", noted)
    return found


# Chunks.


@pytest.mark.parametrize(
    ("count", "sizes"), [(10, [10]), (32, [32]), (33, [17, 16]), (64, [32]), (65, [22, 21]), (96, [32])]
)
def test_32_examples_are_run_at_once_however_large_the_program(
    count: int, sizes: list[int], bound: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program_module, "_ENTRIES", 1)
    rows = np.linspace(-1.0, 1.0, count)
    assert np.allclose(a_line()(rows), np.tanh(0.5 * rows), rtol=1e-14, atol=0.0)
    assert bound == [("numpy", n, False) for n in sizes]


@pytest.mark.parametrize(
    ("reduce", "count", "sizes"),
    [
        ("sum", 100, [100]),  # 403 numbers for 1 + 3 rows
        ("sum", 201, [67]),
        (None, 80, [80]),  # and one more for the gradient of w
        (None, 81, [41, 40]),
    ],
)
def test_as_many_are_run_at_once_as_their_numbers_fit_in_the_cache(
    reduce: str | None, count: int, sizes: list[int], bound: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program_module, "_ENTRIES", 403)
    rows = np.linspace(-1.0, 1.0, count)
    losses, gradient = a_line().value_and_grad(rows, reduce=reduce)
    slopes = rows / np.cosh(0.5 * rows) ** 2
    expected = (np.tanh(0.5 * rows).sum(), slopes.sum()) if reduce else (np.tanh(0.5 * rows), slopes[:, None])
    assert np.allclose(losses, expected[0], rtol=1e-13, atol=1e-14)
    assert np.allclose(gradient, expected[1], rtol=1e-13, atol=1e-14)
    assert bound == [("numpy", n, reduce is None) for n in sizes]


def test_values_alone_need_no_memory_for_the_gradients_of_each(bound: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_module, "_ENTRIES", 403)
    program = a_line()
    for _ in range(2):
        assert program(np.ones(100)).shape == (100,)
    assert bound == [("numpy", 100, False)], "once, for the memory is kept"


# Auto.


class Counted:
    """A backend that counts its runs, in place of one that takes time."""

    def __init__(self, _plan: Any, n: int, *_: Any) -> None:
        self.n, self.runs = n, {"forward": 0, "backward": 0}
        made.append(self)

    def forward(self, _theta: Any, rows: Any) -> bool:
        assert rows.shape == (self.n, 1)
        self.runs["forward"] += 1
        return True

    def backward(self, seeds: Any) -> Any:
        assert seeds.tolist() == [1.0] * self.n
        self.runs["backward"] += 1
        return np.zeros(1)

    def outputs(self) -> Any:
        return np.zeros((self.n, 1))


made: list[Counted] = []


@pytest.mark.parametrize("learned", [True, False])
def test_what_is_measured_is_a_run_forward_and_where_there_are_parameters_one_backward(
    learned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.clear()
    for name in ("numpy", "native"):
        monkeypatch.setitem(backends.RUNNERS, name, Counted)
    program = a_line() if learned else compile(lambda x: sin(x), 1.0)
    for _ in range(3):
        program(np.ones(7), backend="auto")
    assert sorted(counted.runs["forward"] for counted in made) == [6, 9], "six of each, and the three asked for"
    assert [counted.runs["backward"] for counted in made] == [6 * learned] * 2


def test_a_pickle_is_the_same_whatever_was_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_devices, "OnDevices", Devices)
    program = a_line()
    for backend in ("numpy", "auto", "jax"):
        program.pull_back(np.ones((3, 1)), np.ones(3), program.theta(), backend=backend, devices=["a"])
    assert pickle.dumps(program) == pickle.dumps(copy.copy(program))


# Devices, by a stand-in for JAX.


class Devices:
    """What runs a plan on devices: here the sum of the rows, and what it was given."""

    made: Sequence[Devices] = []

    def __init__(self, plan: Any, dtype: Any, explain: Callable[..., Any], devices: Any) -> None:
        self.plan, self.dtype, self.explain, self.devices = plan, dtype, explain, devices
        Devices.made = [*Devices.made, self]

    def outputs(self, rows: Any, theta: Any) -> Any:
        return rows.sum(1, keepdims=True) + theta

    def pull_back(self, rows: Any, _seeds: Any, theta: Any, each: bool) -> Any:
        return self.outputs(rows, theta), ("each" if each else "sum")


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> None:
    Devices.made = []
    monkeypatch.setattr(on_devices, "OnDevices", Devices)
    monkeypatch.setattr(on_devices, "default_device", lambda: ("the default",))


@pytest.mark.usefixtures("devices")
def test_jax_runs_what_it_is_asked_for_on_the_default_device() -> None:
    program = a_line()
    assert program([2.0, 3.0], backend="jax").tolist() == [2.5, 3.5]
    losses, gradient = program.value_and_grad([2.0, 3.0], reduce=None, backend="jax")
    assert losses.tolist() == [2.5, 3.5] and gradient == "each"
    (only,) = Devices.made
    assert only.devices == ("the default",) and only.plan is program.plan and only.dtype == np.float64
    with pytest.raises(TypeError, match="must be rows of 1 numbers"):
        program([["a"]], backend="jax")


@pytest.mark.usefixtures("devices")
def test_jax_is_prepared_once_for_each_list_of_devices() -> None:
    program = a_line()
    for names in (["a", "b"], ["b"], ["a", "b"], None, None):
        given = program.pull_back(np.ones((1, 1)), np.ones(1), np.array([2.0]), backend="jax", devices=names)
        assert given[0].tolist() == [[3.0]] and given[1] == "sum"
    assert [one.devices for one in Devices.made] == [("a", "b"), ("b",), ("the default",)]
    assert program([0.5]).tolist() == [np.tanh(0.25)], "and NumPy all else"


def test_a_pure_function_for_jax_has_one_number_a_row_where_the_program_has(monkeypatch: pytest.MonkeyPatch) -> None:
    def function(plan: Any, dtype: str) -> Any:
        assert dtype == "float32"
        count = len(plan.outputs)
        return lambda theta, x: np.concatenate([x * theta, x + theta], axis=1)[:, :count]

    monkeypatch.setattr(on_jax, "function", function)
    x, w = Value(1.0), Value(1.0)
    one = compile(x * w, inputs=[x], parameters=[w], dtype="float32").to_jax()
    several = compile([x * w, x + w], inputs=[x], parameters=[w], dtype="float32").to_jax()
    theta, rows = np.array([3.0]), np.array([[1.0], [2.0]])
    assert one(theta, rows).tolist() == [3.0, 6.0]
    assert several(theta, rows).tolist() == [[3.0, 4.0], [6.0, 5.0]]


# What a run says.


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_value_that_there_is_not_comes_before_a_derivative_that_there_is_not(backend: str) -> None:
    w = Value(1.0)
    program = compile(lambda x: sqrt(x * w), 1.0, parameters=[w])
    for run in (program, program.value_and_grad):
        with pytest.raises(ValueError, match=r"X\[1\]: sqrt is not defined at x = -1.0"):
            run([0.0, -1.0], backend=backend)


def test_where_there_are_no_inputs_no_row_is_named() -> None:
    w = Value(1.0, "w")
    program = compile(sqrt(w) + 1.0, parameters=[w])
    w.data = -4.0
    with pytest.raises(ValueError, match=r"^sqrt is not defined at x = -4.0"):
        program()


def test_a_graph_without_inputs_has_a_number_for_each_row_of_nothing() -> None:
    w = Value(2.0)
    program = compile(w * w, parameters=[w])
    assert program(np.zeros((3, 0))).tolist() == [4.0] * 3
    with pytest.raises(ValueError, match=r"X must have 0 columns, one for each input, and its shape is \(1, 1\)"):
        program([[1.0]])


def test_gradients_that_add_up_to_more_than_a_float_holds_are_an_error_of_all() -> None:
    w = Value(1.0)
    program = compile(lambda x: x * w, 1.0, parameters=[w])
    with pytest.raises(OverflowError, match=r"^the gradients of the examples add up to more than a float holds"):
        program.value_and_grad([1.5e308, 1.5e308], reduce="sum")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"reduce": "sum"}, "the losses of the examples add up to more than a float holds"),
        ({"reduce": "sum", "weights": [10.0, 1.0]}, "a loss times its weight exceeds what a float holds"),
        ({"reduce": None, "weights": [10.0, 1.0]}, "a loss times its weight exceeds what a float holds"),
        ({"weights": [1.5e308, 1.5e308]}, "the weights of the examples add up to more than a float holds"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_a_loss_that_no_float_holds_is_an_error_that_leaves_gradients_alone(settings: Any, says: str) -> None:
    w = Value(1.0)
    w.grad = 7.0
    program = compile(lambda x: x + w, 1.0, parameters=[w])
    with pytest.raises(OverflowError, match=f"^{says}"):
        program.value_and_grad([1e308, 1e308], **settings)
    assert w.grad == 7.0
    assert program.value_and_grad([1e308, 1e308])[0] == 1e308


def test_the_layers_of_a_model_are_matrices_in_the_program_that_trains_it() -> None:
    stats = Traced(nn.MLP(3, [4, 1], rng=0), [0.0] * 3).program.stats
    assert stats.instructions == 3 and stats.nodes == 9
