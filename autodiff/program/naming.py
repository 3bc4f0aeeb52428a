"""Names for what a plan computes, as a textbook gives them: z₁ = W₁ x + b₁, a₁ = tanh(z₁), and the operands by them.

A name is a block: scalars that lie side by side in one of the two memories. Parameters and inputs have theirs from
labels ("W1[2,3]" is in W1), where they have such; results are named by what made them.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from autodiff.program.instructions import Elementwise, Indices, Instruction, Place, Plan, Product

_NUMBER = re.compile(r"^[^\d\[]*\[?([0-9]+)\]?$")  # of one index alone
_INDEX = re.compile(r"\[[^\[\]]*\]$|\d+$")


@dataclass(frozen=True, eq=False)
class Block:
    """Scalars under one name: ``index`` says where they are, in the shape that they are read in.

    ``numbers`` : of each in its label, w[2] and w[3]; counted from 1 where labels have none
    """

    name: str
    varies: bool
    index: Indices
    numbers: Sequence[int] = ()

    @property
    def size(self) -> int:
        return self.index.size


class Names:
    """The blocks of a plan, and how a place is written by them.

    ``labels`` : of inputs and parameters, by their number (inputs first)
    """

    def __init__(self, plan: Plan, labels: Mapping[int, str]) -> None:
        self.plan = plan
        self._taken: set[str] = set()
        self._stems = Counter(map(_stem, labels.values()))
        self.inputs = self._labelled(True, [labels.get(i, "") for i in range(plan.inputs)], "x")
        parameters = [labels.get(plan.inputs + i, "") for i in range(plan.parameters)]
        self.weights = self._weights(parameters)
        self.results = self._results()
        self._owner = {True: np.full(plan.rows, -1), False: np.full(len(plan.column), -1)}
        self.blocks = [*self.inputs, *self.weights, *self.results.values()]
        for i, block in enumerate(self.blocks):
            self._owner[block.varies][block.index] = i
        constants = range(plan.parameters, len(plan.column))
        self._numbers = {i: plan.column[i] for i in constants if self._owner[False][i] < 0}

    def _name(self, wanted: str) -> str:
        """The name, or where it is taken the next that is not: w, w2, w3."""
        numbered = (f"{wanted}{i}" for i in itertools.count(2))
        name = next(name for name in itertools.chain([wanted], numbered) if name not in self._taken)
        self._taken.add(name)
        return name

    def _labelled(self, varies: bool, labels: Sequence[str], otherwise: str) -> list[Block]:
        """Neighbours whose labels differ in their index only are one block."""
        stems = [_stem(label) or otherwise for label in labels]
        blocks: list[Block] = []
        for stem, group in itertools.groupby(enumerate(stems), key=lambda pair: pair[1]):
            places = [i for i, _ in group]
            name = stem if len(places) > 1 or self._stems[stem] == 1 else labels[places[0]] or stem
            numbers = _numbers([labels[i] for i in places])
            blocks.append(Block(self._name(name), varies, np.array(places, dtype=np.intp), numbers))
        return blocks

    def _weights(self, labels: Sequence[str]) -> list[Block]:
        """The parameters as the products take them, W and b; what no product takes by its label."""
        blocks: list[Block] = []
        left = np.ones(len(labels), dtype=bool)
        number = 0
        for instruction in self.plan.instructions:
            if not (isinstance(instruction, Product) and instruction.is_layer):
                continue
            number += 1
            for place, otherwise in ((instruction.left, f"W{number}"), (instruction.bias, f"b{number}")):
                if place is not None and self._is_matrix(place, left):
                    left[place.index] = False
                    stems = {_stem(labels[int(i)]) for i in place.index.flat}
                    stem = stems.pop() if len(stems) == 1 else ""
                    if place.index.size == 1 and len(stem) == 1:
                        stem = labels[place.first]
                    blocks.append(Block(self._name(stem if len(stem) > 1 else otherwise), False, place.index))
        rest = np.flatnonzero(left)
        for block in self._labelled(False, [labels[int(i)] for i in rest], "w"):
            blocks.append(replace(block, index=rest[block.index]))
        return blocks

    def _is_matrix(self, place: Place, left: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> bool:
        """Whether the scalars there are parameters, each once, at even distances, and in no other matrix."""
        if not place.distinct or place.steps is None or place.index.max() >= left.size:
            return False
        return bool(left[place.index].all())

    def _results(self) -> dict[Instruction, Block]:
        found: dict[Instruction, Block] = {}
        pre_activations: dict[int, str] = {}
        number = other = 0
        last = self.plan.outputs[0] if len(self.plan.outputs) == 1 else None
        for instruction in self.plan.instructions:
            out = instruction.out
            wanted = ""
            if isinstance(instruction, Product) and instruction.is_layer:
                number += 1
                wanted = f"z{number}"
                pre_activations[out.first] = f"a{number}"
            elif isinstance(instruction, Elementwise) and isinstance(instruction.operands[0], Place):
                x = instruction.operands[0]
                if not any(isinstance(y, Place) for y in instruction.operands[1:]):
                    wanted = pre_activations.get(x.first, "") if x.varies == out.varies else ""
            if not wanted and last is not None and last.varies == out.varies and last.first in out.index:
                wanted = "L"
            if not wanted:
                other += 1
                wanted = f"v{other}"
            found[instruction] = Block(self._name(wanted), out.varies, out.index)
        return found

    # Writing a place.

    def whole(self, place: Place) -> Block | None:
        """The block that a place is, all of it and in its order."""
        owner = int(self._owner[place.varies][place.first])
        if owner < 0:
            return None
        block = self.blocks[owner]
        return block if np.array_equal(block.index.ravel(), place.index.ravel()) else None

    def number(self, place: Place) -> float | None:
        """The constant that a place holds throughout."""
        found = [self._numbers.get(int(i)) if not place.varies else None for i in place.index.flat]
        return found[0] if len(set(map(repr, found))) == 1 else None  # which tells −0 from 0

    def written(self, place: Place) -> str:
        """A place in words: a name, a part of one, several, or what is picked together."""
        block = self.whole(place)
        if block is not None:
            return block.name
        number = self.number(place)
        if number is not None:
            return f"{number:.12g}"
        owners = self._owner[place.varies][place.index.ravel()]
        if (owners == owners[0]).all() and owners[0] >= 0:
            block = self.blocks[int(owners[0])]
            if block.size == 1:  # the same for each
                return block.name
            return f"{block.name}[{_part(place, block)}]"
        if place.index.size <= 3:
            single = [Place(place.varies, np.array([i], dtype=np.intp)) for i in place.index.flat]
            return f"({', '.join(self.written(one) for one in single)})"
        names = dict.fromkeys(self.blocks[int(i)].name if i >= 0 else "numbers" for i in owners)
        listed = ", ".join(itertools.islice(names, 3)) + (", …" if len(names) > 3 else "")
        return f"({listed})[…]"


def _stem(label: str) -> str:
    """W1 of W1[2,3], w of w2."""
    return _INDEX.sub("", label)


def _numbers(labels: Sequence[str]) -> list[int]:
    """2 of w[2] and of w2, where all have one."""
    found = [_NUMBER.search(label) for label in labels]
    return [int(match[1]) for match in found if match] if all(found) else []


def _part(place: Place, block: Block) -> str:
    """Which of a block's scalars."""
    numbers = block.numbers or range(1, block.size + 1)
    where = dict(zip(block.index.ravel().tolist(), numbers, strict=True))
    picked = [where[i] for i in place.index.ravel().tolist()]
    if len(picked) == 1:
        return str(picked[0])
    if picked == list(range(picked[0], picked[-1] + 1)):
        return f"{picked[0]}…{picked[-1]}"
    return "…" if len(picked) > 4 else ",".join(map(str, picked))
