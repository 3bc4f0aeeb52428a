"""Notebook 04: one step of each rule, the delta rule written out, weights for NAND, and a feature for XOR."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from autodiff import Value, dot
from checks.judge import every_answer, say
from nn import Perceptron

_CORNERS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
_START = (0.5, 0.5, -1.0)  # b, w₁, w₂ of the first two exercises
_EXAMPLE = (1.0, 3.0, 1.0)  # the bias's input, x₁, x₂


def check_one_step(b: Any, w1: Any, w2: Any) -> None:
    """The perceptron rule on an example of class 0."""
    unit = Perceptron(2)
    unit.bias, *unit.weights = _START
    unit.fit([_EXAMPLE[1:]], [0], epochs=1)
    learned = (unit.bias, *unit.weights)
    for name, answer, new, old in zip(("b", "w1", "w2"), (b, w1, w2), learned, _START, strict=True):
        wrong_way = 2.0 * old - new
        mistakes = [
            (old, "the sum is above 0 and the class is 0: that is a mistake"),
            (wrong_way, "for class 0 subtract"),
        ]
        say(name, answer, new, mistakes)


def check_one_delta_step(b: Any, w1: Any, w2: Any) -> None:
    """The delta rule with α = 0.1 and the target −1, by the gradient of a graph."""
    target, rate = -1.0, 0.1
    weights = [Value(number) for number in _START]
    ((dot(weights, _EXAMPLE) - target) ** 2 / 2).backward()
    prediction = sum(w * x for w, x in zip(_START, _EXAMPLE, strict=True))
    for name, answer, weight, x in zip(("b", "w1", "w2"), (b, w1, w2), weights, _EXAMPLE, strict=True):
        old, step = weight.data, rate * weight.grad
        mistakes = [
            (old, "the delta rule moves after every example"),
            (old + step, "against the gradient is minus"),
            (old - weight.grad, "the learning rate is missing"),
            (old - 2.0 * step, "the ½ of the loss cancels the 2 of the square"),
            (old - rate * prediction * x, "the error is ŷ − y, and not ŷ"),
            (old - rate * (prediction - 0.0) * x, "the target is −1"),
            (old - step / x, "the input x is missing"),
        ]
        say(name, answer, old - step, mistakes)


def check_delta_step(delta_step: Callable[..., Any]) -> None:
    """The delta rule for two and for three inputs, against the gradient of a graph."""
    cases = [(0.5, [0.5, -1.0], [3.0, 1.0], -1.0, 0.1), (-1.0, [2.0, 0.0, 1.0], [1.0, -2.0, 0.5], 3.0, 0.5)]
    found = every_answer("delta_step", delta_step, *[(b, list(w), list(x), y, rate) for b, w, x, y, rate in cases])
    for (b, w, x, y, rate), answer in zip(cases, found or [], strict=False):
        try:
            new_b, new_w = answer
            given = [new_b, *new_w]
        except (TypeError, ValueError, OverflowError):
            given = []
        if len(given) != 1 + len(w):
            print(f"✗  delta_step: the new bias and a list of {len(w)} new weights are wanted, not {answer!r:.60}")
            return
        parameters = [Value(number) for number in (b, *w)]
        ((dot(parameters, [1.0, *x]) - y) ** 2 / 2).backward()
        names = ["b", *(f"w{j}" for j in range(1, len(w) + 1))]
        for name, number, parameter in zip(names, given, parameters, strict=True):
            step = rate * parameter.grad
            mistakes = [
                (parameter.data + step, "against the gradient is minus"),
                (parameter.data - parameter.grad, "the learning rate is missing"),
                (parameter.data - 2.0 * step, "the ½ of the loss cancels the 2 of the square"),
                (parameter.data, "it has not moved"),
            ]
            say(f"{name} with {len(w)} inputs", number, parameter.data - step, mistakes if step else [])


def check_nand(b: Any, w1: Any, w2: Any) -> None:
    """Weights with which a unit says NAND at the four corners."""
    if b is None or w1 is None or w2 is None:
        print("…  NAND: not answered yet")
        return
    try:
        numbers = [float(b), float(w1), float(w2)]
    except (TypeError, ValueError, OverflowError):
        numbers = [math.nan]
    if not all(map(math.isfinite, numbers)):
        print(f"✗  NAND: three numbers are wanted, not {b!r:.20}, {w1!r:.20}, {w2!r:.20}")
        return
    unit = Perceptron(2)
    unit.bias, *unit.weights = numbers
    says = unit.predict(_CORNERS)
    if says == [1, 1, 1, 0]:
        print(f"✓  NAND: a unit with b = {numbers[0]:g}, w1 = {numbers[1]:g}, w2 = {numbers[2]:g} says {says} is right")
        return
    hint = next(
        f"at ({x1:g}, {x2:g}) it says {said}, for the sum is {numbers[0] + numbers[1] * x1 + numbers[2] * x2:g}"
        for (x1, x2), said, right in zip(_CORNERS, says, [1, 1, 1, 0], strict=True)
        if said != right
    )
    print(f"✗  NAND: {'that is AND; turn every sign' if says == [0, 0, 0, 1] else hint}")


def check_feature(third_input: Callable[..., Any]) -> None:
    """A feature of the two inputs with which a perceptron learns XOR."""
    found = every_answer("third_input", third_input, *map(tuple, _CORNERS))
    if found is None:
        return
    try:
        feature = [float(value) for value in found]
    except (TypeError, ValueError, OverflowError):
        feature = [math.nan]
    if not all(map(math.isfinite, feature)):
        print(f"✗  third_input: a number is wanted at each of the four corners, not {found!r:.60}")
        return
    rows = [[*corner, value] for corner, value in zip(_CORNERS, feature, strict=True)]
    scale = max(1.0, *map(abs, feature))
    unit = Perceptron(3).fit([[v / scale for v in row] for row in rows], [0, 1, 1, 0], epochs=2000)
    if unit.mistakes[-1] == 0:
        print(f"✓  third_input: with it XOR is learned in {len(unit.mistakes)} epochs, it is right")
    elif math.isclose(feature[0] + feature[3], feature[1] + feature[2], abs_tol=1e-9):
        print("✗  third_input: a weighted sum of the inputs adds nothing; take something that is not linear")
    else:
        print("✗  third_input: not learned in 2000 epochs; try one that is large at (1, 1) alone")
