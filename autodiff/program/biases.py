"""The pass that makes a bias a column of its matrix, where a row of ones can stand below what the matrix multiplies.

    z = W @ x + b           →   z = [W b] @ [x 1]
    ∂L/∂W += δ xᵀ           →   ∂L/∂[W b] += δ [x 1]ᵀ
    ∂L/∂b += δ

It saves an addition forwards and a sum over the examples backwards. A plan of it is for whoever runs it on arrays: the
rows below move down to make room, and what is listed or written as source stays as the textbook has it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from autodiff.program.instructions import Backward, Clear, Contribution, Instruction, Place, Plan, Product, Pullback


def with_ones(plan: Plan) -> Plan:
    """The plan with ``ones``: as it is where no bias can become a column."""
    products = [i for i in plan.instructions if isinstance(i, Product)]
    layers = {i: wide for i in products if (wide := _weights_and_bias(i)) is not None}
    after = {_last_row(layer) for layer in layers}
    after = {row for row in after if not any(_spans(place, row) for place in _varying(plan))}
    layers = {layer: wide for layer, wide in layers.items() if _last_row(layer) in after}
    return _Moved(plan, sorted(after), layers).plan() if layers else plan


def _last_row(layer: Product) -> int:
    return int(layer.right.index[0, -1])


def _weights_and_bias(product: Product) -> Place | None:
    """The weights and the bias of a layer as one place, where they lie as one matrix does."""
    if product.bias is None or not product.is_layer or product.right.shape[0] != 1:
        return None
    if not np.all(np.diff(product.right.index[0]) == 1):
        return None
    wide = Place(False, np.concatenate([product.left.index, product.bias.index[:, None]], axis=1))
    return wide if wide.steps is not None and wide.distinct else None


def _varying(plan: Plan) -> list[Place]:
    every = [*plan.outputs, *(place for i in plan.instructions for place in (i.out, *i.operands))]
    return [place for place in every if isinstance(place, Place) and place.varies]


def _spans(place: Place, row: int) -> bool:
    """Whether a row of ones after ``row`` would break what can now be seen without a copy."""
    return place.index.min() <= row < place.index.max() and place.steps is not None


class _Moved:
    def __init__(self, plan: Plan, after: Sequence[int], layers: dict[Product, Place]) -> None:
        self.old, self.layers = plan, layers
        self.moved = np.arange(plan.rows) + np.searchsorted(after, np.arange(plan.rows))
        self.ones = [row + i + 1 for i, row in enumerate(after)]

    def plan(self) -> Plan:
        old = self.old
        return replace(
            old,
            rows=old.rows + len(self.ones),
            ones=self.ones,
            instructions=[self._forward(instruction) for instruction in old.instructions],
            outputs=[self._place(output) for output in old.outputs],
            pullbacks=[moved for step in old.pullbacks for moved in self._backward(step)],
        )

    def _place(self, place: Place) -> Place:
        return Place(True, self.moved[place.index]) if place.varies else place

    @functools.cache  # noqa: B019 (it goes with the plan): forwards and backwards the same instruction
    def _instruction(self, old: Instruction) -> Instruction:
        out = self._place(old.out)
        if isinstance(old, Product):
            return Product(out, self._place(old.left), self._place(old.right), old.bias)
        operands = [self._place(x) if isinstance(x, Place) else x for x in old.operands]
        return replace(old, out=out, operands=tuple(operands))

    def _forward(self, old: Instruction) -> Instruction:
        moved = self._instruction(old)
        if old not in self.layers:
            return moved
        assert isinstance(moved, Product)
        right = moved.right.index
        return Product(moved.out, self.layers[old], Place(True, np.append(right, right[:, -1:] + 1, axis=1)))

    def _backward(self, step: Backward) -> list[Backward]:
        if isinstance(step, Clear):
            return [Clear(self._place(step.place))]
        moved = [Contribution(c.operand, self._place(c.target), c.sets) for c in step.contributions]
        of_weights = [c for c in moved if c.operand != 1]
        found: list[Backward] = []
        if step.of in self.layers and len(of_weights) == 2 and of_weights[0].sets == of_weights[1].sets:
            both = Contribution(0, self.layers[step.of], of_weights[0].sets)
            found.append(Pullback(self._forward(step.of), (both,)))
            moved = [c for c in moved if c.operand == 1]
        return [*found, *([Pullback(self._instruction(step.of), tuple(moved))] if moved else [])]
