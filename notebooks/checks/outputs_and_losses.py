"""Judges the exercises of notebook 06: output functions, losses, and the gradients between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff import GradcheckError, Value, cosh, define_op, grad, gradcheck, gradients, log, softmax
from autodiff.namespaces import FLOATS
from checks.judge import say, say_choice
from nn import L2, MLP, Ridge, binary_cross_entropy, objective


def check_output_gradients(at_a1: Any, at_a3: Any, at_y3: Any) -> None:
    """Exercise 1: the gradients at two logits, and at the probability of the true class."""
    logits = [Value(float(np.log(p))) for p in (0.2, 0.5, 0.3)]
    y_hat = softmax(logits)
    loss = -log(y_hat[2])
    first, _, third = gradients(loss, logits)
    (before,) = gradients(loss, [y_hat[2]])
    say(
        "at the first logit",
        at_a1,
        first,
        [
            (0.0, "every logit goes into every ŷ, through the denominator"),
            (0.16, "that is squared error's, or ŷ(1 − ŷ)"),
        ],
    )
    say(
        "at the third logit",
        at_a3,
        third,
        [(0.3, "for the right class 1 is taken off"), (before, "that is the gradient at ŷ₃, before the softmax")],
    )
    say(
        "at ŷ₃",
        at_y3,
        before,
        [
            (third, "that is behind the softmax: −log ŷ₃ alone is meant"),
            (float(np.log(0.3)), "that is log ŷ₃ itself: its derivative is wanted"),
        ],
        tolerance=5e-3,  # −10/3 to three digits
    )


_PAIRS = {
    "linear": "a linear output can be any number, also below 0 and above 1: no probability",
    "softmax": "softmax shares a sum of 1 among outputs that exclude each other",
    "sigmoid": "a sigmoid gives a number between 0 and 1, for each output by itself",
}


def check_pairs(temperature: Any, digit: Any, cat_dog: Any) -> None:
    """Exercise 2: which output function."""
    for name, answer, right in (
        ("temperature", temperature, "linear"),
        ("digit", digit, "softmax"),
        ("cat and dog", cat_dog, "sigmoid"),
    ):
        say_choice(name, answer, right, {other: hint for other, hint in _PAIRS.items() if other != right})


def check_rate(rate: Any, strength: Any) -> None:
    """Exercise 3: from a sum with Ridge to half a mean with L2."""
    n, lam, lr = 50, 3.0, 0.001
    model = MLP(1, [1], init="zeros")
    xs, ys = [[0.1 * i] for i in range(n)], [1.0 + 0.3 * i for i in range(n)]
    at = [0.7, 0.2]
    slopes = [grad(objective(model, xs, ys, loss))(at)[0] for loss in ("sum_of_squared_errors", "half_mse")]
    factor = slopes[0] / slopes[1]
    weight = [Value(at[0])]
    their_pull, our_pull = (gradients(penalty(weight), weight)[0] for penalty in (Ridge(lam), L2(1.0)))
    right = their_pull / factor / our_pull
    slips = [
        (lr / factor, "the other way: the sum has the larger gradients, so it needs the smaller rate"),
        (lr * n, "and the ½ of half_mse?"),
        (lr * 2.0, "and the sum over 50 examples?"),
        (lr, "gradients of a sum are larger than those of a mean"),
    ]
    say("rate", rate, lr * factor, slips, 1e-6)
    slips = [
        (lam / factor, "L2 has a ½ of its own"),
        (lam, "the penalty is divided by what the loss is divided by"),
        (2.0 * lam, "the loss is divided by 2N: so is the penalty"),
        (lam / n, "half_mse has a ½ too"),
        (2.0 * lam / n, "half_mse has a ½ as well as L2"),
    ]
    say("strength", strength, right, slips, 1e-6)


def check_chain(chain_rule: Callable[..., Any]) -> None:
    """Exercise 4: the gradient of a weight of the hidden layer."""
    for target in (1.0, 0.0):
        network = MLP(2, [3, 1], "sigmoid", "sigmoid", bias_init="normal", rng=1)
        x, j, i = [1.5, -0.5], 1, 0
        out: Any = network(x)
        hidden, last = network.layers
        weight = hidden.neurons[j].weights[i]  # type: ignore[attr-defined] (they are Layers)
        (right,) = gradients(binary_cross_entropy(out, target), [weight])
        w_h: float = last.neurons[0].weights[j].data  # type: ignore[attr-defined]
        a_j = float(1.0 / (1.0 + np.exp(-hidden.neurons[j].pre_activation.data)))  # type: ignore[attr-defined]
        a = out.data
        slips = [
            (right / (a * (1.0 - a)), "and the slope of the output, a(1 − a)?"),
            (right / x[i], "and the input Xᵢ, the last factor?"),
            (right / (a_j * (1.0 - a_j)), "and the slope of the hidden unit, a_j(1 − a_j)?"),
            (right / w_h, "and the weight W_j, between the hidden unit and the output?"),
        ]
        name = f"the chain at y = {target:.0f}"
        called, found = _called(name, chain_rule, target, a, w_h, a_j, x[i])
        if called:
            say(name, found, right, slips, 1e-9)


def check_log_cosh(value: Callable[..., Any], slope_of: Callable[..., Any]) -> None:
    """Exercise 5: an operation of the reader's own, its value and its derivative."""
    e = Value(0.8)
    right = log(cosh(e))
    (right_slope,) = gradients(right, [e])
    slips = [
        (float(np.log(0.8)), "log of cosh e, not of e"),
        (float(np.cosh(0.8)), "and the log?"),
        (float(np.cosh(np.log(0.8))), "the other way round: first cosh, then log"),
    ]
    one, number = _called("value", value, FLOATS, e.data)
    if one:
        say("value at e = 0.8", number, right.data, slips, 1e-9)
    slips = [
        (float(1.0 / np.cosh(0.8)), "that is the outer derivative: the inner one, of cosh, is the second factor"),
        (float(np.sinh(0.8)), "that is the inner derivative: (log u)′ = 1/u comes with it"),
        (float(1.0 - np.tanh(0.8) ** 2), "that is the derivative of tanh"),
        (right.data, "that is the value"),
    ]
    two, slope = _called("slope_of", slope_of, FLOATS, right.data, e.data)
    if two:
        say("slope at e = 0.8", slope, right_slope, slips, 1e-9)
    if one and two and number is not None and slope is not None:
        _check_row(value, slope_of)


def _check_row(value: Callable[..., Any], slope_of: Callable[..., Any]) -> None:
    try:
        row = define_op("log_cosh_of_exercise", value, [slope_of])
        report = gradcheck(lambda a, b: row(a) + row(b), [-2.5, 0.8])
    except GradcheckError:
        print("✗  gradcheck: the slope is not that of the value")
    except Exception as error:
        print(f"✗  gradcheck: it raises {type(error).__name__}: {' '.join(str(error).split())!s:.200}")
    else:
        print(f"✓  {report.title.replace('<lambda>', 'your operation')}: is right")


def _called(name: str, f: Any, *xs: Any) -> tuple[bool, Any]:
    """Whether the reader's function ran, and what it gave; an error is said in a line."""
    try:
        return True, None if f is None else f(*xs)
    except Exception as error:
        print(f"✗  {name}: it raises {type(error).__name__}: {' '.join(str(error).split())!s:.200}")
        return False, None
