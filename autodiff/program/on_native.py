"""Running a Program's instructions in C: a flat tape of numbers and indices over the generated rows.

Here a plan is written down as the arrays that `autodiff/native/tape.h` runs; what an operation computes, and its local
derivatives, are the rows' own C. The tape is an extension of its own, built where a C compiler serves, whatever engine
does. It is for graphs without matrices, and for one or a few examples: it has no calls to pay for, and no BLAS.
"""

# NumPy's functions take whatever arrays there are, which has no one type.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import functools
import importlib
import weakref
from typing import Any

import numpy as np

from autodiff.errors import CompileError
from autodiff.program.instructions import (
    Elementwise,
    Instruction,
    Place,
    Plan,
    Product,
    Pullback,
    Reduction,
)

Array = np.ndarray[Any, np.dtype[Any]]

STEP = np.dtype(
    [("what", "u2"), ("varies", "u1"), ("wanted", "u1"), ("count", "i4"), ("out", "i4"), ("operands", "i4")]
)
_RESULT = 1 << 7  # of `varies`; the others, as those of `wanted`, are of the operands


@functools.cache
def extension() -> Any:
    """The tape in C. Raises CompileError where it was not built."""
    try:
        return importlib.import_module("autodiff.native.tape")
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError)
        reason = "it was not built" if missing else f"it cannot be loaded ({error})"
        raise CompileError(
            f"the native backend is not at hand, for {reason}: install autodiff with a C compiler at hand (pip install "
            f"--force-reinstall .), or take backend='numpy'"
        ) from error


class Runner:
    """A plan's tape bound to memory for ``n`` examples: 8 bytes a slot and example for values, and for the gradients
    of at most 8 examples at once as many.

    Raises CompileError for a user's row, which has no C, for float32, and where the extension was not built.
    """

    def __init__(self, plan: Plan, n: int, each: bool = False, dtype: Any = "float64") -> None:
        if np.dtype(dtype) != np.float64:
            raise CompileError(
                f"the native backend computes in float64, and this program is {np.dtype(dtype)}: take backend='numpy'"
            )
        self.n, self.each, self.tape = n, each, written(plan, n)
        fixed, rows = len(self.tape.column), plan.rows
        lanes = extension().lanes if n >= extension().lanes else 1
        values = np.zeros(fixed + n * rows)
        values[:fixed] = self.tape.column
        gradients = np.empty(fixed * (lanes if each else 1) + rows * lanes)
        self.arrays = values, gradients, np.empty(self.tape.scratch)
        self._gradient = np.empty((n if each else 1, plan.parameters))
        self._outputs = np.empty((n, len(plan.outputs)))
        self._bound = extension().Tape(self.tape, n, each, self.arrays, self._gradient, self._outputs)

    def forward(self, theta: Array, rows: Array) -> bool:
        """Compute everything for the rows of X; whether all of it is finite."""
        return self._bound.forward(np.ascontiguousarray(theta), np.ascontiguousarray(rows))

    def backward(self, seeds: Array) -> Array:
        """Σ seed·∂output/∂θ, or with ``each`` that of each example, in a column of its own."""
        self._bound.backward(np.ascontiguousarray(seeds, dtype=float))
        return self._gradient.T if self.each else self._gradient[0]

    def outputs(self) -> Array:
        """(N, outputs)"""
        return self._outputs.copy()


class Written:
    """A plan as arrays: for one example (``alone``), or for any number.

    A mixed vector of operands is one that varies, in which what does not is repeated for each example by 1·w (see
    `lifting`). Of one example both memories are one array, and so w is read where it is, by a negative slot: there
    gradients come in the scalar engine's order.

    Attributes
    ----------
    steps, operands : the instructions, and the slots of their operands, as tape_steps.h says
    column : as a plan's, and behind it each number that is an operand
    inputs, parameters, rows : as a plan's
    outputs : of each output whether it varies, and its slot
    scratch : how many doubles an n-ary row's operands and local derivatives take at most
    """

    def __init__(self, plan: Plan, alone: bool) -> None:
        self.inputs, self.parameters, self.rows = plan.inputs, plan.parameters, plan.rows
        self.outputs = [(place.varies, place.first) for place in plan.outputs]
        writing = _Writing(plan)
        once = [i for i in plan.instructions if not alone or not writing.repeats(i)]
        self.steps = np.array([writing.step(instruction) for instruction in once], STEP)
        self.operands = np.array(writing.operands, np.int32)
        self.column = np.array(writing.column)
        self.scratch = writing.scratch


