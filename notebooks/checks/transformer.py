"""Judges the exercises of 11_a_transformer_from_scalars. Every solution is taken from a graph that is built here."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

from autodiff import Value, dot, gradients, log, softmax, sqrt
from checks.judge import answered, say
from nn import Layer, LayerNorm

Vectors = Sequence[Sequence[Any]]


def check_attention(p_2: Any, output: Any) -> None:
    """Shares and output of one query and two keys."""
    q, keys, values = [Value(1.0), Value(2.0)], [[2.0, 0.0], [0.0, 1.5]], [5.0, -1.0]
    products = [dot(q, key) for key in keys]

    def of(scores: list[Any]) -> tuple[float, float]:
        shares = softmax(scores)
        return shares[1].data, dot(shares, values).data

    share, right = of([product / math.sqrt(2.0) for product in products])
    unscaled, halved = of(products), of([product / 2.0 for product in products])
    plain = products[1].data / (products[0].data + products[1].data)
    root = "the scores are divided by √d = √2"
    say("p₂", p_2, share,
        [(unscaled[0], root), (halved[0], f"{root}, not by d"), (1.0 - share, "that is p₁"),
         (plain, "shares are those of the powers e^s, not of the scores")])  # fmt: skip
    say("o", output, right,
        [(unscaled[1], root), (halved[1], f"{root}, not by d"), (plain * values[1] + (1.0 - plain) * values[0],
         "shares are those of the powers e^s, not of the scores")])  # fmt: skip


def check_score_gradient(do_ds1: Any, do_ds2: Any, their_sum: Any) -> None:
    """∂o/∂s where the shares are 0.25 and 0.75."""
    s = [log(Value(0.25)), log(Value(0.75))]
    p, v = softmax(s), [4.0, -2.0]
    right = gradients(dot(p, v), s)
    for i, (name, answer) in enumerate((("∂o/∂s₁", do_ds1), ("∂o/∂s₂", do_ds2))):
        share = p[i].data
        say(name, answer, right[i],
            [(share * v[i], "p·v is the part of one token in o; a score moves the other share as well"),
             (share * (1.0 - share) * v[i], "that is the path through its own share alone: the other share falls"),
             (v[i], "that is ∂o/∂p: on from there to the score"),
             (right[1 - i], "that is the other score")])  # fmt: skip
    say("their sum", their_sum, math.fsum(right), [(1.0, "the shares add up to 1, their slopes do not")])


def check_parameters(in_attention: Any, in_mlp: Any, in_norms: Any) -> None:
    """Parameters, counted in layers that are made here."""

    def count(*modules: Any) -> int:
        return sum(len(module.parameters()) for module in modules)

    one = count(Layer(8, 8, bias=False, init="zeros"))
    wide, narrow = Layer(8, 32, init="zeros"), Layer(32, 8, init="zeros")
    norm = count(LayerNorm(8))
    say("in attention", in_attention, 4 * one,
        [(3 * one, "the matrix W_o that mixes the heads is the fourth"), (one, "there are four matrices"),
         (8 * one, "heads cut the vectors into parts, and cost nothing"),
         (4 * one // 2, "every head has a part of each matrix; together they are 8×8"),
         (count(*(Layer(8, 8, init="zeros") for _ in range(4))), "these matrices have no biases")])  # fmt: skip
    say("in the MLP", in_mlp, count(wide, narrow),
        [(2 * 8 * 32, "the biases count too: 32 and 8"), (count(wide), "and back again, from 32 to 8"),
         (2 * count(wide), "the second layer has 8 biases, one for each neuron")])  # fmt: skip
    say("in the norms", in_norms, 2 * norm, [(norm, "there are two norms, or: each has a gain and a bias")])


def _vectors(rng: random.Random, count: int, size: int) -> list[list[Value]]:
    return [[Value(rng.gauss(0.0, 1.0)) for _ in range(size)] for _ in range(count)]


def _attended(queries: Vectors, keys: Vectors, values: Vectors, masked: bool = True, root: float = 0.5) -> list[Any]:
    outputs: list[Any] = []
    for i, query in enumerate(queries):
        seen = i + 1 if masked else len(keys)
        shares = softmax([dot(query, key) / len(query) ** root for key in keys[:seen]])
        outputs.append([dot(shares, list(column)) for column in zip(*values[:seen], strict=True)])
    return outputs


def check_attend(attend_all: Any) -> None:
    """Three queries in two dimensions, values in three; and a gradient through the reader's graph."""
    rng = random.Random(0)
    q, k, v = _vectors(rng, 3, 2), _vectors(rng, 3, 2), _vectors(rng, 3, 3)
    found = answered("attend_all", attend_all, q, k, v)
    if found is None:
        return
    try:
        numbers = [[float(x) for x in row] for row in found]
        total = dot([1.0] * len(found[-1]), list(found[-1]))
    except (TypeError, ValueError, LookupError):
        print("✗  attend_all: the result is a list of vectors, one for each query")
        return
    if [len(row) for row in numbers] != [3, 3, 3]:
        print(
            f"✗  attend_all: three queries and values of three numbers give 3×3 outputs, not {list(map(len, numbers))}"
        )
        return
    right = _attended(q, k, v)
    others = (
        (_attended(q, k, v, masked=False), "a query sees only what stands before it, and itself"),
        (_attended(q, k, v, root=0.0), "the scores are divided by √d"),
        (_attended(q, k, v, root=1.0), "the scores are divided by √d, not by d"),
        (_attended(q, k, v, masked=False, root=0.0), "the mask is missing, and so is √d"),
    )
    for i in (0, 2, 1):
        hints = [(wrong[i][0].data, hint) for wrong, hint in others]
        say(f"output of query {i}, first number", numbers[i][0], right[i][0].data, hints, tolerance=1e-9)
    if not isinstance(total, Value):
        print("✗  attend_all: numbers came out, and Values are wanted: do not read .data")
        return
    wanted = gradients(dot([1.0] * 3, right[-1]), k[0])[0]
    try:
        slope = gradients(total, k[0])[0]
    except (ValueError, ArithmeticError):
        slope = 0.0
    say("gradient of the last output by the first key", slope, wanted, tolerance=1e-9)


