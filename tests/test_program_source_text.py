"""What `Program.source` writes: the backpropagation of a network as one writes it by hand, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_program_source import assert_gives_the_same, lines, run

from autodiff import Value, compile, define_op, dot, logsumexp, sin, tanh
from autodiff import sum as total
from autodiff.program.program import Program


def compiled(f: Callable[..., Any], weights: int, inputs: int) -> Program:
    w = [Value(0.3 + 0.1 * i) for i in range(weights)]
    return compile(lambda *x: f(w, x), *[0.5] * inputs, parameters=w)


def neuron(w: Any, x: Any) -> Any:
    return tanh(dot(w[:-1], x) + w[-1])


NETWORK = '''import numpy as np


def value_and_gradient(theta, X):
    """The mean loss over the rows of X, and its gradient."""
    x = X.T[0:2]
    W1 = theta[3 * np.arange(2)[:, None] + np.arange(2)]
    b1 = theta[2:6:3, None]
    W2 = theta[None, 6:8]
    b2 = theta[8:9, None]
    z1 = W1 @ x + b1
    a1 = np.tanh(z1)
    z2 = W2 @ a1 + b2
    a2 = np.tanh(z2)
    gradient = np.zeros_like(theta)
    da2 = np.ones_like(a2)
    t1 = np.exp((-2.0) * np.abs(z2))
    t2 = 1.0 + t1
    dz2 = da2 * (4.0 * (t1 / (t2 * t2)))
    gradient[None, 6:8] += dz2 @ a1.T
    da1 = W2.T @ dz2
    gradient[8:9, None] += dz2.sum(axis=1, keepdims=True)
    t3 = np.exp((-2.0) * np.abs(z1))
    t4 = 1.0 + t3
    dz1 = da1 * (4.0 * (t3 / (t4 * t4)))
    gradient[3 * np.arange(2)[:, None] + np.arange(2)] += dz1 @ x.T
    gradient[2:6:3, None] += dz1.sum(axis=1, keepdims=True)
    return a2[0].mean(), gradient / len(X)
'''


def test_the_source_of_a_network_is_its_backpropagation() -> None:
    program = compiled(lambda w, x: neuron(w[6:], [neuron(w[:3], x), neuron(w[3:6], x)]), 9, 2)
    assert program.source() == NETWORK
    assert_gives_the_same(program, [[0.5, -1.0], [2.0, 0.25]])


def test_the_textbooks_derivatives_are_those_that_rows_show() -> None:
    program = compiled(lambda w, x: tanh(w[0] * x[0]), 1, 1)
    assert "    dv1 = dL * (1.0 - L * L)\n" in program.source(textbook=True)
    assert "1.0 - L * L" not in program.source()


PROGRAMS: dict[str, tuple[Callable[..., Any], int, int, set[str]]] = {  # of so many weights and inputs; some lines
    "two layers of two at two places": (
        lambda w, x: total(
            neuron(w[6:9], h) * neuron(w[9:], h)
            for h in ([neuron(w[:3], p), neuron(w[3:6], p)] for p in (x[:2], x[2:]))
        ), 12, 4,
        {
            'z1[:] = np.einsum("km,lmn->lkn", W1, x.reshape(2, 2, -1)).reshape(4, -1) + np.tile(b1, (2, 1))',
            'z2[:] = np.einsum("km,lmn->lkn", W2, a1.reshape(2, 2, -1)).reshape(4, -1) + np.tile(b2, (2, 1))',
            'np.add.at(ds, np.array([[8, 9], [10, 11]]), (np.einsum("lkn,km->lmn", ds[12:16].reshape(2, 2, -1), W2)'
            ".reshape(4, -1)).reshape(2, 2, -1))",
            "df[:, 0][2:6:3, None] += ds[4:8].reshape(2, 2, -1).sum(axis=0).sum(axis=-1, keepdims=True)",
        },
    ),
    "three neurons of two inputs at two places": (
        lambda w, x: total(
            tanh(total([neuron(w[i : i + 3], [a, sin(a)]) for i in (0, 3, 6)])) for a in (w[9] * x[0], w[9] * x[1])
        ), 10, 2, set(),
    ),
    "a neuron of one input at two places": (
        lambda w, x: neuron(w[:2], [x[0]]) * neuron(w[:2], [x[1]]), 2, 2,
        {'z1[:] = np.einsum("km,lmn->lkn", W1, x.reshape(2, 1, -1)).reshape(2, -1) + np.tile(b1, (2, 1))'},
    ),
    "neurons of other parameters": (
        lambda w, x: neuron(w[:3], w[6:]) * neuron(w[3:6], w[6:]) * x[0], 8, 1,
        {
            "v1 = f[8:10]",
            'v1[:] = np.einsum("km,lm->lk", f[np.array([[0, 1], [3, 4]])].reshape(2, 2), f[np.array([[6, 7]])]'
            ".reshape(1, 2)).reshape(2, -1)",
        },
    ),
    "reductions of other parameters": (
        lambda w, x: logsumexp(w[:3]) * logsumexp(w[3:]) * x[0], 6, 1,
        {"t1 = np.max(f[np.array([[0, 3], [1, 4], [2, 5]])], axis=0)"},
    ),
    "what no example changes, and what does": (
        lambda w, x: tanh(w[0]) * x[0], 1, 1,
        {"v1 = np.tanh(w)", "L = v1 * x", "dv1 = np.broadcast_to(dL * x, (1, len(X))).sum(axis=-1, keepdims=True)"},
    ),
    "a result that is read twice": (
        lambda w, x: (lambda a: a * sin(a))(tanh(w[0] * x[0])), 1, 1,
        {"dv2 = dL * v3", "dv2 = dv2 + dv3 * np.cos(v2)"},
    ),
    "a bias that is a number": (
        lambda w, x: tanh(dot([w[0], 1.0], [x[0], 1.0])), 1, 1,
        {"z1 = W1 @ x + 1.0", "gradient[0:1, None] += dz1 @ x.T"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_source_of(name: str) -> None:
    f, weights, inputs, expected = PROGRAMS[name]
    program = compiled(f, weights, inputs)
    assert expected <= set(lines(program))
    assert ("np.concatenate" in program.source()) == any("df[" in line for line in lines(program))
    assert_gives_the_same(program, [[0.5 - 0.25 * i * j for i in range(1, inputs + 1)] for j in range(3)])


def test_without_lifting_a_neuron_of_parameters_has_its_bias_as_it_is() -> None:
    a, b, c = Value(0.5, "a"), Value(2.0, "b"), Value(0.25, "c")
    program = compile(lambda x: dot([a, b], [c, 1.0]) * x, 1.0, parameters=[a, b, c], lift=False)
    assert any(line.startswith("v1 = ") and line.endswith(".reshape(1, -1) + b") for line in lines(program))
    assert_gives_the_same(program, [[0.5], [-1.0]])


THREE = define_op("three_whatever_x", lambda xp, x: 3.0, [lambda xp, out, x: 0.0])
FIRST = define_op("first_of_two", lambda xp, x, y: 2.0 * x, [lambda xp, out, x, y: 2.0, lambda xp, out, x, y: 0.0])


def test_what_is_a_number_whatever_its_operands_has_the_shape_that_is_read() -> None:
    f = lambda w, x: tanh(dot([THREE(w[0]), THREE(w[1])], x))  # noqa: E731
    program = compiled(f, 2, 2)
    assert "v1 = np.broadcast_to(3.0, (2, 1))" in lines(program)
    assert_gives_the_same(program, [[0.5, -1.0], [0.25, 0.125]])
    assert_gives_the_same(compiled(lambda w, x: f(w, x) * w[0] * w[1], 2, 2), [[0.5, -1.0], [0.25, 0.125]])


def test_what_depends_on_no_example_has_a_number_for_each_where_its_row_has_an_operand_that_does() -> None:
    program = compile(lambda x: FIRST(tanh(Value(2.0)), x), 1.0)
    assert run(program, "outputs")([1.0, 2.0, 3.0]).tolist() == program([1.0, 2.0, 3.0]).tolist()
    assert_gives_the_same(compiled(lambda w, x: FIRST(tanh(w[0]), x[0]) * x[0], 1, 1), [[1.0], [2.0]])


def test_what_is_made_of_numbers_alone_has_source() -> None:
    program = compile([tanh(Value(2.0)), Value(3.0)])
    made: dict[str, Any] = {}
    exec(program.source(), made)
    rows = np.zeros((3, 0))
    assert made["outputs"](program.theta(), rows).tolist() == program(rows).tolist()
    assert str(compile(tanh(Value(2.0)))) == "L = tanh(2)"


def test_a_loss_that_is_a_number_has_no_gradient_to_compute() -> None:
    w = Value(0.3, "w")
    source = compile(lambda x: dot([0.0], [w]), 1.0, parameters=[w]).source()
    assert source.splitlines()[-2:] == ["    gradient = np.zeros_like(theta)", "    return 0.0, gradient / len(X)"]
