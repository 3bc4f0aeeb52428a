"""What a Program computes together: operations of a kind in one instruction, their results beside one another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from test_program_values import assert_as_on_scalars, check, weights

from autodiff import Value, compile, dot, logsumexp, sin, tanh
from autodiff import sum as total

TOGETHER: dict[str, tuple[Callable[..., Any], int, int, list[str]]] = {  # of so many weights and inputs
    "operations of one row on operands of one kind": (
        lambda w, x: tanh(w[1] * x[1]) * tanh(w[0] * x[0]), 2, 2,
        ["v1 = w ⊙ x", "v2 = tanh(v1)", "L = v2[2]·v2[1]"],
    ),
    "in the order of what varies": (
        lambda w, x: tanh(w[0] * x[1]) * tanh(w[1] * x[0]), 2, 2,
        ["v1 = w[2,1] ⊙ x", "v2 = tanh(v1)", "L = v2[2]·v2[1]"],
    ),
    "not what varies on the left with what varies on the right": (
        lambda w, x: tanh(x[0] / w[0]) * tanh(w[1] / x[1]), 2, 2,
        ["v1 = x[1]/w[1]", "v2 = w[2]/x[2]", "v3 = tanh((v1, v2))", "L = v3[1]·v3[2]"],
    ),
    "not a number with a weight": (
        lambda w, x: tanh(x[0] * 2.0) * tanh(x[1] * w[0]), 1, 2,
        ["v1 = x[1]·2", "v2 = x[2]·w", "v3 = tanh((v1, v2))", "L = v3[1]·v3[2]"],
    ),
    "different numbers": (
        lambda w, x: tanh(x[0] * 2.0) * tanh(x[1] * 3.0) * w[0], 1, 2,
        ["v1 = x ⊙ (2, 3)", "v2 = tanh(v1)", "v3 = v2[1]·v2[2]", "L = v3·w"],
    ),
    "after all that they need": (
        lambda w, x: tanh(tanh(tanh(w[0]))) * x[0] * w[1] + sin(sin(sin(sin(x[0])))) * w[2] * w[3], 4, 1,
        [
            "v1 = tanh(w[1])", "v2 = tanh(v1)", "v3 = tanh(v2)", "v4 = sin(x)", "v5 = sin(v4)", "v6 = sin(v5)",
            "v7 = v3·x", "v8 = sin(v6)", "v9 = v8·w[3]", "z1[1] = W1[1×2] @ (v7, v9)[2]",
        ],
    ),
    "reductions in the order of what they read": (
        lambda w, x: logsumexp(x[1:]) * logsumexp(x[:2]) * w[0], 1, 3,
        ["v1 = logsumexp(x[1,2,2,3])", "v2 = v1[2]·v1[1]", "L = v2·w"],
    ),
    "reductions of one length, a weight among what varies": (
        lambda w, x: logsumexp([x[0], x[1]]) * logsumexp([x[1], w[0]]), 1, 2,
        ["v1 = w", "v2 = logsumexp((x, v1)[…])", "L = v2[1]·v2[2]"],
    ),
    "reductions of another length by themselves, and each weight goes among what varies once": (
        lambda w, x: logsumexp([x[0], w[0]]) * logsumexp([x[0], w[0], w[1]]) * logsumexp([x[1], w[1], w[0]]), 2, 2,
        [
            "v1 = w[1]", "v2 = logsumexp((x[1], v1))", "v3 = w[2]", "v4 = logsumexp((x, v1, v3)[…])", "v5 = v2·v4[1]",
            "L = v5·v4[2]",
        ],
    ),
    "a weight that is among what varies already": (
        lambda w, x: logsumexp([x[0], w[0]]) * logsumexp([x[0], x[1], w[0]]), 1, 2,
        ["v1 = w", "v2 = logsumexp((x[1], v1))", "v3 = logsumexp((x[1], x[2], v1))", "L = v2·v3"],
    ),
    "neurons with a bias and without": (
        lambda w, x: tanh(dot(w[:2], x) + w[2]) * tanh(dot(w[3:], x)), 5, 2,
        ["z1[2] = W1[2×2] @ x[2] + (w[3], 0)[2]", "a1 = tanh(z1)", "L = a1[1]·a1[2]"],
    ),
    "neurons without a bias and with one": (
        lambda w, x: tanh(dot(w[:2], x)) * tanh(dot(w[2:4], x) + w[4]), 5, 2,
        ["z1[2] = W1[2×2] @ x[2] + (0, w[5])[2]", "a1 = tanh(z1)", "L = a1[1]·a1[2]"],
    ),
    "neurons in the order of their weights": (
        lambda w, x: tanh(dot(w[2:], x)) * tanh(dot(w[:2], x)), 4, 2,
        ["z1[2] = W1[2×2] @ x[2]", "a1 = tanh(z1)", "L = a1[2]·a1[1]"],
    ),
    "places in the order of their inputs": (
        lambda w, x: tanh(dot(w, x[2:])) * tanh(dot(w, x[:2])), 2, 4,
        ["z1[2×1] = x[2×2] @ W1[1×2]ᵀ", "a1 = tanh(z1)", "L = a1[2]·a1[1]"],
    ),
    "two neurons at two places, the other one first": (
        lambda w, x: tanh(dot(w[:2], x[:2])) * tanh(dot(w[2:], x[:2]))
        - tanh(dot(w[2:], x[2:])) * tanh(dot(w[:2], x[2:])), 4, 4,
        ["z1[2×2] = x[2×2] @ W1[2×2]ᵀ", "a1 = tanh(z1)", "v1 = a1[1,4] ⊙ a1[2…3]", "L = v1[1] − v1[2]"],
    ),
    "a neuron with a bias and one without, of other inputs": (
        lambda w, x: tanh(dot(w[:2], x[:2]) + w[4]) * tanh(dot(w[2:4], x[2:])), 5, 4,
        ["z1[1] = W1[1×2] @ x[1…2] + w[5]", "z2[1] = W2[1×2] @ x[3…4]", "a1 = tanh((z1, z2))", "L = a1[1]·a1[2]"],
    ),
    "neurons of one length and other inputs": (
        lambda w, x: tanh(dot(w[:2], x[2:]) + w[5]) * tanh(dot(w[2:4], x[:2]) + w[4]), 6, 4,
        ["v1 = w[3,1,4,2] · x[1,3,2,4]", "v2 = v1 + w[5…6]", "v3 = tanh(v2)", "L = v3[2]·v3[1]"],
    ),
    "dots of one length that share nothing": (
        lambda w, x: tanh(dot(w[:2], x[2:])) * tanh(dot(w[2:4], x[:2])), 4, 4,
        ["v1 = w[3,1,4,2] · x[1,3,2,4]", "v2 = tanh(v1)", "L = v2[2]·v2[1]"],
    ),
    "neurons of one input": (
        lambda w, x: tanh(w[0] * x[0] + w[1]) * tanh(w[2] * x[1] + w[3]), 4, 2,
        ["v1 = w[1,3] ⊙ x", "v2 = v1 + w[2,4]", "v3 = tanh(v2)", "L = v3[1]·v3[2]"],
    ),
    "dots of inputs alone, of weights alone and of both, each by themselves": (
        lambda w, x: tanh(dot(w[:2], x[:2])) * tanh(dot(x[2:4], x[4:6])) * tanh(dot(w[2:4], w[4:])), 6, 6,
        [
            "v1 = w[3…4] · w[5…6]", "v2 = tanh(v1)", "z1[1] = W1[1×2] @ x[1…2]",
            "v3 = x[3…4] · x[5…6]", "a1 = tanh((z1, v3))", "v4 = a1[1]·a1[2]", "L = v4·v2",
        ],
    ),
    "a weight alone in a dot": (
        lambda w, x: tanh(dot([w[0]], [1.0])) * x[0], 1, 1,
        ["v1 = tanh(w)", "L = v1·x"],
    ),
    "an input in the place of the bias": (
        lambda w, x: tanh(dot([w[0], x[0]], [x[1], 1.0])), 1, 2,
        ["v1 = w·x[2]", "v2 = v1 + x[1]", "L = tanh(v2)"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", TOGETHER)
def test_computed_together_are(what: str) -> None:
    f, count, inputs, lines = TOGETHER[what]
    w = weights(count)
    for i, value in enumerate(w, 1):
        value.label = f"w[{i}]"
    assert str(check(lambda *x: f(w, x), inputs, w)).splitlines() == lines


def test_neurons_without_a_bias_share_one_zero() -> None:
    w = weights(7)
    program = check(lambda *x: tanh(dot(w[:2], x) + w[2]) * tanh(dot(w[3:5], x)) * tanh(dot(w[5:], x)), 2, w)
    assert "(w[3], 0, 0)[3]" in str(program)
    assert program.plan.column[7:].count(0.0) == 1


def test_a_number_that_no_sum_needs_takes_no_place() -> None:
    w = weights(2)
    program = check(lambda x, y: total([w[0] * x, 0.0, w[1] * y * 1.0]), 2, w)
    assert program.plan.column == [0.0, 0.0] and program.stats.constants == 2


def test_without_lifting_each_node_is_an_instruction_in_the_order_of_the_graph() -> None:
    a, b = Value(0.5, "a"), Value(2.0, "b")
    program = compile(lambda x, y: tanh(a * x) * tanh(b * y), 1.0, 1.0, parameters=[a, b], lift=False)
    assert str(program).splitlines() == ["v1 = a·x", "v2 = tanh(v1)", "v3 = b·y", "v4 = tanh(v3)", "L = v2·v4"]


@pytest.mark.parametrize(
    ("f", "lines"),
    [
        (lambda a, b, x, y: dot([a], [1.0]) * x * b + y, ["v1 = a · 1", "v2 = v1·x", "v3 = v2·b", "L = v3 + y"]),
        (lambda a, b, x, y: dot([a, b], [y, 1.0]) * x, ["z1[1] = W1[1×1] @ y[1] + b1[1]", "L = z1·x"]),
        (lambda a, b, x, y: dot([a, x, b], [y, x, 1.0]) * y, ["v1 = a", "v2 = (v1, x) · (y, x) + b[1]", "L = v2·y"]),
        (lambda a, b, x, y: dot([a, x], [y, 1.0]) * b, ["v1 = a", "v2 = 1", "v3 = (v1, x) · (y, v2)", "L = v3·b"]),
    ],
)
def test_what_a_dot_multiplies_by_1_at_its_end_is_a_bias_where_it_is_a_weight(
    f: Callable[..., Any], lines: list[str]
) -> None:
    a, b = Value(0.5, "a"), Value(2.0, "b")

    def of_inputs(x: Any, y: Any) -> Any:
        return f(a, b, x, y)

    program = compile(of_inputs, 1.0, 1.0, parameters=[a, b], lift=False)
    assert str(program).splitlines() == lines
    assert_as_on_scalars(program, of_inputs, [[1.0, 2.0], [0.3, 0.4]])
