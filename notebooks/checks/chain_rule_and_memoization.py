"""Notebook 02: paths counted and added up, and a count that remembers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autodiff import Value, count_paths, paths
from checks.judge import every_answer, say
from nn import MLP

_READS = 100_000  # of a graph's parents: more than any count that remembers needs, less than 2^20


def check_paths(number_of_paths: Any, dh_dx: Any) -> None:
    """u = x·x, v = x + 1, h = u·v + u at x = 2."""
    x = Value(2.0)
    u, v = x * x, x + 1.0
    product = u * v
    h = product + u
    h.backward()
    through_product = sum(path.product for path in paths(product, x))
    once = "x·x has two operands: each is an edge"
    say("the number of paths", number_of_paths, count_paths(h, x), [(3.0, once), (4.0, "v leads to x too")])
    missing = "the path through the second summand, + u, is missing"
    product_rule = "u and v both depend on x: that is the product rule"
    say("dh/dx", dh_dx, x.grad, [(through_product, missing), (2 * x.data * (v.data + 1.0), product_rule)])


def check_layers(weights: Any, to_weight: Any, to_input: Any) -> None:
    """The network 4-3-4-2-1 without biases."""
    model = MLP(4, [3, 4, 2, 1], bias=False, rng=0)
    inputs = [Value(1.0) for _ in range(4)]
    output = model(inputs)
    with_biases = len(MLP(4, [3, 4, 2, 1], rng=0).parameters())
    say(
        "the number of weights",
        weights,
        len(model.parameters()),
        [(with_biases, "that is with biases"), (14.0, "that is the number of units")],
    )
    first, second = model.parameters()[0], dict(model.named_parameters())["layers.1.neurons.0.weights.0"]
    two_layers_on = "one layer is missing: after the first come 4, then 2, then 1"
    mistakes = [
        (count_paths(output, second), two_layers_on),
        (4.0, two_layers_on),
        (7.0, "after the first layer one multiplies the layers' sizes"),
    ]
    say("paths to a weight of the first layer", to_weight, count_paths(output, first), mistakes)
    one_weight = "an input has a weight to each of the 3 neurons of the first layer"
    say("paths to an input", to_input, count_paths(output, inputs[0]), [(count_paths(output, first), one_weight)])


def check_two_paths(through_o21: Any, through_o22: Any, total: Any) -> None:
    """A linear network with one input, and its two paths to w¹₁₁."""
    x, w, w12 = 2.0, Value(3.0), Value(-1.0)
    o11, o12 = w * x, w12 * x
    o21, o22 = o11 + 2.0 * o12, o12 - o11
    o31 = 2.0 * o21 + 0.5 * o22
    loss = (o31 - 1.0) ** 2
    loss.backward()
    products: dict[Value, float] = {}
    for path in paths(loss, w):
        products[o21 if o21 in path.nodes else o22] = path.product
    for name, answer, o in (("the path through O21", through_o21, o21), ("the path through O22", through_o22, o22)):
        right = products[o]
        mistakes = [
            (right / o31.grad, "the first factor, ∂L/∂O31, is missing"),
            (right / x, "the last factor, ∂O11/∂w = x, is missing"),
            (right / x * w.data, "∂O11/∂w is x, and not w"),
            (right / 2, "∂L/∂O31 has the 2 of the square"),
        ]
        say(name, answer, right, mistakes)
    mistakes = [
        (products[o21] - products[o22], "the paths are added"),
        (products[o21] * products[o22], "the paths are added"),
    ]
    say("dL/dw", total, w.grad, [*mistakes, (products[o21], "that is one of the two paths")])


class _Counted:
    """A node of a graph that counts how often anybody asks for its parents."""

    reads = 0

    def __init__(self, *parents: _Counted) -> None:
        self._parents = parents

    @property
    def parents(self) -> tuple[_Counted, ...]:
        _Counted.reads += 1
        if _Counted.reads > _READS:
            raise RuntimeError(f"it has asked for parents {_READS} times: each node's count has to be remembered")
        return self._parents


def check_count_ways(count_ways: Callable[..., Any]) -> None:
    """A count of paths that remembers, on a product, on a value that does not depend on x, and on 200 doublings."""
    x, other = Value(2.0), Value(3.0)
    product = x * other + x * x
    end = top = _Counted()
    doublings = 200
    for _ in range(doublings):
        top = _Counted(top, top)
    _Counted.reads = 0
    found = every_answer("count_ways", count_ways, (product, x), (other * other, x))
    if found is None:
        return
    each = [(1.0, "x·x has two operands: each is an edge"), (2.0, "an operand that is used twice counts twice")]
    say("paths from x·z + x·x to x", found[0], count_paths(product, x), each)
    say("paths from z·z to x", found[1], count_paths(other * other, x), [(2.0, "z·z does not depend on x: no path")])
    try:
        ways = count_ways(top, end)
    except Exception as error:
        print(f"✗  count_ways of {doublings} doublings: {error!s:.200}")
        return
    if isinstance(ways, int | float) and ways == 2**doublings:
        print(
            f"✓  count_ways of {doublings} doublings = 2^{doublings} is right, after {_Counted.reads} looks at a node"
        )
    else:
        print(f"✗  count_ways of {doublings} doublings: it should be 2^{doublings}, not {ways!r:.40}")
