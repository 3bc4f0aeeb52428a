"""Running a Program's instructions by NumPy: bound once to memory for so many examples, then a list of calls.

Every call writes into a buffer that was allocated before. None of this knows a derivative: the rows' partials come as
expressions of NumPy's functions.
"""

# NumPy's functions take whatever arrays there are, which has no one type.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false

from __future__ import annotations

import functools
import itertools
import math
from collections import Counter
from collections.abc import Callable, Container, Sequence
from typing import Any

import numpy as np

from autodiff.program.biases import with_ones
from autodiff.program.by_element import guarded, in_domain, write_partials, write_values
from autodiff.program.expressions import CHOICE, CONDITIONS, REDUCTIONS, CannotBeWrittenError, Recipe, recipe
from autodiff.program.instructions import (
    Backward,
    Clear,
    Contribution,
    Elementwise,
    Instruction,
    Place,
    Plan,
    Product,
    Pullback,
    Reduction,
)
from autodiff.program.matmul import as_matmul

Array = np.ndarray[Any, np.dtype[Any]]
Call = Callable[[], Any]


class Memory:
    """The two memories and their gradients, for ``n`` examples.

    ``each`` : keep the gradients of what does not vary example by example, and not their sum
    """

    def __init__(self, plan: Plan, n: int, each: bool, dtype: Any) -> None:
        rows, columns = plan.rows, len(plan.column)
        self.n, self.each, self.dtype = n, each, np.dtype(dtype)
        self.values = {True: np.zeros((rows, n), dtype), False: np.array(plan.column, dtype).reshape(-1, 1)}
        self.values[True][plan.ones] = 1.0
        self.gradients = {True: np.zeros((rows, n), dtype), False: np.zeros((columns, n if each else 1), dtype)}

    def read(self, place: Place) -> Array:
        return self.values[place.varies][place.index]

    def operand(self, x: Place | float) -> Array | float:
        return self.read(x) if isinstance(x, Place) else x


class Runner:
    """A plan bound to a memory for ``n`` examples."""

    def __init__(self, plan: Plan, n: int, each: bool, dtype: Any) -> None:
        self.plan, self.n = plan, n
        plan = with_ones(plan)
        self.memory = Memory(plan, n, each, dtype)
        self._inputs, self._outputs = _runs(np.delete(np.arange(plan.rows), plan.ones)[: plan.inputs]), plan.outputs
        forward, backward = Binding(self.memory), Binding(self.memory)
        pullbacks = [step for step in plan.pullbacks if isinstance(step, Pullback)]
        wanted = {step.of: [to.operand for to in step.contributions] for step in pullbacks}
        for instruction in plan.instructions:
            forward.forward(instruction, wanted.get(instruction, ()))
        backward.kept = forward.kept
        for step in plan.pullbacks:
            backward.backward(step)
        self._forward, self._backward = forward.calls, backward.calls
        self._guarded = guarded(plan)

    def forward(self, theta: Array, rows: Array) -> bool:
        """Compute everything for the rows of X; whether all of it is finite, and users' rows are in their domains."""
        memory, columns = self.memory, rows.T
        with np.errstate(all="ignore"):  # what is not finite is found afterwards
            memory.values[False][: self.plan.parameters, 0] = theta
            for where, columns_there in self._inputs:
                memory.values[True][where] = columns[columns_there]
            for call in self._forward:
                call()
            finite = all_finite(memory.values[True]) and all_finite(memory.values[False])
            return finite and all(in_domain(i.op, [memory.operand(x) for x in i.operands]) for i in self._guarded)

    def backward(self, seeds: Array) -> Array:
        """Σ seed·∂output/∂θ, or with ``each`` that of each example, in a column of its own."""
        output = self._outputs[0]
        gradients = self.memory.gradients[output.varies]
        gradients[output.first] = seeds if gradients.shape[1] == self.n else seeds.sum()
        with np.errstate(all="ignore"):
            for call in self._backward:
                call()
        found = self.memory.gradients[False][: self.plan.parameters]
        return found if self.memory.each else found[:, 0]

    def outputs(self) -> Array:
        """(N, outputs)"""
        found = np.empty((self.n, len(self._outputs)), self.memory.dtype)
        for j, output in enumerate(self._outputs):
            found[:, j] = self.memory.values[output.varies][output.first]
        return found


def all_finite(array: Array) -> bool:
    """By the sum of squares, which is quick; it may be infinite where no number is."""
    flat = array.reshape(-1)
    return math.isfinite(np.dot(flat, flat)) or bool(np.isfinite(flat).all())


