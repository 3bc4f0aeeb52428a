"""A graph as lists of numbers: what every pass of `compile` reads and gives.

Node i is an input, a parameter, a constant, or an operation on nodes before it; that is all a Program keeps of Values,
beside the parameters themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autodiff import engine
from autodiff.engine import Value
from autodiff.op import Op


@dataclass
class Trace:
    """Nodes in topological order: the inputs, then the parameters, then all others.

    Attributes
    ----------
    ops : of each node its row, None for a leaf
    args : of each node its operands, nodes before it; empty for a leaf
    constants : the number of each leaf that is neither input nor parameter
    inputs, parameters : how many there are of each
    outputs : the nodes asked for
    labels : of the nodes that have one; a pass gives none
    """

    inputs: int
    parameters: int
    ops: list[Op | None]
    args: list[tuple[int, ...]]
    constants: dict[int, float]
    outputs: list[int]
    labels: dict[int, str] = field(default_factory=dict[int, str])
    _interned: dict[str, int] = field(default_factory=dict[str, int])

    def __len__(self) -> int:
        return len(self.ops)

    @property
    def leaves(self) -> int:
        """How many inputs and parameters there are, which come first."""
        return self.inputs + self.parameters

    def add(self, op: Op, args: tuple[int, ...]) -> int:
        """One more operation; its number."""
        self.ops.append(op)
        self.args.append(args)
        return len(self.ops) - 1

    def constant(self, number: float) -> int:
        """The node of a number: one for all that are equal, but for the sign of 0."""
        key = str(number)  # which tells −0 from 0
        node = self._interned.get(key)
        if node is None:
            self.ops.append(None)
            self.args.append(())
            node = self._interned[key] = len(self.ops) - 1
            self.constants[node] = number
        return node

    def empty(self) -> Trace:
        """The same inputs and parameters, and nothing else yet."""
        leaves = self.leaves
        return replace(self, ops=[None] * leaves, args=[()] * leaves, constants={}, outputs=[], labels={}, _interned={})

    def depends_on(self, leaves: Iterable[int]) -> list[bool]:
        """Of each node whether it depends on any of these."""
        depends = [False] * len(self.ops)
        for leaf in leaves:
            depends[leaf] = True
        for node, args in enumerate(self.args):
            if args:
                depends[node] = any([depends[a] for a in args])
        return depends

    def uses(self) -> list[int]:
        """How many times each node is an operand or an output."""
        uses = [0] * len(self.ops)
        for args in self.args:
            for a in args:
                uses[a] += 1
        for output in self.outputs:
            uses[output] += 1
        return uses


def read(outputs: Sequence[Value], inputs: Sequence[Value], parameters: Sequence[Value]) -> Trace:
    """The graph below ``outputs``. Any leaf that is neither input nor parameter is a constant, with the data it has."""
    trace = Trace(len(inputs), len(parameters), [], [], {}, [])
    place: dict[Any, int] = {}
    for leaf in (*inputs, *parameters):
        place[leaf] = len(trace.ops)
        trace.ops.append(None)
        trace.args.append(())
    order, _ = engine.order(list(outputs))
    for node in order:
        if node in place:
            continue
        op = node.op
        if op is None:
            place[node] = trace.constant(node.data)
        else:
            place[node] = trace.add(op, _places(node.args, place, trace))
    trace.labels.update({i: node.label for node, i in place.items() if node.label})
    trace.outputs = [place[output] for output in outputs]
    return trace


def _places(args: tuple[Any, ...], place: dict[Any, int], trace: Trace) -> tuple[int, ...]:
    return tuple([trace.constant(a) if type(a) is float else place[a] for a in args])
