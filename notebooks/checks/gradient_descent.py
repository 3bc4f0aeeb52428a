"""Judges the exercises of notebook 07: batches, momentum, saddle points."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff import Value, grad, hessian
from checks.judge import say, say_array, say_choice
from nn import SGD, minibatches


def check_steps(steps: Any, last_batch: Any) -> None:
    """Exercise 1: the steps of five epochs, and the size of the last batch."""
    batches = list(minibatches(1000, 64, rng=0))
    slips = [
        (5.0 * 1000 // 64, "every epoch ends with a shorter batch: batches do not go on into the next one"),
        (5.0 * (1000 // 64), "the last batch of an epoch is shorter, and a step all the same"),
        (len(batches), "that is one epoch"),
        (5000.0, "that would be one by one"),
    ]
    say("steps", steps, 5.0 * len(batches), slips, 1e-9)
    slips = [(64.0, "1000 is no multiple of 64"), (24.0, "that is what it lacks of 64")]
    say("the last batch", last_batch, float(len(batches[-1])), slips, 1e-9)


def check_spread(of_100: Any, size: Any) -> None:
    """Exercise 2: the law of the square root, both ways."""
    sigma = 0.6 * math.sqrt(16)
    slips = [
        (0.6 * 16 / 100, "the spread falls with the root of the size"),
        (0.6, "a larger batch has a smaller spread"),
        (0.6 * math.sqrt(100 / 16), "the other way: a larger batch has a smaller spread"),
    ]
    say("the spread of 100", of_100, sigma / math.sqrt(100), slips, 1e-6)
    slips = [
        (48.0, "a third of the spread takes nine times the batch, not three times"),
        (16 / 9, "smaller batches spread more"),
    ]
    say("the size", size, (sigma / 0.2) ** 2, slips, 1e-6)


def _descend(steps: int, **settings: Any) -> float:
    theta = Value(1.0)
    sgd = SGD([theta], lr=0.1, **settings)
    for _ in range(steps):
        sgd.zero_grad()
        (theta**2).backward()
        sgd.step()
    return theta.data


def check_momentum(theta_1: Any, theta_2: Any) -> None:
    """Exercise 3: two steps with momentum."""
    slips = [
        (0.9, "the gradient of θ² is 2θ"),
        (1.2, "downhill: against the gradient"),
        (0.7, "that is Nesterov's, as Keras has it"),
    ]
    say("θ after one step", theta_1, _descend(1, momentum=0.5), slips, 1e-6)
    slips = [
        (_descend(2), "that is without momentum: half of the first velocity goes on"),
        (0.44, "the old velocity comes with α = 0.5"),
        (0.5, "the gradient is taken at the new θ"),
        (_descend(2, momentum=0.5, nesterov=True), "that is Nesterov's, as Keras has it"),
        (0.74, "the velocity goes downhill: it is −0.2 after the first step"),
    ]
    say("θ after two steps", theta_2, _descend(2, momentum=0.5), slips, 1e-6)


def check_hessian(smallest_of_f: Any, smallest_of_g: Any, f_is: Any, g_is: Any) -> None:
    """Exercise 4: eigenvalues of two Hessians, and what they say."""
    functions = {
        "f": (smallest_of_f, lambda v: v[0] ** 2 + 4.0 * v[0] * v[1] + v[1] ** 2),
        "g": (smallest_of_g, lambda v: v[0] ** 2 + v[0] * v[1] + v[1] ** 2),
    }
    kinds = {}
    for name, (answer, function) in functions.items():
        matrix = np.array(hessian(function)([0.0, 0.0]))
        low, high = np.linalg.eigvalsh(matrix)
        slips = [
            (high, "that is the largest"),
            (matrix[0, 0], "that is the diagonal: the mixed derivative ∂²/∂x∂y counts as well"),
            (matrix[0, 1], "that is the mixed derivative, an entry of the matrix, not an eigenvalue"),
            (low / 2.0, "the second derivative of x² is 2"),
        ]
        say(f"the smallest eigenvalue of {name}'s Hessian", answer, float(low), slips, 1e-6)
        kinds[name] = "saddle" if low < 0.0 < high else "minimum"
    hints = {
        "minimum": "along (1, −1) it goes down: look at the smallest eigenvalue",
        "maximum": "along (1, 1) it goes up: look at the largest eigenvalue",
        "saddle": "that needs eigenvalues of both signs",
    }
    for name, answer in (("f", f_is), ("g", g_is)):
        say_choice(f"{name} at the origin", answer, kinds[name], {k: v for k, v in hints.items() if k != kinds[name]})


def check_nesterov(nesterov_step: Callable[..., Any]) -> None:
    """Exercise 5: one step of Nesterov's momentum, its gradient taken ahead."""
    theta, v, rate, alpha = np.array([1.0, -2.0]), np.array([0.5, 0.25]), 0.1, 0.8
    slope = grad(lambda w: w[0] ** 4 + w[0] * w[1] + 3.0 * w[1] ** 2)

    def gradient(at: Any) -> Any:
        return np.array(slope(np.asarray(at, dtype=float).tolist()))

    def step(at: Any, sign: float = 1.0, keep: float = alpha) -> Any:
        new = keep * v - sign * rate * gradient(at)
        return [theta + new, new]

    keras = alpha * v - rate * gradient(theta)
    slips = [
        (step(theta), "that is plain momentum: the gradient is taken ahead, at θ + αv"),
        (
            [theta + alpha * keras - rate * gradient(theta), keras],
            "that is Keras's form: here the gradient is taken ahead, at θ + αv",
        ),
        (step(theta + v), "ahead means θ + αv: the velocity, shortened"),
        (step(theta + alpha * v, -1.0), "downhill: −ε∇"),
        (step(theta + alpha * v, 1.0, 1.0), "the old velocity is shortened by α"),
        (step(theta + alpha * v)[::-1], "first θ, then v"),
    ]
    say_array("nesterov_step", nesterov_step, (theta, v, gradient, rate, alpha), step(theta + alpha * v), slips)
