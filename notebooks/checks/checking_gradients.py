"""Notebook 03: slopes of activations, the orders of errors, a central difference, a suspect, and a product."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import autodiff
from autodiff import GradcheckError, define_op, grad, gradcheck, relu, sigmoid, tanh
from checks.judge import every_answer, say, say_choice

alpha = define_op("alpha", lambda xp, x: xp.sigmoid(x) * x, [lambda xp, out, x: xp.sigmoid(x) * (1.0 + x - out)])
beta = define_op(  # its slope is 2x/(1 + x²); this says half of that for x < 0
    "beta",
    lambda xp, x: xp.log1p(x * x),
    [lambda xp, out, x: (x + xp.maximum(x, 0.0)) / (1.0 + x * x)],
)
gamma = define_op(
    "gamma", lambda xp, x: xp.exp(-xp.abs(x)) * x, [lambda xp, out, x: xp.exp(-xp.abs(x)) * (1.0 - xp.abs(x))]
)


def check_slopes(of_sigmoid: Any, of_tanh: Any, of_relu: Any) -> None:
    """σ' at ln 3, tanh' at ½ ln 3, relu' at −2."""
    s, t = math.log(3.0), math.log(3.0) / 2.0
    value = "that is the function's value, and not its slope"
    say(
        "σ'(ln 3)",
        of_sigmoid,
        grad(sigmoid)(s),
        [
            (sigmoid(s), value),
            (1.0 - sigmoid(s), "σ is a factor too: σ(1 − σ)"),
            (1.0 - sigmoid(s) ** 2, "1 − y² is the slope of tanh"),
        ],
    )
    say(
        "tanh'(½ ln 3)",
        of_tanh,
        grad(tanh)(t),
        [(tanh(t), value), (tanh(t) * (1.0 - tanh(t)), "y(1 − y) is the slope of σ")],
    )
    say("relu'(−2)", of_relu, grad(relu)(-2.0), [(1.0, "that holds for x > 0"), (-2.0, "relu is 0 for all x < 0")])


def check_orders(central: Any, one_sided: Any, round_off: Any) -> None:
    """How errors change when ε is made four times smaller, measured where they are pure."""

    def error(f: Callable[[Any], Any], x: float, epsilon: float, back: float) -> float:
        return abs((f(x + epsilon) - f(x - back * epsilon)) / ((1.0 + back) * epsilon) - grad(f)(x))

    def measured(back: float) -> int:
        return round(error(autodiff.exp, 0.0, 1e-3, back) / error(autodiff.exp, 0.0, 2.5e-4, back))

    by_two, by_one = measured(1.0), measured(0.0)
    inverse = "give the factor by which it shrinks, above 1"
    slips = [(by_one, "it is proportional to ε², and not to ε"), (1.0 / by_two, inverse)]
    say("central shrinks by", central, by_two, slips)
    slips = [(by_two, "it is proportional to ε only"), (1.0 / by_one, inverse), (2.0, "ε is four times smaller")]
    say("one-sided shrinks by", one_sided, by_one, slips)
    slips = [(by_two, "the noise is divided by 2ε once"), (1.0 / by_one, "it grows: give a factor above 1")]
    say("round-off grows by", round_off, by_one, [*slips, (1.0, "the noise is the same, but it is divided by 2ε")])


def check_slope(slope: Callable[..., Any]) -> None:
    """A central difference: its values, and the order of its error."""
    for name, x in (("exp", 0.7), ("sin", 2.0)):
        f = getattr(autodiff, name)
        right = grad(f)(x)
        found = every_answer("slope", slope, (f, x, 1e-2), (f, x, 1e-3))
        if found is None:
            return
        try:
            errors = [abs(float(answer) - right) for answer in found]
        except (TypeError, ValueError, OverflowError):
            print(f"✗  slope of {name}: a number is wanted, not {found[0]!r:.60}")
            return
        if 8.0 < errors[0] / max(errors[1], 1e-12) < 12.0:
            print(f"✗  slope of {name}: its error shrinks as ε, not as ε²; look to both sides of x")
            continue
        undivided = [(2.0 * right, "from x − ε to x + ε it is 2ε"), (right * 1e-3 * 2.0, "it is not yet divided by 2ε")]
        say(f"slope of {name} at {x}", found[1], right, undivided, tolerance=1e-5)


def check_suspect(wrong_one: Any) -> None:
    """Which of the three operations fails a gradient check somewhere."""
    at_fault = [name for name, f in (("alpha", alpha), ("beta", beta), ("gamma", gamma)) if not _right_everywhere(f)]
    seems = "its derivative is right on both sides of 0; check the others at negative and at positive numbers"
    say_choice(
        "the wrong one", wrong_one, at_fault[0], dict.fromkeys({"alpha", "beta", "gamma"} - {at_fault[0]}, seems)
    )


def _right_everywhere(f: Callable[..., Any]) -> bool:
    try:
        for x in (-2.0, -0.5, 0.5, 2.0):
            gradcheck(f, x)
    except GradcheckError:
        return False
    return True


def check_swish(swish_slope: Callable[..., Any]) -> None:
    """The derivative of x·σ(x)."""
    points = (0.0, -2.0, 1.5)
    answers = every_answer("swish'", swish_slope, *[(x,) for x in points])
    for x, answer in zip(points, answers or [], strict=False):
        s = sigmoid(x)
        slips = [
            (s, "the second term of the product rule is missing"),
            (x * s * (1.0 - s), "the first term, 1·σ, is missing"),
            (s * (1.0 - s), "that is σ' alone"),
            (s + s * (1.0 - s), "σ' has the factor x"),
        ]
        say(f"swish'({x:g})", answer, grad(lambda v: v * sigmoid(v))(x), slips)
