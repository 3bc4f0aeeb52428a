"""Notebook 01: gradients read off a graph, what an operation passes on, and an operation of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autodiff
from autodiff import Value, grad, hypot, tanh, vjp
from autodiff.ops import OPS
from checks.judge import every_answer, say


def check_square(df_da: Any, df_db: Any, df_dc: Any) -> None:
    """f = (a·b + c)² at a = 2, b = −3, c = 10."""
    a, b, c = Value(2.0), Value(-3.0), Value(10.0)
    s = a * b + c
    f = s**2
    f.backward()
    no_power = "the derivative of the square, 2(ab + c), is missing"
    one_power = "the square passes on 2(ab + c), and not (ab + c)"
    swapped = "the product a·b passes on the other factor"
    inner = s.data
    say("df/da", df_da, a.grad, [(b.data, no_power), (inner * b.data, one_power), (b.grad, swapped)])
    say("df/db", df_db, b.grad, [(a.data, no_power), (inner * a.data, one_power), (a.grad, swapped)])
    say("df/dc", df_dc, c.grad, [(1.0, no_power), (inner, one_power), (f.data, "that is f itself")])


def check_twice(a_once: Any, a_twice: Any, p_twice: Any) -> None:
    """p = a·b, f = 2p + a at a = 3, b = −5, after one and after two calls of backward."""
    a, b = Value(3.0), Value(-5.0)
    p = a * b
    f = 2 * p + a
    f.backward()
    once = a.grad
    f.backward()
    one_way = [
        (once - 1.0, "a is used twice: the second summand, + a, contributes too"),
        (b.data + 1.0, "f has 2·p in it: the factor 2 is missing"),
        (1.0, "a is used twice: it goes into p as well"),
    ]
    say("a.grad after one call", a_once, once, one_way)
    say("a.grad after two calls", a_twice, a.grad, [(once, "the gradient of an input adds up from call to call")])
    restarts = "p is no input: it starts from zero in each call"
    say("p.grad after two calls", p_twice, p.grad, [(2 * p.grad, restarts), (1.0, "f has 2·p in it")])


def check_delta(delta: Any, dw1: Any, dw2: Any, db: Any, new_w1: Any) -> None:
    """A tanh neuron with x = (3, 2), w = (2, −3), b = 0, t = 2."""
    x1, x2, t, learning_rate = 3.0, 2.0, 2.0, 0.1
    w1, w2, b = Value(2.0), Value(-3.0), Value(0.0)
    a = w1 * x1 + w2 * x2 + b
    ((tanh(a) - t) ** 2 / 2).backward()
    without_half = "the ½ of the loss cancels the 2 of the square"
    say("δ", delta, a.grad, [(-a.grad, "it is h − t, and not t − h"), (2 * a.grad, without_half)])
    for name, answer, weight, x in (("dL/dw1", dw1, w1, x1), ("dL/dw2", dw2, w2, x2)):
        by_weight = (a.grad * weight.data, "w·x passes on the other factor: x, and not w")
        say(
            name,
            answer,
            weight.grad,
            [(x, "δ is missing"), (a.grad, "δ still has to be multiplied by the input"), by_weight],
        )
    say("dL/db", db, b.grad, [(1.0, "δ is missing"), (0.0, "that is b; its gradient is δ · 1")])
    uphill = (w1.data + learning_rate * w1.grad, "that goes up the hill: against the gradient is minus")
    no_rate = (w1.data - w1.grad, "the learning rate is missing")
    say("new w1", new_w1, w1.data - learning_rate * w1.grad, [uphill, no_rate])


def check_hypot(passes_on: Callable[..., Any]) -> None:
    """What ans = √(x² + y²) passes on to x and to y."""
    points = [(10.0, 3.0, 4.0), (-2.0, 5.0, -12.0)]
    arguments = [(g, hypot(x, y), x, y) for g, x, y in points]
    found = every_answer("hypot_passes_on", passes_on, *arguments)
    for (g, x, y), answer in zip(points, found or [], strict=False):
        if not isinstance(answer, tuple | list) or len(answer) != 2:
            print(f"✗  hypot_passes_on: a pair is wanted, what goes to x and what goes to y, not {answer!r:.60}")
            return
        ans, pass_on = vjp(hypot, x, y)
        for name, given, right, other in zip("xy", answer, pass_on(g), reversed(pass_on(g)), strict=True):
            mistakes = [
                (right / g, "what arrives, g, is missing"),
                (other, "x and y are exchanged"),
                (right * ans, "√ has a derivative too: divide by ans"),
                (right / ans, "divided by ans once too often"),
            ]
            say(f"to {name} (g: {g:g}, x: {x:g}, y: {y:g})", given, right, mistakes)


def check_softsign(softsign: Any) -> None:
    """The operation x / (1 + |x|), its value and its derivative on both sides of 0."""
    if softsign is None:
        print("…  softsign: not answered yet")
        return
    if not callable(softsign):
        print(f"✗  softsign: what define_op gives is wanted, not {softsign!r:.60}")
        return
    points = (0.0, 0.5, -4.0)
    values = every_answer("softsign", softsign, *[(x,) for x in points])
    if values is None:
        return
    op = getattr(softsign(Value(0.5)), "op", None)
    if op is None or op is not OPS.get("softsign"):
        print('✗  softsign: it is not one operation of its own; make it by define_op("softsign", …)')
        return

    def right(x: Any) -> Any:
        return x / (1.0 + autodiff.abs(x))

    for x, value in zip(points, values, strict=True):
        say(f"softsign({x:g})", value, right(x), [(x / (1.0 + x), "the bars of |x| are missing")])
    slopes = every_answer("softsign'", grad(softsign), *[(x,) for x in points])
    for x, slope in zip(points, slopes or [], strict=False):
        mistakes = [
            (1.0 / (1.0 + abs(x)), "the denominator of the derivative is squared"),
            (1.0 / (1.0 + x) ** 2, "right for x > 0 only: for x < 0 it is 1/(1 − x)²"),
            (right(x), "that is softsign itself, and not its derivative"),
        ]
        say(f"softsign'({x:g})", slope, grad(right)(x), mistakes)
