"""Judges the exercises of notebook 05: neurons, layers, and what goes back through them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff import Value, gradients, jacobian, sigmoid, tanh, vjp
from checks.judge import say, say_array
from nn import MLP, Neuron


def check_neuron(a: Any, h: Any, dh_dw2: Any) -> None:
    """Exercise 1: a neuron's pre-activation, activation, and the gradient of one weight."""
    neuron = Neuron(2, "sigmoid", init="zeros")
    neuron.weights[0].data, neuron.weights[1].data = 2.0, -1.0
    assert neuron.bias is not None
    neuron.bias.data = 0.5
    out: Any = neuron([1.0, 2.5])
    out.backward()
    pre = neuron.pre_activation.data
    say("a", a, pre, [(pre - 0.5, "and the bias?"), (2.0 * 1.0 + 2.5 + 0.5, "the second weight is −1")])
    say(
        "h",
        h,
        out.data,
        [(0.0, "that is a: h is σ(a), and σ(0) is not 0"), (1.0, "σ goes from 0 to 1, and is at a = 0 halfway")],
    )
    slips = [
        (0.25, "that is σ'(a): the second factor, ∂a/∂w₂, is the input x₂"),
        (-0.25, "∂a/∂w₂ is the input x₂, not the weight w₂"),
        (1.25, "σ'(a) is σ(a)·(1 − σ(a)), two factors of ½"),
        (2.5, "∂a/∂w₂ is only the second factor: σ'(a) stands before it"),
    ]
    say("∂h/∂w₂", dh_dw2, neuron.weights[1].grad, slips)


def check_count(with_biases: Any, without_biases: Any) -> None:
    """Exercise 2: how many parameters there are."""
    both, weights = (float(len(MLP(5, [4, 2], init="zeros", bias=bias).parameters())) for bias in (True, False))
    say(
        "with biases",
        with_biases,
        both,
        [
            (weights, "that is without biases"),
            (weights + 2, "hidden neurons have biases too"),
            (weights + 11, "inputs have no biases"),
        ],
        1e-9,
    )
    say(
        "without biases",
        without_biases,
        weights,
        [
            (both, "that is with them"),
            (20.0, "those are of the first layer alone"),
            (11.0, "those are neurons: each pair of neighbours has a weight"),
        ],
        1e-9,
    )


def check_delta(delta_2: Any, delta_1: Any) -> None:
    """Exercise 3: two δ of a chain of two sigmoid units."""
    z1 = Value(0.0)
    z2 = 3.0 * sigmoid(z1)
    a2 = sigmoid(z2)
    d2, d1 = gradients((0.0 - a2) ** 2, [z2, z1])
    slope, out = (a2 * (1.0 - a2)).data, a2.data
    say(
        "δ²",
        delta_2,
        d2,
        [(2.0 * out, "that is ∂L/∂a²: σ'(z²) comes after it"), (2.0 * out * 0.25, "σ' is taken at z² = 1.5, not at 0")],
    )
    slips = [
        (3.0 * d2, "and the slope σ'(z¹) of the hidden unit?"),
        (0.25 * d2, "and the weight 3 between them?"),
        (3.0 * d2 * slope, "the slope is that of the hidden unit, σ'(z¹) with z¹ = 0"),
        (3.0 * d2 * 0.5, "σ'(0) is σ(0)·(1 − σ(0))"),
    ]
    say("δ¹", delta_1, d1, slips)


def check_back(back: Callable[..., Any]) -> None:
    """Exercise 4: the recursive step of backpropagation."""
    weight, a = np.array([[1.0, -2.0, 0.5], [3.0, 1.0, -1.0]]), np.array([0.25, 0.5, 0.9])
    delta = np.array([0.5, -0.25])

    def layer(z: list[Any]) -> list[Any]:
        return [sum(w * sigmoid(one) for w, one in zip(row, z, strict=True)) for row in weight.tolist()]

    (right,) = vjp(layer, np.log(a / (1.0 - a)).tolist())[1](delta.tolist())
    slips = [
        (weight.T @ delta, "and the slope of each neuron below, a·(1 − a)?"),
        (weight.T @ delta * (1.0 - a * a), "that is the slope of tanh: the activation is σ"),
        (weight.T @ delta * a, "σ' is a·(1 − a)"),
    ]
    say_array("back", back, (delta, weight, a), right, slips)


def check_layer_jacobian(layer_jacobian: Callable[..., Any]) -> None:
    """Exercise 5: the Jacobian matrix of a tanh layer."""
    weight, bias, h = np.array([[1.0, -2.0, 0.5], [0.3, 1.0, -1.0]]), np.array([0.5, -0.2]), np.array([0.2, 0.4, -0.6])

    def layer(below: list[Any]) -> list[Any]:
        rows = zip(weight.tolist(), bias.tolist(), strict=True)
        return [tanh(sum(w * one for w, one in zip(row, below, strict=True)) + shift) for row, shift in rows]

    right = jacobian(layer)(h.tolist())
    out = np.tanh(weight @ h + bias)
    slips = [
        (weight, "that is ∂a/∂h: the slope of tanh stands before it"),
        (np.diag(1.0 - np.tanh(weight @ h) ** 2) @ weight, "and the bias?"),
        (np.diag(1.0 - out**2), "that is ∂h_k/∂a_k: W comes after it"),
        (np.transpose(right), "transposed: row j holds the derivatives of output j"),
        (np.diag(out * (1.0 - out)) @ weight, "that is the slope of σ: the activation is tanh"),
    ]
    say_array("layer_jacobian", layer_jacobian, (weight, bias, h), right, slips)
