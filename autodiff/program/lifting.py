"""The pass that finds the matrices: operations that can be computed together become one instruction on arrays.

    tanh(z₁), tanh(z₂), tanh(z₃)                       →   a = tanh(z)
    dot(w₁₁ w₁₂ b₁, x₁ x₂ 1), dot(w₂₁ w₂₂ b₂, x₁ x₂ 1) →   z = W @ x + b

Together are computed: operations of one row of the table, which need equally many steps before them, on operands of one
kind. Their results lie side by side, in the order of their operands; so the operands of the next layer do too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from autodiff.op import Op
from autodiff.ops import ADD, DOT, MUL
from autodiff.program.instructions import Elementwise, Instruction, Operand, Place, Product, Reduction
from autodiff.program.trace import Trace


@dataclass(frozen=True)
class Lifted:
    """What `Plan` says of the same names."""

    instructions: list[Instruction]
    rows: int
    column: list[float]
    outputs: list[Place]


def lift(trace: Trace, together: bool) -> Lifted:
    """Instructions for a trace. ``together`` False: one for each node, in topological order."""
    return _Lifting(trace, together).run()


class _Lifting:
    def __init__(self, trace: Trace, together: bool) -> None:
        self.trace, self.together = trace, together
        self.varies = trace.depends_on(range(trace.inputs))
        self.slots = [0] * len(trace)
        self.column = [0.0] * trace.parameters
        for i in range(trace.inputs):
            self.slots[i] = i
        for i in range(trace.parameters):
            self.slots[trace.inputs + i] = i
        for node, number in trace.constants.items():
            self.slots[node] = len(self.column)
            self.column.append(number)
        self.rows = trace.inputs
        self.instructions: list[Instruction] = []
        self.spread: dict[int, int] = {}  # of a node that does not vary, the one that repeats it for every example
        self.zero: int | None = None

    def run(self) -> Lifted:
        for level in self._levels():
            self._lift_level(level)
        outputs = [self._place([output]) for output in self.trace.outputs]
        return Lifted(self.instructions, self.rows, self.column, outputs)

    def _levels(self) -> list[list[int]]:
        """The operations by how many steps they need before them, first those that do not vary; or one by one."""
        trace = self.trace
        if not self.together:
            return [[node] for node, args in enumerate(trace.args) if args]
        level = [0] * len(trace)
        levels: tuple[dict[int, list[int]], dict[int, list[int]]] = (defaultdict(list), defaultdict(list))
        for node, args in enumerate(trace.args):
            if args:
                level[node] = 1 + max([level[a] for a in args])
                levels[self.varies[node]][level[node]].append(node)
        return [found[i] for found in levels for i in sorted(found)]

    def _lift_level(self, nodes: list[int]) -> None:
        groups: dict[tuple[Op, tuple[str, ...] | int], list[int]] = defaultdict(list)
        for node in nodes:
            op = self.trace.ops[node]
            assert op is not None
            args = self.trace.args[node]
            groups[op, len(args) if op.n_ary else self._kinds(args)].append(node)
        dots = [node for (op, _), group in groups.items() if op is DOT for node in group]
        if dots:
            self._lift_dots(dots)
        for (op, _), group in groups.items():
            if op.n_ary:
                if op is not DOT:
                    self._lift_reductions(op, group)
            else:
                self._lift_elementwise(op, group)

    def _kinds(self, args: Iterable[int]) -> tuple[str, ...]:
        varies, constants = self.varies, self.trace.constants
        return tuple(["varies" if varies[a] else "constant" if a in constants else "fixed" for a in args])

    def _lift_elementwise(self, op: Op, nodes: list[int]) -> None:
        slots, args = self.slots, self.trace.args
        kinds = self._kinds(args[nodes[0]])
        # By the slots of the operands: what varies most counts first, and a constant not at all.
        rank = sorted(range(len(kinds)), key=lambda i: ("varies", "fixed", "constant").index(kinds[i]))
        nodes.sort(key=lambda node: [slots[args[node][i]] for i in rank])
        operands = [self._operand([args[node][i] for node in nodes]) for i in range(len(kinds))]
        self.instructions.append(Elementwise(op, self._results(nodes), tuple(operands)))

    def _operand(self, nodes: Sequence[int]) -> Operand:
        number = self.trace.constants.get(nodes[0])
        if number is not None and len(set(nodes)) == 1:
            return number
        return self._place(nodes)

    def _place(self, nodes: Sequence[int], shape: tuple[int, ...] = (-1,)) -> Place:
        slots = self.slots
        return Place(self.varies[nodes[0]], np.array([slots[a] for a in nodes], dtype=np.intp).reshape(shape))

    def _results(self, nodes: Sequence[int], shape: tuple[int, ...] = (-1,)) -> Place:
        """New places, side by side."""
        if self.varies[nodes[0]]:
            first, self.rows = self.rows, self.rows + len(nodes)
        else:
            first = len(self.column)
            self.column += [0.0] * len(nodes)
        for i, node in enumerate(nodes):
            self.slots[node] = first + i
        return self._place(nodes, shape)

    def _lift_reductions(self, op: Op, nodes: list[int]) -> None:
        args, vectors = self.trace.args, len(op.vectors)
        m = len(args[nodes[0]]) // vectors
        nodes.sort(key=lambda node: [self.slots[a] for a in args[node]])
        operands: list[Place] = []
        for v in range(vectors):
            listed = [args[node][v * m + i] for i in range(m) for node in nodes]
            operands.append(self._vector(listed, (m, len(nodes))))
        self.instructions.append(Reduction(op, self._results(nodes), tuple(operands)))

    def _vector(self, nodes: list[int], shape: tuple[int, ...]) -> Place:
        kinds = {self.varies[a] for a in nodes}
        if len(kinds) > 1:
            nodes = self._all_varying(nodes)
        return self._place(nodes, shape)

    def _all_varying(self, nodes: list[int]) -> list[int]:
        """The same, each of those that do not vary, which stand in the other memory, as a row of its own: 1·w."""
        fixed = [a for a in dict.fromkeys(nodes) if not self.varies[a] and a not in self.spread]
        for a in fixed:
            self.spread[a] = self._new_node(varies=True)
        if fixed:
            operand = self._place(fixed)
            out = self._results([self.spread[a] for a in fixed])
            self.instructions.append(Elementwise(MUL, out, (operand, 1.0)))
        return [a if self.varies[a] else self.spread[a] for a in nodes]

    def _new_node(self, varies: bool) -> int:
        self.slots.append(0)
        self.varies.append(varies)
        return len(self.slots) - 1

    def _zero(self) -> int:
        if self.zero is None:
            self.zero = self._new_node(varies=False)
            self.slots[self.zero] = len(self.column)
            self.column.append(0.0)
        return self.zero

    def _lift_dots(self, nodes: list[int]) -> None:
        """Dots that share lists of operands are matrix products; of the others, those of one length one reduction."""
        lefts: dict[tuple[tuple[int, ...], int | None], int] = {}
        rights: dict[tuple[int, ...], int] = {}
        cells: dict[int, dict[int, int]] = defaultdict(dict)  # by the right list, then the left one: the node
        for node in nodes:
            left, right, bias = self._lists(self.trace.args[node])
            cells[rights.setdefault(right, len(rights))][lefts.setdefault((left, bias), len(lefts))] = node
        grids: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for right, found in cells.items():
            grids[tuple(sorted(found))].append(right)
        left_lists, right_lists = list(lefts), list(rights)
        single: dict[tuple[int, bool, bool, bool], list[int]] = defaultdict(list)
        for i_s, j_s in grids.items():
            left, bias = left_lists[i_s[0]]
            if len(i_s) == len(j_s) == 1:
                right = right_lists[j_s[0]]
                kinds = self._any_varies(left), self._any_varies(right), bias is None
                single[len(left), *kinds].append(cells[j_s[0]][i_s[0]])
                continue
            rows = sorted(i_s, key=lambda i: self._slots_of(left_lists[i][0]))
            columns = sorted(j_s, key=lambda j: self._slots_of(right_lists[j]))
            self._lift_product([left_lists[i] for i in rows], [right_lists[j] for j in columns],
                               [cells[j][i] for j in columns for i in rows])  # fmt: skip
        for group in single.values():
            if len(group) == 1:
                left, right, bias = self._lists(self.trace.args[group[0]])
                self._lift_product([(left, bias)], [right], group)
            else:
                self._lift_separate_dots(group)

    def _lift_separate_dots(self, nodes: list[int]) -> None:
        """Dots of one length that share no list, w₁·x₁ + b₁ and w₂·x₂ + b₂: products by element, sums, biases."""
        nodes.sort(key=lambda node: self._slots_of(self._lists(self.trace.args[node])[1]))
        lefts, rights, all_biases = zip(*[self._lists(self.trace.args[node]) for node in nodes], strict=True)
        m = len(lefts[0])
        sides = [[row[i] for i in range(m) for row in rows] for rows in (lefts, rights)]
        operands = tuple(self._vector(side, (m, len(nodes))) for side in sides)
        biases = [bias for bias in all_biases if bias is not None]
        if m == 1:
            flat = tuple(Place(x.varies, x.index[0]) for x in operands)
            self.instructions.append(Elementwise(MUL, self._results(nodes), flat))
        else:
            self.instructions.append(Reduction(DOT, self._results(nodes), operands))
        if biases:
            terms = self._place(nodes), self._place(biases)  # where the sums without biases are
            self.instructions.append(Elementwise(ADD, self._results(nodes), terms))

    def _any_varies(self, nodes: Iterable[int]) -> bool:
        return any([self.varies[a] for a in nodes])

    def _slots_of(self, nodes: Iterable[int]) -> list[int]:
        return [self.slots[a] for a in nodes]

    def _lists(self, args: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...], int | None]:
        """The two lists of a dot, and its bias: what is multiplied by 1 at the end, and does not vary."""
        half = len(args) // 2
        left, right = args[:half], args[half:]
        if half > 1 and self.trace.constants.get(right[-1]) == 1.0 and not self.varies[left[-1]]:
            return left[:-1], right[:-1], left[-1]
        return left, right, None

    def _lift_product(
        self, lefts: list[tuple[tuple[int, ...], int | None]], rights: list[tuple[int, ...]], nodes: list[int]
    ) -> None:
        k, m = len(lefts), len(rights[0])
        left = self._vector([a for row, _ in lefts for a in row], (k, m))
        right = self._vector([a for row in rights for a in row], (len(rights), m))
        biases = [bias for _, bias in lefts]
        bias = None
        if any(b is not None for b in biases):
            bias = self._place([self._zero() if b is None else b for b in biases])
        self.instructions.append(Product(self._results(nodes, (len(rights), k)), left, right, bias))
