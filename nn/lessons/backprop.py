"""Backpropagation by hand: the lectures' pseudo-code in matrix form, with NumPy.

It knows nothing of the engine: an oracle for tests, and something to read beside the graph. Columns are
examples: x is (features, M), y is (outputs, M). The names are the lectures': a_k the pre-activations, h_k the
activations, g the hidden activation, O the output function.

The loss averages over the M examples. By default it is ½‖y − ŷ‖² (the lectures' 1/2M) where the output is elementwise
(linear, sigmoid, tanh, relu), and −Σ y log ŷ where it is softmax, y then being one-hot; "binary_cross_entropy",
−Σ [y log ŷ + (1 − y) log(1 − ŷ)], goes with a sigmoid. `delta_rows` is the other form of the lectures: rows, diag,
and a factor of 2.

>>> import numpy as np
>>> theta = [np.array([[0.5, -0.5]])], [np.array([[0.1]])]
>>> a, h, y_hat = forward_propagation(theta, np.array([[1.0], [2.0]]))
>>> y_hat
array([[-0.4]])
>>> back_propagation(theta, a, h, np.array([[0.6]]), y_hat)
([array([[-1., -2.]])], [array([[-1.]])])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nn.checks import integer, named, nonnegative
from nn.matrices import Array, Theta

if TYPE_CHECKING:
    from collections.abc import Callable


def _sigmoid(a: Array) -> Array:
    return np.exp(np.minimum(a, 0.0)) / (1.0 + np.exp(-np.abs(a)))


# g and g', the latter from a and h = g(a).
_FUNCTIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]] = {
    "linear": (lambda a: a, lambda a, h: np.ones_like(a)),
    "sigmoid": (_sigmoid, lambda a, h: h * (1.0 - h)),
    "tanh": (np.tanh, lambda a, h: 1.0 - h * h),
    "relu": (lambda a: np.maximum(a, 0.0), lambda a, h: (a > 0.0).astype(float)),
}


def _softmax(a: Array) -> Array:
    e = np.exp(a - a.max(axis=0))
    return e / e.sum(axis=0)


_OUTPUTS: dict[str, Callable[[Array], Array]] = {**{k: g for k, (g, _) in _FUNCTIONS.items()}, "softmax": _softmax}


def forward_propagation(
    theta: Theta, x: Array, activation: str = "tanh", output: str = "linear"
) -> tuple[list[Array], list[Array], Array]:
    """a_k = b_k + W_k h_{k−1} and h_k = g(a_k) for k = 1 … L−1, then ŷ = O(a_L).

    Gives ([a₁ … a_L], [h₀ = x, h₁ … h_{L−1}], ŷ). ``activation``: sigmoid, tanh, relu or linear; ``output``: those
    or softmax. Raises ValueError for another name, or matrices that do not fit.
    """
    g, _ = named("activation", activation, _FUNCTIONS)
    weights, biases = theta
    a: list[Array] = []
    h = [np.asarray(x, dtype=float)]
    for k, (weight, bias) in enumerate(zip(weights, biases, strict=True), 1):
        if h[-1].ndim != 2 or len(h[-1]) != weight.shape[1]:
            raise ValueError(
                f"W{k} is {weight.shape} and takes {weight.shape[1]} rows, and {f'h{k - 1}' if k > 1 else 'x'} has the "
                f"shape {h[-1].shape}: an example is a column, so write X.T for rows of examples"
            )
        a.append(bias + weight @ h[-1])
        if k < len(weights):
            h.append(g(a[-1]))
    return a, h, named("output", output, _OUTPUTS)(a[-1])


def back_propagation(
    theta: Theta,
    a: list[Array],
    h: list[Array],
    y: Array,
    y_hat: Array,
    activation: str = "tanh",
    output: str = "linear",
    loss: str | None = None,
) -> Theta:
    """The gradients ([∇W₁ …], [∇b₁ …]) of the mean loss, from what `forward_propagation` gave.

    ∇a_L = −(y − ŷ) for squared error with a linear output, for cross-entropy with softmax and for binary cross-entropy
    with a sigmoid: each loss has the output that undoes its slope. For squared error with another output, ⊙ O'(a_L).
    Then for k = L … 1: ∇W_k = ∇a_k h_{k−1}ᵀ, ∇b_k = ∇a_k, ∇h_{k−1} = W_kᵀ ∇a_k, ∇a_{k−1} = ∇h_{k−1} ⊙ g'(a_{k−1}).

    ``loss`` : "squared_error", "binary_cross_entropy" or "cross_entropy"; by default the one that goes with the output.
    Raises ValueError for an unknown name, a loss and an output that do not go together, or y of another shape than ŷ.
    """
    weights, _ = theta
    _, slope = named("activation", activation, _FUNCTIONS)
    delta = -(_fitting(y, y_hat) - y_hat) / y_hat.shape[1]
    if _loss_for(output, loss) == "squared_error":
        delta = delta * _FUNCTIONS[output][1](a[-1], y_hat)
    weight_grads: list[Array] = []
    bias_grads: list[Array] = []
    for k in reversed(range(len(weights))):
        weight_grads.insert(0, delta @ h[k].T)
        bias_grads.insert(0, delta.sum(axis=1, keepdims=True))
        if k:
            delta = (weights[k].T @ delta) * slope(a[k - 1], h[k])
    return weight_grads, bias_grads


def _fitting(y: Array, y_hat: Array) -> Array:
    """NumPy would make a row of targets and a column of outputs a table, in silence."""
    if np.shape(y) != y_hat.shape:
        raise ValueError(f"y has the shape {np.shape(y)} and ŷ {y_hat.shape}: (outputs, M), a column for each example")
    return y


_PARTNERS = {"squared_error": tuple(_FUNCTIONS), "binary_cross_entropy": ("sigmoid",), "cross_entropy": ("softmax",)}


def _loss_for(output: str, given: str | None) -> str:
    named("output", output, _OUTPUTS)
    if given is None:
        return "cross_entropy" if output == "softmax" else "squared_error"
    if output not in named("loss", given, _PARTNERS):  # type: ignore[type-var] (outputs by name, no functions)
        raise ValueError(f"{given} goes with the output {' or '.join(_PARTNERS[given])}, not {output}")
    return given


def delta_rows(
    theta: Theta, a: list[Array], h: list[Array], y: Array, y_hat: Array, activation: str = "sigmoid"
) -> list[Array]:
    """[δ¹ … δ^L] of one example as row vectors, of ‖y − ŷ‖² (with no ½), the output function being g as well.

    δ^L = [−2(y − a^L)]ᵀ diag(g'(z^L)), then δ^{l−1} = δ^l W^l diag(g'(z^{l−1})): δ^l = ∂L/∂z^l, z^l being a_l here. The
    transposed recursion of `back_propagation` gives half of it, because its loss has the ½. Raises ValueError for more
    than one example.

    >>> import numpy as np
    >>> theta = [np.array([[1.0]])], [np.array([[0.0]])]
    >>> a, h, y_hat = forward_propagation(theta, np.array([[0.0]]), "sigmoid", "sigmoid")
    >>> delta_rows(theta, a, h, np.array([[1.0]]), y_hat)
    [array([[-0.25]])]
    """
    if y_hat.shape[1] != 1:
        raise ValueError(f"delta_rows takes one example, one column, not {y_hat.shape[1]}")
    weights, _ = theta
    _, slope = named("activation", activation, _FUNCTIONS)
    deltas = [(-2.0 * (_fitting(y, y_hat) - y_hat)).T @ np.diag(slope(a[-1], y_hat)[:, 0])]
    for k in reversed(range(1, len(weights))):
        deltas.insert(0, deltas[0] @ weights[k] @ np.diag(slope(a[k - 1], h[k])[:, 0]))
    return deltas


def mean_loss(y: Array, y_hat: Array, output: str = "linear", loss: str | None = None) -> float:
    """The mean over the examples (columns) of ½‖y − ŷ‖², or of a cross-entropy: as `back_propagation` takes it."""
    kind, y = _loss_for(output, loss), _fitting(y, y_hat)
    if kind == "squared_error":
        return float(0.5 * ((y - y_hat) ** 2).sum() / y.shape[1])
    total = _times_log(y, y_hat)
    if kind == "binary_cross_entropy":
        total += _times_log(1.0 - y, 1.0 - y_hat)
    return float(-total / y.shape[1])


def _times_log(y: Array, p: Array) -> float:
    """Σ y log p, with 0·log 0 = 0."""
    return (y * np.log(p, where=y > 0, out=np.zeros_like(p))).sum()


def gradient_descent(
    theta: Theta,
    x: Array,
    y: Array,
    lr: float,
    epochs: int,
    activation: str = "tanh",
    output: str = "linear",
    loss: str | None = None,
) -> tuple[Theta, list[float]]:
    """θ ← θ − lr·∇θ, ``epochs`` times on all examples; the new θ, and the loss before each step.

    Raises ValueError for a negative rate or an unknown name, FloatingPointError where it overflows.
    """
    lr = nonnegative("lr", lr)
    losses: list[float] = []
    with np.errstate(over="raise", invalid="raise"):
        for _ in range(integer("epochs", epochs)):
            a, h, y_hat = forward_propagation(theta, x, activation, output)
            losses.append(mean_loss(y, y_hat, output, loss))
            grads = back_propagation(theta, a, h, y, y_hat, activation, output, loss)
            theta = tuple(
                [p - lr * g for p, g in zip(ps, gs, strict=True)] for ps, gs in zip(theta, grads, strict=True)
            )  # type: ignore[assignment] (a pair again)
    return theta, losses
