"""What a Program consists of: places in its memory, and instructions on them, forwards and backwards.

There are two memories of floats. What does not depend on the inputs is one column: the parameters θ, then constants,
then what is computed of them, once a run. What does is a row for each scalar and a column for each example: the inputs,
then results. Operations that are computed together have their results side by side, so that a layer is a slice.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autodiff.op import Op

Indices = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True, eq=False)
class Place:
    """Where some scalars are: rows of the memory of what varies with the example, or of the other.

    ``index`` has any shape, in which the scalars are taken.
    """

    varies: bool
    index: Indices

    @property
    def shape(self) -> tuple[int, ...]:
        return self.index.shape

    @functools.cached_property
    def steps(self) -> tuple[int, ...] | None:
        """How far the next along each axis is, where that is the same everywhere: it can be seen without a copy.

        Along an axis of one, as far as the others reach: BLAS wants it so.
        """
        index = self.index
        first = int(index.flat[0])
        steps = tuple(
            int(index[(0,) * axis + (1,) + (0,) * (index.ndim - axis - 1)]) - first if size > 1 else index.size
            for axis, size in enumerate(index.shape)
        )
        expected = first + np.tensordot(steps, np.indices(index.shape), 1)  # pyright: ignore[reportUnknownArgumentType]
        if min(steps) < 0 or not np.array_equal(expected, index):
            return None
        return steps

    @functools.cached_property
    def distinct(self) -> bool:
        """Whether no scalar is there twice."""
        return np.unique(self.index).size == self.index.size

    @property
    def first(self) -> int:
        return int(self.index.flat[0])


Operand = Place | float


@dataclass(frozen=True, eq=False)
class Elementwise:
    """One row of the table on k operands in each place: ``out[i] = op(x[i], y[i], …)``."""

    op: Op
    out: Place  # (k)
    operands: tuple[Operand, ...]  # (k) each, or a number


@dataclass(frozen=True, eq=False)
class Reduction:
    """An n-ary row, k times on m operands in each vector: ``out[i] = op(x[:, i], y[:, i])``."""

    op: Op
    out: Place  # (k)
    operands: tuple[Place, ...]  # (m, k) each


@dataclass(frozen=True, eq=False)
class Product:
    """A matrix product: ``out[j, i] = Σₘ left[i, m]·right[j, m] + bias[i]``; of one right side z = W x + b."""

    out: Place  # (l, k)
    left: Place  # (k, m)
    right: Place  # (l, m)
    bias: Place | None = None  # (k), of what does not vary with the example

    @property
    def operands(self) -> tuple[Place, ...]:
        return (self.left, self.right) if self.bias is None else (self.left, self.right, self.bias)

    @property
    def is_layer(self) -> bool:
        """Whether it multiplies what varies with the example by what does not."""
        return self.right.varies and not self.left.varies

    @property
    def is_dot(self) -> bool:
        """Whether it is one product of two vectors that are both of a kind."""
        return not self.is_layer and self.out.index.size == 1


Instruction = Elementwise | Reduction | Product


@dataclass(frozen=True, eq=False)
class Contribution:
    """Where a gradient goes: to operand ``operand`` of an instruction, at ``target``.

    ``sets``: it is the first that comes there, and so is written; any other is added.
    """

    operand: int
    target: Place
    sets: bool


@dataclass(frozen=True, eq=False)
class Pullback:
    """An instruction backwards: its result's gradient, complete by then, times its local derivatives.

    Of a `Product` operand 0 is the left, 1 the right, 2 the bias.
    """

    of: Instruction
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True, eq=False)
class Clear:
    """Gradients of which some were set when they are added to: the others begin at 0."""

    place: Place


Backward = Clear | Pullback


@dataclass(frozen=True, eq=False)
class Plan:
    """All that whoever runs a Program has to know.

    Attributes
    ----------
    inputs, parameters : how many; they come first in the two memories
    ones : rows of 1 between the others, which `with_ones` puts there; empty in the plan itself
    rows : of the memory of what varies with the example
    column : what the other memory holds at first: parameters, constants, then 0 for what is computed
    instructions : forwards, in order; where operations are computed together, first what does not depend on the inputs
    outputs : where each output is
    pullbacks : backwards from the first output, whose gradient is set before, in the reverse order of the instructions,
        after the Clears; empty without parameters. Where no gradient comes, it is 0
    """

    inputs: int
    parameters: int
    rows: int
    column: Sequence[float]
    instructions: Sequence[Instruction]
    outputs: Sequence[Place]
    pullbacks: Sequence[Backward]
    ones: Sequence[int] = ()

    def reached(self) -> list[Pullback]:
        """The pullbacks that a gradient comes to, for who reads them: what decides a choice alone has none."""
        come = {False: np.zeros(len(self.column), dtype=bool), True: np.zeros(self.rows, dtype=bool)}
        come[self.outputs[0].varies][self.outputs[0].index] = True
        found: list[Pullback] = []
        for step in self.pullbacks:
            if isinstance(step, Pullback) and come[step.of.out.varies][step.of.out.index].any():
                found.append(step)
                for to in step.contributions:
                    come[to.target.varies][to.target.index] = True
        return found