def _runs(rows: Array) -> list[tuple[slice, slice]]:
    """The same rows as slices, and of what they come from."""
    ends = [*(np.flatnonzero(np.diff(rows) != 1) + 1), len(rows)]
    return [(slice(rows[i], rows[j - 1] + 1), slice(i, j)) for i, j in itertools.pairwise([0, *ends]) if i < j]


class Binding:
    """Calls for instructions on a memory, in their order; what they need in between is theirs."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.kept: dict[Instruction, dict[int, Any]] = {}  # steps of recipes that are needed backwards too
        self.calls: list[Call] = []
        self._free: dict[Any, list[Array]] = {}
        self._taken: dict[int, tuple[Array, Array]] = {}

    # Buffers: one that an instruction is done with is taken again by the next.

    def buffer(self, shape: tuple[int, ...], dtype: Any = None) -> Array:
        """An array until the instruction ends, or it is given back."""
        dtype = np.dtype(dtype or self.memory.dtype)
        size = math.prod(shape)
        free = self._free.setdefault(dtype, [])
        fitting = [i for i, kept in enumerate(free) if kept.size >= size]
        kept = free.pop(min(fitting, key=lambda i: free[i].size)) if fitting else np.empty(size, dtype)
        found = kept[:size].reshape(shape)
        self._taken[id(found)] = kept, found
        return found

    def give_back(self, array: Array) -> None:
        kept, _ = self._taken.pop(id(array))
        self._free[kept.dtype].append(kept)

    def _release(self) -> None:
        for _, array in list(self._taken.values()):
            self.give_back(array)

    def call(self, function: Callable[..., Any], *args: Any) -> None:
        self.calls.append(functools.partial(function, *args))

    # Reading and writing places.

    def read(self, place: Place, gradients: bool = False) -> Array:
        """What is there, its columns along the last axis: seen in the memory, or copied."""
        memory = (self.memory.gradients if gradients else self.memory.values)[place.varies]
        seen = _seen(memory, place)
        if seen is not None:
            return seen
        copy = self.buffer((*place.shape, memory.shape[1]))
        self.call(np.take, memory, place.index, 0, copy, "clip")
        return copy

    def deliver(self, to: Contribution, shape: tuple[int, ...], write: Callable[[Array], None]) -> None:
        """Let ``write`` put a gradient of ``shape`` (with columns) into an array, and bring it to its place."""
        place = to.target
        memory = self.memory.gradients[place.varies]
        seen = _seen(memory, place) if place.distinct else None
        if seen is not None and to.sets and shape == seen.shape:
            write(seen)
            return
        amount = self.buffer(shape)
        write(amount)
        columns = memory.shape[1]
        if shape[-1] != columns:  # the sum over the examples
            total = self.buffer((*shape[:-1], 1))
            self.call(np.add.reduce, amount, -1, None, total, True)
            amount = total
        if seen is not None:
            self.call(np.copyto, seen, amount) if to.sets else self.call(np.add, seen, amount, seen)
            return
        index = place.index.ravel()
        amount = amount.reshape(-1, columns)
        if not place.distinct:
            order = np.argsort(index, kind="stable")
            index, starts = np.unique(index[order], return_index=True)
            if index.size == 1:
                total = self.buffer((1, columns))
                self.call(np.add.reduce, amount, 0, None, total, True)
            else:
                ordered, total = self.buffer(amount.shape), self.buffer((index.size, columns))
                self.call(np.take, amount, order, 0, ordered, "clip")
                self.call(np.add.reduceat, ordered, starts, 0, None, total)
            amount = total
        where: Any = index
        if np.all(np.diff(index) == 1):
            where = slice(index[0], index[-1] + 1)
        self.call(_set_rows if to.sets else _add_to_rows, memory, where, amount)

    # Instructions forwards.

    def forward(self, instruction: Instruction, partials: Sequence[int] = ()) -> None:
        """``partials`` : the operands whose local derivatives will be needed."""
        if isinstance(instruction, Product):
            self._product(instruction)
        else:
            out = self.read(instruction.out)
            operands = [self.read(x) if isinstance(x, Place) else x for x in instruction.operands]
            try:
                written = recipe(instruction.op, _numbers(operands))
            except CannotBeWrittenError:
                self.call(write_values, instruction.op, operands, out)
            else:
                keep = self._read_again(written, [written.partials[i] for i in partials])
                found = self._follow(written, [written.value], operands, {}, out, keep)
                self.kept[instruction] = {i: x for i, x in found.items() if i in keep}
        self._release()

    def _read_again(self, written: Recipe, wanted: Sequence[int]) -> set[int]:
        """The steps of the value, but for itself, that are read where the derivatives ``wanted`` are computed.

        No operands, of which a copy is another's by then.
        """
        of_value = written.needed_for([written.value])
        again = {a for i in self._missing(written, wanted, of_value) for a in written.arguments(i)}
        return {i for i in again.union(wanted).intersection(of_value) if written.arguments(i) and i != written.value}

    def _product(self, product: Product) -> None:
        left, right = self.read(product.left), self.read(product.right)
        out = self.read(product.out)
        self._multiply("kmn,lmn->lkn", left, right, out)
        if product.bias is not None:
            self.call(np.add, out, self.read(product.bias), out)

    def _multiply(self, how: str, a: Array, b: Array, out: Array) -> None:
        """Σ over the index that ``out`` lacks, by matrix products where that is what it is."""
        call = as_matmul(how, a, b, out, self.buffer)
        if call is not None:
            self.calls.extend(call)
            return
        columns = max(a.shape[-1], b.shape[-1])
        wide = [np.broadcast_to(x, (*x.shape[:-1], columns)) for x in (a, b)]
        self.call(functools.partial(np.einsum, how, *wide, out=out))

    def _sum_products(self, how: str, a: Array, b: Array, out: Array) -> None:
        self._multiply(how, a, b, out[..., 0])

    # Instructions backwards.

    def backward(self, step: Backward) -> None:
        if isinstance(step, Clear):
            self.call(_set_rows, self.memory.gradients[step.place.varies], step.place.index, 0.0)
        elif isinstance(step.of, Product):
            self._pull_back_product(step.of, step.contributions)
        else:
            self._pull_back(step.of, step.contributions)
        self._release()

    def _pull_back_product(self, product: Product, contributions: Sequence[Contribution]) -> None:
        grad = self.read(product.out, gradients=True)
        for to in contributions:
            if to.operand == 2:
                self._sum_bias(to, grad)
            elif to.operand == 0:
                self._sum_side(to, "lkn,lmn->kmn", grad, self.read(product.right))
            else:
                self._sum_side(to, "lkn,kmn->lmn", grad, self.read(product.left))

    def _sum_side(self, to: Contribution, how: str, grad: Array, other: Array) -> None:
        columns = grad.shape[-1]
        if columns > 1 and not to.target.varies and not self.memory.each:
            write = functools.partial(self._sum_products, how[:-1], grad, other)
            self.deliver(to, (*to.target.shape, 1), write)
        else:
            self.deliver(to, (*to.target.shape, columns), functools.partial(self._multiply, how, grad, other))

    def _sum_bias(self, to: Contribution, grad: Array) -> None:
        _, k, n = grad.shape
        if self.memory.each:
            self.deliver(to, (k, n), lambda out: self.call(np.add.reduce, grad, 0, None, out))
        else:
            self.deliver(to, (k, 1), lambda out: self.call(np.add.reduce, grad, (0, 2), None, out[..., 0]))

    def _pull_back(self, of: Elementwise | Reduction, contributions: Sequence[Contribution]) -> None:
        grad, out = self.read(of.out, gradients=True), self.read(of.out)
        operands = [self.read(x) if isinstance(x, Place) else x for x in of.operands]
        try:
            written = recipe(of.op, _numbers(operands))
        except CannotBeWrittenError:
            partials = [self._partial_by_element(of, to, operands, out) for to in contributions]
        else:
            known = {**self.kept[of], written.value: out}
            wanted = [written.partials[to.operand] for to in contributions]
            found = self._follow(written, wanted, operands, known)
            partials = [found[i] for i in wanted]
        for to, partial in zip(contributions, partials, strict=True):
            shape = np.broadcast_shapes((*to.target.shape, 1), grad.shape)
            self.deliver(to, shape, functools.partial(self._times, grad, partial))

    def _times(self, grad: Array, partial: Array | float, out: Array) -> None:
        if isinstance(partial, float) and abs(partial) == 1.0:
            self.call(np.copyto if partial > 0.0 else _negate, out, grad)
        else:
            self.call(np.multiply, grad, partial, out)

    def _partial_by_element(
        self, of: Elementwise | Reduction, to: Contribution, operands: Sequence[Array | float], out: Array
    ) -> Array:
        partials = self.buffer(np.broadcast_shapes((*to.target.shape, 1), out.shape))
        self.call(write_partials, of.op, to.operand, operands, out, partials)
        return partials

    # Recipes.

    def _follow(
        self,
        written: Recipe,
        wanted: Sequence[int],
        operands: Sequence[Array | float],
        found: dict[int, Any],
        out: Array | None = None,
        keep: Container[int] = (),
    ) -> dict[int, Any]:
        """Calls for the steps that ``wanted`` needs and that are not ``found`` yet; those and their arrays.

        The first wanted is put into ``out``. What ``keep`` has stays beyond this instruction; another buffer is given
        back after its last use, or becomes that of the step which read it.
        """
        steps = self._missing(written, wanted, found)
        uses = Counter(a for i in steps for a in written.arguments(i))
        uses.update(wanted)
        ours: set[int] = set()
        for i in steps:
            name, *args = written.steps[i]
            if name in ("operand", "number"):
                found[i] = operands[args[0]] if name == "operand" else args[0]
                continue
            arrays = [found[a] for a in args]
            into = out if i == wanted[0] else None
            done = [a for a in dict.fromkeys(args) if a in ours and uses[a] == args.count(a)]
            if i in keep:
                into = np.empty(_shape(name, arrays), bool if name in CONDITIONS else self.memory.dtype)
            elif into is None:
                into = self._in_place(name, arrays, [found[a] for a in done])
                ours.add(i)
            self._apply(name, arrays, into)
            found[i] = into
            uses.subtract(args)
            for a in done:
                if found[a] is not found[i]:
                    self.give_back(found[a])
        if out is not None and found[wanted[0]] is not out:
            self.call(np.copyto, out, found[wanted[0]])
        return found

    def _missing(self, written: Recipe, wanted: Sequence[int], known: Container[int]) -> list[int]:
        """The steps to be computed, in order."""
        missing: set[int] = set()
        stack = [i for i in wanted if i not in known]
        while stack:
            i = stack.pop()
            if i not in missing:
                missing.add(i)
                stack += [a for a in written.arguments(i) if a not in known]
        return sorted(missing)

    def _in_place(self, name: str, args: list[Any], done: list[Array]) -> Array:
        """The buffer of an argument that nobody else reads, where it fits, or another."""
        shape = _shape(name, args)
        if name not in CONDITIONS and name != CHOICE:
            for array in done:
                if array.shape == shape and array.dtype == self.memory.dtype:
                    return array
        return self.buffer(shape, bool if name in CONDITIONS else None)

    def _apply(self, name: str, args: list[Any], out: Array) -> None:
        if name in REDUCTIONS:
            self.call((np.add if name == "total" else np.maximum).reduce, args[0], 0, None, out)
        elif name == CHOICE:
            self.call(_choose, *args, out)
        else:
            self.calls.append(functools.partial(_function(name), *args, out=out))


def _shape(name: str, args: list[Any]) -> tuple[int, ...]:
    shape = np.broadcast_shapes(*(np.shape(x) for x in args))
    return shape[1:] if name in REDUCTIONS else shape


def _numbers(operands: Sequence[Array | float]) -> tuple[float | None, ...]:
    return tuple(x if isinstance(x, float) else None for x in operands)


def _negate(out: Array, x: Array) -> None:
    np.negative(x, out)


@functools.cache
def _function(name: str) -> Callable[..., Any]:
    if name not in ("erf", "erfc"):
        return getattr(np, name)
    try:
        import scipy.special  # pyright: ignore[reportMissingTypeStubs]

        return getattr(scipy.special, name)
    except ImportError:
        by_element = np.vectorize(getattr(math, name), otypes=[float])
        return lambda x, out: np.copyto(out, by_element(x))


def _seen(memory: Array, place: Place) -> Array | None:
    steps = place.steps
    if steps is None:
        return None
    row, column = memory.strides
    start = memory[place.first :]
    strides = (*(step * row for step in steps), column)
    return np.lib.stride_tricks.as_strided(start, (*place.shape, memory.shape[1]), strides)


def _set_rows(memory: Array, where: Any, amount: Any) -> None:
    memory[where] = amount


def _add_to_rows(memory: Array, where: Any, amount: Array) -> None:
    memory[where] += amount


def _choose(condition: Any, special: Any, general: Any, out: Array) -> None:
    np.copyto(out, general)
    np.copyto(out, special, where=condition)