def check_rms_norm(rms_norm: Any, slope_times: Any) -> None:
    """y of three numbers, its gradient, and the gradient where all are doubled."""

    def norm(xs: list[Value]) -> list[Any]:
        return [x / sqrt(dot(xs, xs) / float(len(xs)) + 1e-5) for x in xs]

    numbers = [1.0, -2.0, 4.0]
    xs = [Value(x) for x in numbers]
    found = answered("rms_norm", rms_norm, xs)
    if found is not None:
        _say_norm(found, xs, norm)
    slope, doubled = (gradients(norm(at)[0], at)[0] for at in (xs, [Value(2.0 * x) for x in numbers]))
    say("the slope, times", slope_times, doubled / slope,
        [(1.0, "y stays the same, but a step of x is now a smaller part of x"),
         (2.0, "y stays the same while x grows: its slope does not grow"),
         (0.25, "y is a function of x / (its size): doubled once")])  # fmt: skip


def _say_norm(found: Any, xs: list[Value], norm: Any) -> None:
    if not isinstance(found, list | tuple) or len(found) != len(xs) or not all(isinstance(y, Value) for y in found):
        print("✗  rms_norm: of three Values it gives a list of three Values")
        return
    squares = sum(x.data**2 for x in xs)
    mistakes = [
        (xs[0].data / math.sqrt(squares), "the mean of the squares, not their sum"),
        (xs[0].data / (squares / len(xs) + 1e-5), "the root is missing"),
        (LayerNorm(3)(xs)[0].data, "that is LayerNorm: no mean is taken off here"),
    ]
    right = norm(xs)
    say("first number", found[0], right[0].data, mistakes, tolerance=1e-9)
    slope = gradients(found[0], xs)[1] if found[0].op is not None else 0.0
    say("its slope by the second", slope, gradients(right[0], xs)[1],
        [(0.0, "the root depends on every x: do not read .data")], tolerance=1e-9)  # fmt: skip
