"""What compiling made of a graph: counts, and what arrays cannot run."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autodiff.program.expressions import CannotBeWrittenError, operand, value_of
from autodiff.program.instructions import Elementwise, Place, Plan, Product, Reduction
from autodiff.program.trace import Trace


@dataclass(frozen=True)
class Stats:
    """What compiling made of a graph.

    nodes : operations of the scalar graph
    instructions : on arrays, forwards
    in_products : the share of the operands that matrix products read
    by_element : the user's rows that arrays cannot run (they ask for the value of an operand), and go one by one
    constants : leaves and numbers that are neither input nor parameter: their data is taken once
    bytes_per_example : of memory, gradients included
    backend : what ``backend="auto"`` took, by how many examples are run at once, and why; empty before it was asked
    """

    nodes: int
    instructions: int
    in_products: float
    by_element: tuple[str, ...]
    constants: int
    bytes_per_example: int
    backend: str = ""


def stats_of(trace: Trace, plan: Plan, itemsize: int, measured: Sequence[str] = ()) -> Stats:
    read = {True: 0, False: 0}
    by_element: set[str] = set()
    for instruction in plan.instructions:
        product = isinstance(instruction, Product)
        read[product] += sum(x.index.size for x in instruction.operands if isinstance(x, Place))
        if not product and not _runs_on_arrays(instruction):
            by_element.add(instruction.op.name)
    return Stats(
        nodes=sum(op is not None for op in trace.ops),
        instructions=len(plan.instructions),
        in_products=read[True] / max(1, sum(read.values())),
        by_element=tuple(sorted(by_element)),
        constants=len(trace.constants),
        bytes_per_example=2 * plan.rows * itemsize,
        backend="; ".join(measured),
    )


def _runs_on_arrays(instruction: Elementwise | Reduction) -> bool:
    try:
        value_of(instruction.op, [operand(i) for i in range(len(instruction.operands))])
    except CannotBeWrittenError:
        return False
    return True
