"""Judges the exercises of notebook 08: locked units, chains of slopes, weights of the right size."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff import Value, gradients, sigmoid
from checks.judge import say, say_choice
from nn import MLP, SGD, all_equal, fit, he_uniform, set_weights_and_biases

XOR = ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0])


def _chain(w: float, depth: int) -> float:
    """∂h/∂h₀ of so many sigmoid units, each with pre-activation 0."""
    start = h = Value(0.3)
    for _ in range(depth):
        h = sigmoid(w * h - w * h.data)
    return gradients(h, [start])[0]


def check_product(for_w_2: Any, w_for_1: Any, layers: Any) -> None:
    """Exercise 1: a product of slopes and weights."""
    slope = _chain(1.0, 1)
    depth = next(n for n in range(1, 100) if _chain(1.0, n) < 1e-6)
    slips = [
        (slope**5, "that is without the weights: each unit contributes σ′ · w"),
        (2.0**5, "that is without the slopes: σ′(0) is not 1"),
        (5 * 2.0 * slope, "a chain multiplies"),
        (2.0 * slope, "that is one unit, and there are five"),
        (1.0, "σ′(0) is σ(0)·(1 − σ(0)), two factors of ½"),
    ]
    say("the product for w = 2", for_w_2, _chain(2.0, 5), slips, 1e-6)
    slips = [
        (2.0, "σ′(0) is not ½: that is σ(0)"),
        (slope, "then the factor is w/4 = 1/16"),
        (1.0, "then the factor is σ′(0), below 1"),
    ]
    say("w for a product of 1", w_for_1, 1.0 / slope, slips, 1e-6)
    slips = [
        (float(depth - 1), f"after {depth - 1} layers it is still {_chain(1.0, depth - 1):.1e}"),
        (float(depth + 1), "one earlier"),
        (20.0, "each layer takes a quarter, not a half"),
    ]
    say("layers", layers, float(depth), slips, 1e-9)


def _fate(random_biases: bool, random_outputs: bool) -> str:
    """Whether four hidden units, all of whose weights start as 0.5 but for those that are random, stay copies."""
    model = MLP(2, [4, 1], "sigmoid", init=all_equal(0.5))
    rng = random.Random(0)
    units, (out,) = (layer.neurons for layer in model.layers)  # type: ignore[attr-defined] (they are Layers)
    for i, unit in enumerate(units):
        if random_biases:
            unit.bias.data = rng.gauss(0.0, 0.5)
        if random_outputs:
            out.weights[i].data = rng.gauss(0.0, 0.5)
    sgd, loss = SGD(model.parameters(), 0.5), "binary_cross_entropy_with_logits"
    fit(model, *XOR, loss=loss, optimizer=sgd, epochs=20, batch_size=1, rng=0, compiled=False, progress=False)
    return "locked" if len({(*(w.data for w in unit.weights), unit.bias.data) for unit in units}) == 1 else "free"


def check_locked(random_biases: Any, random_output_weights: Any, random_order: Any) -> None:
    """Exercise 2: which starts lock the hidden units together."""
    cases = [
        (
            "(a)",
            random_biases,
            _fate(True, False),
            "their pre-activations differ from the start, and so do their slopes",
        ),
        (
            "(b)",
            random_output_weights,
            _fate(False, True),
            "at first their outputs are equal, but which δ do they get?",
        ),
        (
            "(c)",
            random_order,
            _fate(False, False),
            "any one example gives equal units equal gradients, whichever comes first",
        ),
    ]
    for name, answer, right, hint in cases:
        say_choice(name, answer, right, {"free" if right == "locked" else "locked": hint})


def check_xnor(first: Any, first_biases: Any, second: Any, second_biases: Any) -> None:
    """Exercise 3: a network by hand."""
    if any(part is None for part in (first, first_biases, second, second_biases)):
        print("…  XNOR: not answered yet")
        return
    model = MLP(2, [2, 1], "sigmoid", "sigmoid", init="zeros")
    try:
        set_weights_and_biases(model, [first, second], [first_biases, second_biases])
        answers = np.array(model.predict(XOR[0]))
    except Exception as error:
        print(f"✗  XNOR: {type(error).__name__}: {' '.join(str(error).split())!s:.200}")
        return
    targets = 1.0 - np.array(XOR[1])
    shown = ", ".join(f"{answer:.2f}" for answer in answers)
    wrong = [i for i in range(4) if abs(answers[i] - targets[i]) > 0.1]
    if not wrong:
        print(f"✓  XNOR: {shown} is right")
    elif np.abs(answers - XOR[1]).max() < 0.1:
        print(f"✗  XNOR: {shown}: that is XOR, the opposite: which sign turns the output around?")
    elif np.abs(answers - targets).max() < 0.5:
        print(f"✗  XNOR: {shown}: on the right sides, but not near enough: larger weights make a sharper switch")
    else:
        x = [int(number) for number in XOR[0][wrong[0]]]
        print(f"✗  XNOR: at {x} it answers {answers[wrong[0]]:.2f}, and {targets[wrong[0]]:.0f} is right")


def check_initialiser(initialiser: Callable[..., Any]) -> None:
    """Exercise 4: uniform weights that keep the size of a ReLU layer's activations."""
    inputs, outputs, count = 50, 80, 4000
    rng, other = random.Random(0), random.Random(0)
    try:
        drawn = [None if initialiser is None else initialiser(inputs, outputs, rng) for _ in range(count)]
    except Exception as error:
        print(f"✗  initialiser: it raises {type(error).__name__}: {' '.join(str(error).split())!s:.200}")
        return
    if all(number is None for number in drawn):
        print("…  initialiser: not answered yet")
        return
    try:
        weights = np.array(drawn, dtype=float).reshape(count)
        if not np.isfinite(weights).all():
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        print(f"✗  initialiser: it gives one finite number, not {drawn[0]!r:.60}")
        return
    draw = he_uniform()
    end = float(np.abs([draw(inputs, outputs, other) for _ in range(count)]).max())
    found, spread = float(np.abs(weights).max()), float(weights.std())
    if found > 2.5 * spread > 0.0:
        print("✗  initialiser: the numbers are not uniform: rng.uniform(low, high) draws such")
        return
    if weights.min() > -0.5 * found:
        print("✗  initialiser: the numbers lie on one side: the interval goes from −c to c")
        return
    n = float(inputs)
    slips = [
        ((3.0 / n) ** 0.5, "that is the variance 1/n: ReLU drops half, and wants 2/n"),
        ((2.0 / n) ** 0.5, "that is the standard deviation √(2/n): c is √3 times that"),
        ((6.0 / (n + outputs)) ** 0.5, "that is Glorot and Bengio's, for tanh"),
        ((6.0 / outputs) ** 0.5, "n is the number of inputs"),
        (6.0 / n, "c² / 3 is the variance: and the root?"),
        (2.0 / n, "that is the variance, not c"),
    ]
    say(f"c for {inputs} inputs", found, end, slips, 2e-3)
