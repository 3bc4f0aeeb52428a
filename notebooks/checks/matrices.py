"""Judges the exercises of 10_from_scalars_to_matrices. What they ask for is computed here from scalar graphs."""

from __future__ import annotations

import math
from typing import Any

from autodiff import Value, dot, gradients, sigmoid, sqrt, topological_order
from checks.judge import answered, say
from nn import MLP, Layer, weights_and_biases


def check_outer(dw_21: Any, dw_12: Any, db_2: Any) -> None:
    """∂L/∂W of a layer whose loss has the slopes δ at its two pre-activations."""
    delta, h = [0.5, -1.0], [2.0, 3.0, -1.0]
    layer = Layer(3, 2, init="zeros")
    dot(delta, layer(h)).backward()
    grads = [[w.grad for w in neuron.weights] for neuron in layer.neurons]
    turned = "indices are (to, from): the row is that of δ, the column that of h"
    say("∂L/∂W₂₁", dw_21, grads[1][0], [(grads[0][1], turned), (delta[1] + h[0], "δ and h are multiplied")])
    say("∂L/∂W₁₂", dw_12, grads[0][1], [(grads[1][0], turned), (delta[0] + h[1], "δ and h are multiplied")])
    bias = layer.neurons[1].bias
    right = 0.0 if bias is None else bias.grad
    say("∂L/∂b₂", db_2, right, [(grads[1][1], "a bias stands beside no h: its input is always 1"),
                               (delta[0], "that is ∂L/∂b₁")])  # fmt: skip


def check_delta(delta_1: Any, delta_2: Any) -> None:
    """δ² from δ³, as the gradient at z² of a layer of sigmoids and the products above it."""
    weights, delta, a = [[1.0, -2.0], [3.0, 0.5]], [0.2, 0.4], [0.5, 0.8]
    z = [Value(math.log(one / (1.0 - one))) for one in a]
    above = [dot(row, [sigmoid(one) for one in z]) for row in weights]
    right = gradients(dot(delta, above), z)
    back = gradients(dot(delta, [dot(row, z) for row in weights]), z)
    for i, (name, answer) in enumerate((("δ²₁", delta_1), ("δ²₂", delta_2))):
        slope = right[i] / back[i]
        straight = sum(w * d for w, d in zip(weights[i], delta, strict=True))
        say(name, answer, right[i],
            [(back[i], "that is ∂C/∂a², what comes back through W²: now times g'(z²)"),
             (straight * slope, "the matrix is transposed: a column of W² for each entry, not a row"),
             (straight, "the matrix is transposed, and g'(z²) = a²(1 − a²) is missing"),
             (back[i] * a[i], "g' of the sigmoid is a(1 − a), not a")],
            tolerance=1e-6)  # fmt: skip


def check_notations(L_002: Any, L_003: Any, rows_000: Any, rows_004: Any, delta_002: Any) -> None:  # noqa: N803
    """The shapes of a 4-3-2-1 network, as its matrices have them."""
    weights, _ = weights_and_biases(MLP(4, [3, 2, 1], init="zeros"))
    layers, (rows, columns) = len(weights), weights[1].shape
    say("L in 002", L_002, layers + 1, [(layers, "002 counts the input as layer 1: a¹ = x")])
    say("L in 003", L_003, layers, [(layers + 1, "in 003 the input is layer 0"),
                                    (layers - 1, "the output layer counts too")])  # fmt: skip
    target = (columns, "W²ⱼₖ is (to, from): a row for each neuron it leads to")
    say("rows of W² in 000", rows_000, rows, [target, (layers - 2, "that is W³, which leads to the output")])
    source = (rows, "w²ᵢⱼ is (from, to): a row for each neuron it comes from")
    inputs = (weights[0].shape[1], "that is w¹, which comes from the inputs")
    say("rows of w² in 004", rows_004, columns, [source, inputs])
    say("the δ of 002", delta_002, 2, [(1, "δ¹ of 000 is that of the first hidden layer, which 002 calls layer 2")])


def check_squareplus(squareplus: Any) -> None:
    """Value and slope of the reader's row, beside those of the formula as a graph; and that it is a row."""
    if squareplus is None:
        print("…  squareplus: not answered yet")
        return
    for number in (-2.0, 0.0, 1.5):
        x, mine = Value(number, "x"), Value(number, "x")
        y = 0.5 * (x + sqrt(x * x + 4.0))
        y.backward()
        found = answered("squareplus", squareplus, mine)
        if found is None:
            return
        if not isinstance(found, Value):
            print(f"✗  squareplus: of a Value it makes a Value, not {found!r:.40}: define_op gives such a function")
            return
        if sum(node.op is not None for node in topological_order(found)) != 1:
            print("✗  squareplus: it is built of other operations: make it one row of its own, with define_op")
            return
        try:
            found.backward()
        except (ValueError, ArithmeticError) as error:
            print(f"✗  squareplus: its slope at {number:g} fails: {error!s:.150}")
            return
        say(f"g({number:g})", found.data, y.data, [(2.0 * y.data, "the ½ is missing")], tolerance=1e-9)
        root = (number * number + 4.0) ** 0.5
        say(f"g'({number:g})", mine.grad, x.grad,
            [(2.0 * x.grad, "the ½ is missing"), (0.5 * number / root, "the x in the bracket has a slope too: 1"),
             (0.5 * (1.0 + 0.5 / root), "inside the root stands x²: its inner derivative is 2x")],
            tolerance=1e-9)  # fmt: skip
