"""Twenty networks and graphs, each compiled with its loss: what their listings are is in program_listings.txt.

After a change of listings that is meant: ``python tests/architectures.py > tests/program_listings.txt``, and read it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import nn
from autodiff import Value, compile, dot, exp, log, maximum, mean, softmax, tanh
from autodiff import sum as total
from autodiff.program.program import Program
from nn.losses import LOSSES


def network(loss: str, *args: Any, targets: int = 1, **settings: Any) -> Program:
    model = nn.MLP(*args, rng=0, **settings)
    return of_model(loss, model, args[0], targets)


def of_model(loss: str, model: nn.Module, inputs: int, targets: int = 1) -> Program:
    return compile(
        lambda x, y: LOSSES[loss].formula(model.outputs_for(x), y), [0.1] * inputs, [0.1] * targets,
        parameters=model.named_parameters(),
    )  # fmt: skip


def weights(count: int, name: str = "w") -> list[Value]:
    return [Value(0.1 * i, f"{name}[{i}]") for i in range(1, count + 1)]


class Residual(nn.Module):
    """x + tanh(W x + b)."""

    def __init__(self, width: int) -> None:
        self.layer = nn.Layer(width, width, "tanh", rng=0)

    def forward(self, inputs: Any) -> list[Any]:
        return [x + h for x, h in zip(inputs, self.layer.forward(inputs), strict=True)]


def shared() -> Program:
    """One layer on two pairs of inputs: the same neurons at two places."""
    layer, last = nn.Layer(2, 3, "tanh", rng=0), nn.Layer(6, 1, rng=0)
    return compile(
        lambda x: last.forward([*layer.forward(x[:2]), *layer.forward(x[2:])])[0], [0.1] * 4,
        parameters=[*layer.parameters(), *last.parameters()],
    )  # fmt: skip


def attention() -> Program:
    query, key, value = (nn.Layer(2, 2, bias=False, rng=i) for i in range(3))

    def f(x: Any) -> Any:
        tokens = [x[i : i + 2] for i in (0, 2, 4)]
        queries, keys, values = ([layer.forward(t) for t in tokens] for layer in (query, key, value))
        shares = [softmax([dot(q, k) for k in keys]) for q in queries]
        return total([dot(share, [v[i] for v in values]) for share in shares for i in range(2)])

    return compile(f, [0.1] * 6, parameters=[*query.parameters(), *key.parameters(), *value.parameters()])


def recurrent() -> Program:
    w = weights(3)

    def f(x: Any) -> Any:
        h: Any = 0.0
        for number in x:
            h = tanh(w[0] * number + w[1] * h + w[2])
        return h * h

    return compile(f, [0.1, 0.2, 0.3], parameters=w)


def gated() -> Program:
    gate, layer = nn.Layer(2, 3, "sigmoid", rng=0), nn.Layer(2, 3, "tanh", rng=1)
    return compile(
        lambda x: total([g * h for g, h in zip(gate.forward(x), layer.forward(x), strict=True)]), [0.1, 0.2],
        parameters=[*gate.parameters(), *layer.parameters()],
    )  # fmt: skip


def convolution() -> Program:
    """Two filters of width 3, slid over 5 numbers, and the mean of what they give."""
    w = weights(6)
    return compile(
        lambda x: mean([tanh(dot(w[f : f + 3], x[i : i + 3])) for f in (0, 3) for i in range(3)]), [0.1] * 5,
        parameters=w,
    )  # fmt: skip


def penalty() -> Program:
    layer = nn.Layer(2, 2, rng=0)
    return compile(
        lambda x: total(layer.forward(x)) + 0.01 * dot(layer.parameters(), layer.parameters()), [0.1, 0.2],
        parameters=layer.parameters(),
    )  # fmt: skip


def by_hand() -> Program:
    """f = (x + y)·z of the first lecture."""
    x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    return compile((x + y) * z, inputs=[x, y], parameters=[z])


def mixture() -> Program:
    w = weights(4)
    return compile(lambda x: -log(total([exp(-((x - m) ** 2)) * maximum(s, 0.1) for m, s in (w[:2], w[2:])])), 0.5,
                   parameters=w)  # fmt: skip


ARCHITECTURES: dict[str, Callable[[], Program]] = {
    "the textbook's: two layers of sigmoids, squared error": lambda: network(
        "squared_error", 2, [3, 1], activation="sigmoid", output="sigmoid"
    ),
    "regression": lambda: network("mse", 2, [16, 16, 1]),
    "classification": lambda: network("cross_entropy", 4, [8, 3], activation="relu", targets=3),
    "one neuron, written in single operations": lambda: network("mse", 3, [1], fused=False),
    "two layers, written in single operations": lambda: network("mse", 2, [3, 1], fused=False),
    "deep and thin": lambda: network("mse", 1, [1, 1, 1, 1]),
    "wide": lambda: network("binary_cross_entropy_with_logits", 2, [100, 1], activation="gelu"),
    "without biases": lambda: network("half_mse", 2, [3, 2], bias=False, targets=2),
    "three activations": lambda: network("mae", 2, [3, 3, 3, 1], activation=["elu", "silu", "softplus"]),
    "several labels": lambda: network("binary_cross_entropy_with_logits", 3, [4, 2], targets=2),
    "hinge": lambda: network("hinge", 2, [4, 1], activation="leaky_relu"),
    "layer norm": lambda: of_model(
        "mse", nn.Sequential(nn.Layer(2, 4, rng=0), nn.LayerNorm(4), nn.Layer(4, 1, rng=1)), 2
    ),
    "softmax and its likelihood": lambda: of_model(
        "negative_log_likelihood", nn.Sequential(nn.Layer(2, 3, rng=0), nn.Softmax()), 2, 3
    ),
    "residual, an own Module": lambda: of_model("mse", nn.Sequential(Residual(3), nn.Layer(3, 1, rng=1)), 3),
    "shared weights": shared,
    "attention": attention,
    "recurrent": recurrent,
    "gated": gated,
    "convolution": convolution,
    "with a penalty": penalty,
    "the first lecture's": by_hand,
    "mixture of bells": mixture,
}


def listings() -> Iterator[tuple[str, str]]:
    for name, build in ARCHITECTURES.items():
        program = build()
        yield name, f"{program}\n\n{program.backward}"


if __name__ == "__main__":
    sys.stdout.write("\n\n".join(f"=== {name}\n\n{text}" for name, text in listings()) + "\n")
