"""A trace run on Values again: the arbiter when a Program's numbers are not finite."""

from __future__ import annotations

from collections.abc import Sequence

from autodiff import engine
from autodiff.engine import Value
from autodiff.program.trace import Trace


def run_on_scalars(trace: Trace, inputs: Sequence[float], parameters: Sequence[float]) -> list[Value]:
    """The outputs for one example. Raises what the engine raises."""
    nodes: list[Value] = []
    leaves = (*inputs, *parameters)
    for i, (op, args) in enumerate(zip(trace.ops, trace.args, strict=True)):
        label = trace.labels.get(i, "")
        if op is None:
            nodes.append(Value(leaves[i] if i < trace.leaves else trace.constants[i], label))
        else:
            node = engine.apply(op, *[nodes[a] for a in args])
            node.label = label
            nodes.append(node)
    return [nodes[i] for i in trace.outputs]
