"""The graphs that the step-through page is tested on."""

from __future__ import annotations

from autodiff import Value, tanh


def worked() -> Value:
    x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    q = x + y
    q.label = "q"
    f = q * z
    f.label = "f"
    return f


def multi_path() -> Value:
    a = Value(3.0, "a")
    return a * a + a


def neuron() -> Value:
    x, w, b = Value(2.0, "x"), Value(-0.5, "w"), Value(0.25, "b")
    return tanh(w * x + b)
