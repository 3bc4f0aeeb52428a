"""A Program's backward pass: each gradient once, the same however often it runs, and not what nobody asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from program_backends import BACKENDS

import nn
from autodiff import DomainError, Value, compile, dot, exp, sin, sqrt, tanh, where
from autodiff.program.instructions import Clear, Pullback
from autodiff.program.program import Program

ROWS = np.random.default_rng(0).normal(size=(7, 2))


def _parameters() -> list[Value]:
    return [Value(0.3 * i - 0.4, f"w{i}") for i in range(4)]


def _pulled_back(program: Program) -> list[str]:
    """The instructions that have a pullback, as rows of the table, in its order."""
    return [step.of.op.name for step in program.plan.pullbacks if isinstance(step, Pullback)]  # type: ignore[union-attr]


# Graphs in which some of what is computed together has a gradient before the rest, or never.
GRAPHS: dict[str, Callable[..., Any]] = {
    "a parameter of several again": lambda w, x, y: tanh(w[0] * x) * tanh(w[1] * y) * w[1] + w[2] * w[3],
    "a result of several again": lambda w, x, y: (
        (lambda a, b: tanh(a) * tanh(b) * sin(b))(w[0] * x, w[1] * y) + w[2] * w[3]
    ),
    "three of four that are not side by side": lambda w, x, y: (lambda a, b, c, d: sin(a) * sin(b) * exp(c) * sin(d))(
        *[tanh(v * x) for v in w]
    ),
    "what is read from here and there, twice": lambda w, x, y: (
        (lambda a, b, c, d: sin(sin(a)) * sin(sin(b)) * sin(exp(c)) * sin(d))(*[tanh(v * x) for v in w])
        * (lambda a, b, c, d: exp(a) * exp(b) * sin(c) * exp(d))(*[sin(v * y) for v in w])
    ),
    "three of four that others read too": lambda w, x, y: (
        lambda a, b, c, d: sin(a) * sin(b) * sin(d) * exp(a) * exp(b) * exp(c) * exp(d)
    )(*[tanh(v * x) for v in w]),
    "a dot of results": lambda w, x, y: tanh(dot([tanh(w[0] * x), tanh(w[1] * y)], [sin(w[2] * x), sin(w[3] * y)])),
    "every second one": lambda w, x, y: (lambda a, b, c, d: sin(a) * sin(c) * exp(b) * exp(d))(
        *[tanh(v * x) for v in w]
    ),
    "a choice": lambda w, x, y: tanh(w[0] * x) * where(tanh(w[1] * y), w[2], w[3]),
    "a choice alone": lambda w, x, y: where(tanh(w[0] * x), w[1] * y, w[2]) * w[3],
    "a choice of inputs": lambda w, x, y: where(tanh(dot(w, [x, y, x, y])), x, y),
    "no example's": lambda w, x, y: tanh(w[0] * w[1]) * tanh(w[2] * w[3]) * w[0],
    "a parameter": lambda w, x, y: where(dot(w, w) + 1.0, w[2], w[3]),
}


def _of(name: str, parameters: list[Value]) -> Program:
    return compile(lambda x, y: GRAPHS[name](parameters, x, y), 0.5, 0.5, parameters=parameters)


def _on_scalars(name: str, parameters: list[Value]) -> Any:
    each: list[list[float]] = []
    for x, y in ROWS.tolist():
        for p in parameters:
            p.grad = 0.0
        GRAPHS[name](parameters, Value(x), Value(y)).backward()
        each.append([p.grad for p in parameters])
    return np.array(each)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", GRAPHS)
def test_a_gradient_is_the_same_however_often_it_is_asked_for(name: str, backend: str) -> None:
    parameters = _parameters()
    program, expected = _of(name, parameters), _on_scalars(name, parameters)
    for reduce, right in ((None, expected), ("sum", expected.sum(0)), (None, expected), ("sum", expected.sum(0))):
        found = program.value_and_grad(ROWS, reduce=reduce, backend=backend)[1]
        assert found == pytest.approx(right, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("name", GRAPHS)
def test_the_source_gives_the_gradient_of_what_a_choice_leaves_out_and_of_what_no_example_changes(name: str) -> None:
    parameters = _parameters()
    program = _of(name, parameters)
    made: dict[str, Any] = {}
    exec(program.source(), made)
    loss, gradient = program.value_and_grad(ROWS)
    found = made["value_and_gradient"](program.theta(), ROWS)
    assert found[0] == pytest.approx(loss, rel=1e-13, abs=0.0)
    assert found[1] == pytest.approx(gradient, rel=1e-12, abs=1e-14)


PLAIN: dict[str, Callable[..., Any]] = {
    "a choice": lambda w, u, x, y: where(tanh(w * x), x, y) * exp(u),
    "no example's": lambda w, u, x, y: tanh(w * u),
    "a line": lambda w, u, x, y: (tanh(w * x + u) - y) ** 2,
}


@pytest.mark.parametrize("name", PLAIN)
def test_source_of_names_alone_gives_the_gradient(name: str) -> None:
    w, u = Value(0.3, "w"), Value(0.7, "u")
    program = compile(lambda x, y: PLAIN[name](w, u, x, y), 0.5, 0.5, parameters=[w, u])
    source = program.source()
    assert "df" not in source and ("dL = np.ones_like(L)" in source) == (name != "no example's")
    made: dict[str, Any] = {}
    exec(source, made)
    found = made["value_and_gradient"](program.theta(), ROWS)
    assert found[1] == pytest.approx(program.value_and_grad(ROWS)[1], rel=1e-12, abs=1e-14)


def test_the_source_of_a_parameter_itself_has_gradient_1() -> None:
    w = _parameters()
    made: dict[str, Any] = {}
    exec(compile(lambda x: w[1], 1.0, parameters=w[1:2]).source(), made)
    loss, gradient = made["value_and_gradient"](np.array([-0.1]), ROWS[:, :1])
    assert loss == -0.1 and gradient.tolist() == [1.0]


def test_the_source_of_outputs_that_no_example_changes_has_one_for_each_row() -> None:
    x, c = Value(1.0, "x"), Value(2.0, "c")
    program = compile([x * c, tanh(c), c], inputs=[x])
    made: dict[str, Any] = {}
    exec(program.source(), made)
    assert "np.stack([v2[0], np.full(len(X), v1), np.full(len(X), 2.0)], axis=1)" in program.source()
    assert made["outputs"](program.theta(), ROWS[:, :1]).tolist() == program(ROWS[:, :1]).tolist()


def test_the_listing_says_nothing_of_gradients_that_do_not_come() -> None:
    w, u = Value(0.3, "w"), Value(0.7, "u")
    program = compile(lambda x, y: where(tanh(w * x), x, y) * u, 1.0, 2.0, parameters=[w, u])
    assert str(program.backward).splitlines() == ["∂L/∂v3 = u", "∂L/∂u += v3"]
    alone = compile(lambda x, y: where(tanh(w * x), x, y), 1.0, 2.0, parameters=[w])
    assert str(alone.backward) == ""


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_decides_a_choice_must_have_a_derivative_as_on_scalars(backend: str) -> None:
    w, u = Value(0.3, "w"), Value(0.7, "u")
    program = compile(lambda x: where(sqrt(w * x), x, 2.0 * x) * u, 1.0, parameters=[w, u])
    assert program.value_and_grad([1.0, 4.0], backend=backend)[1].tolist() == [0.0, 2.5]
    with pytest.raises(DomainError, match=r"X\[1\]: sqrt is not differentiable at x = 0.0"):
        program.value_and_grad([1.0, 0.0], backend=backend)


def test_what_depends_on_no_parameter_is_not_pulled_back() -> None:
    w = Value(0.3, "w")
    program = compile(lambda x, y: exp(tanh(sin(y))) * tanh(w * x), 1.0, 1.0, parameters=[w])
    assert _pulled_back(program) == ["mul", "tanh", "mul"]
    assert str(program).count("\n") == 4, "and sin, tanh of both, exp"


def test_what_is_chosen_by_is_not_pulled_back_from_the_choice() -> None:
    w = [Value(0.3, "w"), Value(0.7, "u")]
    program = compile(lambda x, y: where(w[0] * x, w[1], y), 1.0, 1.0, parameters=w)
    choice = next(step for step in program.plan.pullbacks if isinstance(step, Pullback))
    assert [c.operand for c in choice.contributions] == [1]


@pytest.mark.parametrize("loss", ["mse", "binary_cross_entropy_with_logits"])
def test_no_gradient_of_a_network_is_cleared_before_it_is_set(loss: str) -> None:
    model = nn.MLP(2, [4, 3, 1], rng=0)
    program = compile(
        lambda x, t: nn.LOSSES[loss].formula(model.outputs_for(x), [t]), [0.1, 0.1], 0.5, parameters=model.parameters()
    )
    assert not any(isinstance(step, Clear) for step in program.plan.pullbacks)


def test_a_gradient_that_was_set_is_added_to_without_a_clear() -> None:
    w = Value(0.3, "w")
    program = compile(lambda x: tanh(w * x) * w * w, 1.0, parameters=[w])
    assert not any(isinstance(step, Clear) for step in program.plan.pullbacks)


def test_only_what_was_not_set_is_cleared() -> None:
    w = _parameters()
    program = compile(lambda x: tanh(w[0] * x) * sin(tanh(w[1] * x)) * w[1], 1.0, parameters=w[:2])
    cleared = [step.place for step in program.plan.pullbacks if isinstance(step, Clear)]
    assert [(place.varies, place.index.tolist()) for place in cleared] == [(False, [0])]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_gradient_is_the_first_outputs_whatever_is_computed_of_it(backend: str) -> None:
    x, w = Value(1.0, "x"), Value(0.5, "w")
    y = x * w
    program = compile([y, sin(y), w * y], inputs=[x], parameters=[w])
    _, gradient = program.pull_back(ROWS[:, :1], np.ones(7), program.theta(), backend=backend)
    assert gradient == pytest.approx(ROWS[:, 0].sum(), rel=1e-12, abs=0.0)
