"""What compiling made of a graph: counts, and what arrays cannot run."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autodiff.op import REALS
from autodiff.ops import BUILT_IN
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
    """

    nodes: int
    instructions: int
    in_products: float
    by_element: tuple[str, ...]
    constants: int
    bytes_per_example: int


def stats_of(trace: Trace, plan: Plan, itemsize: int) -> Stats:
    read = {True: 0, False: 0}
    by_element: set[str] = set()
    for instruction in plan.instructions:
        product = isinstance(instruction, Product)
        operands = (instruction.left, instruction.right) if product else instruction.operands
        read[product] += sum(x.index.size for x in operands if isinstance(x, Place))
        if not product and not _runs_on_arrays(instruction):
            by_element.add(instruction.op.name)
    return Stats(
        nodes=sum(op is not None for op in trace.ops),
        instructions=len(plan.instructions),
        in_products=read[True] / max(1, sum(read.values())),
        by_element=tuple(sorted(by_element)),
        constants=len(trace.constants),
        bytes_per_example=2 * plan.rows * itemsize,
    )


def _runs_on_arrays(instruction: Elementwise | Reduction) -> bool:
    try:
        value_of(instruction.op, [operand(i) for i in range(len(instruction.operands))])
    except CannotBeWrittenError:
        return False
    return True


def guarded(plan: Plan) -> list[Elementwise | Reduction]:
    """The instructions of a user's rows with a domain: that a value is finite does not say that it is allowed."""
    found = [i for i in plan.instructions if not isinstance(i, Product)]
    return [i for i in found if i.op.name not in BUILT_IN and i.op.domain is not REALS]


def in_domain(instruction: Elementwise | Reduction, x: Sequence[Any]) -> bool:
    """Whether all operands of such an instruction, given as numbers and arrays, are where it is defined."""
    if isinstance(instruction, Reduction):  # (vectors, m, k, n): the operands of each
        vectors = np.stack([np.asarray(v) for v in x]).reshape(-1, *np.shape(x[0])[1:])
        return all(instruction.op.domain.contains(*vectors[(..., *i)]) for i in np.ndindex(vectors.shape[1:]))
    return bool(np.vectorize(instruction.op.domain.contains, otypes=[bool])(*x).all())