class _Writing:
    def __init__(self, plan: Plan) -> None:
        numbers = [x for i in plan.instructions for x in i.operands if not isinstance(x, Place)]
        distinct = {float.hex(x): x for x in numbers}  # which tells −0 from 0
        self.numbers = {key: len(plan.column) + i for i, key in enumerate(distinct)}
        self.column = [*plan.column, *distinct.values()]
        self.operands: list[int] = []
        self.scratch = 0
        self.repeated: dict[int, int] = {}  # of a slot that varies the one it repeats
        pullbacks = [step for step in plan.pullbacks if isinstance(step, Pullback)]
        self.wanted = {step.of: sum(1 << to.operand for to in step.contributions) for step in pullbacks}

    def repeats(self, instruction: Instruction) -> bool:
        """Whether it does nothing but repeat for each example what does not vary: whose slots are taken from now on."""
        places = [x for x in instruction.operands if isinstance(x, Place)]
        if not instruction.out.varies or any(x.varies for x in places):
            return False
        fixed = (places[0].index - len(self.column)).tolist()
        self.repeated.update(zip(instruction.out.index.tolist(), fixed, strict=True))
        return True

    def step(self, instruction: Instruction) -> tuple[int, ...]:
        start, out = len(self.operands), instruction.out
        if isinstance(instruction, Product):
            what, count = self._product(instruction), instruction.left.shape[0]
        else:
            what, count = self._row(instruction), out.index.size
        sides = instruction.operands
        varies = sum(1 << i for i, x in enumerate(sides) if isinstance(x, Place) and x.varies)
        return what, varies | (_RESULT if out.varies else 0), self.wanted.get(instruction, 0), count, out.first, start

    def _product(self, product: Product) -> int:
        self.operands += product.right.shape
        for side in (product.left, product.right, product.bias):
            if side is not None:
                self.operands += self._slots(side).ravel().tolist()
        return extension().product if product.bias is None else extension().product_and_bias

    def _row(self, instruction: Elementwise | Reduction) -> int:
        code = extension().codes.get(instruction.op.name)
        if code is None:
            raise CompileError(f"the row {instruction.op.name} is not in C, so that the native backend cannot run it: "
                               f"take backend='numpy'")  # fmt: skip
        count = instruction.out.index.size
        slots = [
            self._slots(x) if isinstance(x, Place) else np.full(count, self.numbers[float.hex(x)])
            for x in instruction.operands
        ]
        if isinstance(instruction, Reduction):
            vectors = np.stack(slots)  # (vectors, m, k)
            m = vectors.shape[1]
            self.operands.append(m)
            self.operands += vectors.transpose(2, 0, 1).ravel().tolist()
            self.scratch = max(self.scratch, 2 * len(slots) * m)
        else:
            for x in slots:
                self.operands += x.tolist()
        return code

    def _slots(self, x: Place) -> Array:
        if not x.varies or not self.repeated:
            return x.index
        listed = [self.repeated.get(slot, slot) for slot in x.index.ravel().tolist()]
        return np.array(listed).reshape(x.shape)


_written: weakref.WeakKeyDictionary[Plan, dict[bool, Written]] = weakref.WeakKeyDictionary()


def written(plan: Plan, n: int) -> Written:
    """A plan's tape for ``n`` examples, written once."""
    known = _written.setdefault(plan, {})
    if (n == 1) not in known:
        known[n == 1] = Written(plan, n == 1)
    return known[n == 1]
