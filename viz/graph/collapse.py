"""Which operations of a graph belong to which neuron of a model: the boxes of a collapsed picture.

A neuron is an affine part (the sums and products in which its own parameters stand) and at most one activation
after it. That is read off the graph and off the names of the parameters, so it holds for any model that has
``named_parameters()``, fused or not, and for every example of a batch by itself. How boxes look is in `dot`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from autodiff import Value

_AFFINE = ("add", "sub", "mul", "sum", "dot")
_NEURON = re.compile(r"(?:(.+)\.)?neurons\.(\d+)")
_LAYER = re.compile(r"layers\.(\d+)")


@dataclass(frozen=True, eq=False)
class Weight:
    """A weight at work: the parameter, what it multiplies, and where both stand in the graph, as (node, operand)."""

    parameter: Value
    input: Value | float
    places: tuple[tuple[Value, int], ...]


@dataclass(frozen=True, eq=False)
class Box:
    """One use of one neuron, drawn as a box.

    path : of its module, as "layers.0.neurons.1"
    nodes : its operations in topological order; the last is its output
    pre : its pre-activation, the last of its affine part
    weights : its weights at work, in their order
    bias : the parameter that is added, if there is one
    others : what else it is computed from
    use : how often its module was used before in this graph
    """

    path: str
    nodes: tuple[Value, ...]
    pre: Value
    weights: tuple[Weight, ...]
    bias: Value | None
    others: tuple[Value, ...]
    use: int

    @property
    def output(self) -> Value:
        return self.nodes[-1]

    @property
    def number(self) -> int:
        """Its place in its layer, from 0 on."""
        found = _NEURON.fullmatch(self.path)
        return int(found[2]) if found else 0

    @property
    def activation(self) -> str:
        """The name of the operation after the affine part, "linear" where there is none."""
        return "linear" if self.output is self.pre or self.output.op is None else self.output.op.name

    @property
    def title(self) -> str:
        found = _NEURON.fullmatch(self.path)
        return f"neuron {int(found[2]) + 1}" if found else self.path or "model"

    @property
    def layer(self) -> str:
        """The name of the layer it stands in, "" where it stands alone."""
        found = _NEURON.fullmatch(self.path)
        if not found:
            return ""
        numbered = _LAYER.fullmatch(found[1] or "")
        return f"layer {int(numbered[1]) + 1}" if numbered else found[1] or "layer"


def neuron_boxes(order: Sequence[Value], model: Any) -> tuple[list[Box], set[Value]]:
    """The boxes that the graph with the nodes ``order`` has for ``model``, and the parameters that vanish in them.

    A part of which more than its last node is used elsewhere stays as it is. Raises TypeError for a model without
    ``named_parameters()``, ValueError where none of its parameters is in the graph.
    """
    owner = _owners(order, model)
    users: dict[Value, list[Value]] = {}
    for node in order:
        for arg in node.parents:
            users.setdefault(arg, []).append(node)
    boxes: list[Box] = []
    uses: Counter[str] = Counter()
    for part in _affine_parts(order, owner):
        nodes = [*part.nodes, *_activation(part.nodes[-1], users, _allowed(model, part.path))]
        used_outside = [node for node in nodes if node is order[-1] or not set(nodes).issuperset(users[node])]
        if used_outside == nodes[-1:]:
            boxes.append(_box(part, nodes, uses[part.path]))
            uses[part.path] += 1
    boxed = {node for box in boxes for node in box.nodes}
    hidden = {leaf for leaf in owner if boxed.issuperset(users[leaf])}
    return boxes, hidden


def _owners(order: Sequence[Value], model: Any) -> dict[Value, str]:
    """For each parameter of the model in the graph, the path of the module that holds it."""
    if not hasattr(model, "named_parameters"):
        raise TypeError(f"collapse takes a model with named_parameters(), not {type(model).__name__} {model!r:.60}")
    here = set(order)
    owner = {
        value: _module_path(name) for name, value in model.named_parameters() if value in here and value.op is None
    }
    if not owner:
        raise ValueError("collapse was given a model of which no parameter is in this graph: draw what it computed")
    return owner


def _module_path(parameter: str) -> str:
    """layers.0.neurons.3 for layers.0.neurons.3.weights.1"""
    parts = parameter.split(".")
    while parts and parts[-1].isdigit():
        parts.pop()
    return ".".join(parts[:-1])


@dataclass(eq=False)
class _Part:
    path: str
    nodes: list[Value]
    own: set[Value]


def _affine_parts(order: Sequence[Value], owner: dict[Value, str]) -> Iterable[_Part]:
    """The connected affine operations of each module, one part for each example that ran through it."""
    part: dict[Value, _Part] = {}
    for node in order:
        if node.op is not None and node.op.name in _AFFINE:
            joined = _joined(node, owner, part)
            if joined is not None:
                part.update(dict.fromkeys(joined.nodes, joined))
    index = {node: i for i, node in enumerate(order)}
    parts = list(dict.fromkeys(part.values()))
    for found in parts:
        found.nodes.sort(key=index.__getitem__)
    return parts


def _joined(node: Value, owner: dict[Value, str], part: dict[Value, _Part]) -> _Part | None:
    """The part that ``node`` belongs to, with the parts that it joins; None where it belongs to no neuron.

    One use of a neuron uses each parameter once: so w·w is a penalty, and two parts that share a parameter are two
    examples, which are never joined.
    """
    own = [arg for arg in node.parents if arg in owner]
    joinable = list(dict.fromkeys(part[arg] for arg in node.parents if arg in part))
    paths = {owner[arg] for arg in own} if own else {other.path for other in joinable}
    if len(paths) != 1 or len(set(own)) < len(own):
        return None
    (path,) = paths
    joined = _Part(path, [node], set(own))
    for other in joinable:
        if other.path == path and joined.own.isdisjoint(other.own):
            joined.nodes += other.nodes
            joined.own |= other.own
        elif not own:
            return None
    # A sum that holds no parameter is part of the neuron only where all that it adds is.
    return joined if own or all(isinstance(arg, Value) and arg in part for arg in node.args) else None


def _allowed(model: Any, path: str) -> set[str]:
    """The operations that may be the activation of the module at ``path``."""
    from nn.layers import ACTIVATIONS

    modules = dict(model.named_modules()) if hasattr(model, "named_modules") else {}
    name = getattr(modules.get(path), "activation", None)
    return {name} if isinstance(name, str) else set(ACTIVATIONS)


def _activation(affine: Value, users: dict[Value, list[Value]], allowed: set[str]) -> list[Value]:
    following = set(users.get(affine, ()))
    return [node for node in following if len(following) == 1 and node.op is not None and node.op.name in allowed]


def _box(part: _Part, nodes: list[Value], use: int) -> Box:
    weights = {weight.parameter: weight for node in part.nodes for weight in _weights(node, part.own)}
    inside = set(nodes) | part.own | {weight.input for weight in weights.values()}
    others = dict.fromkeys(arg for node in nodes for arg in node.parents if arg not in inside)
    added = [arg for node in part.nodes for arg in node.parents if arg in part.own and arg not in weights]
    bias = added[0] if added else None
    return Box(part.path, tuple(nodes), part.nodes[-1], tuple(weights.values()), bias, tuple(others), use)


def _weights(node: Value, own: set[Value]) -> Iterable[Weight]:
    """The products of a parameter and what is none in one operation; 1·b in a sum of products is a bias, no weight."""
    assert node.op is not None
    half = len(node.args) // 2
    pairs = [(k, half + k) for k in range(half)] if node.op.name in ("dot", "mul") else []
    for i, j in pairs:
        if node.args[j] in own:
            i, j = j, i  # noqa: PLW2901 (the parameter first)
        parameter, factor = node.args[i], node.args[j]
        bias = node.op.name == "dot" and isinstance(factor, float) and factor == 1.0 and (i, j) == pairs[-1]
        if isinstance(parameter, Value) and parameter in own and not bias:
            yield Weight(parameter, factor, ((node, i), (node, j)))
