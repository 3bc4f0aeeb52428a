"""The backward program: an instruction's pullback for each instruction, in reverse.

What a pullback computes is the row's partials; here is only decided where each gradient goes, whether it is the first
that comes there, and what nobody asks for: gradients of what does not depend on a parameter. What no gradient comes to
has that of 0 with which the memory begins; it has a pullback too, which finds where it has no derivative.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.program.expressions import CannotBeWrittenError, operand, partial_of
from autodiff.program.instructions import (
    Backward,
    Clear,
    Contribution,
    Elementwise,
    Indices,
    Instruction,
    Place,
    Product,
    Pullback,
)
from autodiff.program.lifting import Lifted


def backward(lifted: Lifted, parameters: int) -> list[Backward]:
    """The pullbacks from the first output, whose gradient is set before they are run."""
    return _Backward(lifted, parameters).run(lifted)


class _Backward:
    def __init__(self, lifted: Lifted, parameters: int) -> None:
        sizes = {False: len(lifted.column), True: lifted.rows}
        self.learned = {varies: np.zeros(size, dtype=bool) for varies, size in sizes.items()}
        self.written = {varies: np.zeros(size, dtype=bool) for varies, size in sizes.items()}
        self.cleared: dict[bool, list[Indices]] = {False: [], True: []}
        self.learned[False][:parameters] = True
        for instruction in lifted.instructions:
            self._learn(instruction)

    def _learn(self, instruction: Instruction) -> None:
        """Which results depend on a parameter."""
        found: Any = np.zeros(instruction.out.shape, dtype=bool)
        for i, x in enumerate(instruction.operands):
            if isinstance(x, Place):
                learned: Any = self.learned[x.varies][x.index]
                if isinstance(instruction, Product):
                    found |= learned if i == 2 else learned.any(1) if i == 0 else learned.any(1)[:, None]
                else:
                    found |= learned if isinstance(instruction, Elementwise) else learned.any(0)
        self.learned[instruction.out.varies][instruction.out.index] = found

    def run(self, lifted: Lifted) -> list[Backward]:
        output = lifted.outputs[0]
        self.written[output.varies][output.index] = True
        pullbacks = self._pullbacks(lifted.instructions)
        clears = [Clear(Place(varies, np.concatenate(found))) for varies, found in self.cleared.items() if found]
        return [*clears, *pullbacks]

    def _pullbacks(self, instructions: Sequence[Instruction]) -> list[Pullback]:
        found: list[Pullback] = []
        for instruction in reversed(instructions):
            contributions = tuple(
                Contribution(i, x, self._sets(x))
                for i, x in enumerate(instruction.operands)
                if isinstance(x, Place) and self.learned[x.varies][x.index].any() and not _is_flat(instruction, i)
            )
            if contributions:
                found.append(Pullback(instruction, contributions))
        return found

    def _sets(self, target: Place) -> bool:
        written = self.written[target.varies]
        there = written[target.index]
        sets = not there.any()
        if not sets and not there.all():
            self.cleared[target.varies].append(target.index[~there])
        written[target.index] = True
        return sets


def _is_flat(instruction: Instruction, i: int) -> bool:
    """Whether the row's partial is 0 everywhere, as that of a condition is."""
    if isinstance(instruction, Product):
        return False
    names = [operand(j) for j in range(len(instruction.operands))]
    try:
        return partial_of(instruction.op, i, operand(len(names)), names).number == 0.0
    except CannotBeWrittenError:
        return False
