"""Running a Program's instructions by JAX: one pure function of (θ, X), for jit, grad and vmap as any JAX user would.

Each row of the table is a `jax.custom_jvp` with the row's own partials, so that JAX's transformations make our choices
at kinks and keep our digits. Needs jax, which is imported here only.
"""

# JAX's functions take whatever arrays and tracers there are, which has no one type.
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownParameterType=false
# pyright: reportMissingModuleSource=false, reportUntypedFunctionDecorator=false

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.errors import CompileError
from autodiff.namespaces import Namespace, on_floats_too, over_operands
from autodiff.op import ELEMENTARY, Op, find_op
from autodiff.ops import BUILT_IN
from autodiff.program.expressions import NO_VECTORS, takes_vectors
from autodiff.program.instructions import Indices, Instruction, Operand, Place, Plan, Product

_ALL_DIGITS = "highest"  # of float32: a GPU may else multiply with three


def import_jax() -> Any:
    try:
        import jax
    except ImportError as error:
        raise ImportError("the jax backend needs jax: pip install 'autodiff[jax]'") from error
    return jax


def function(plan: Plan, dtype: str = "float64") -> Callable[[Any, Any], Any]:
    """(θ, X) → the outputs, (N, outputs), of a plan. Raises CompileError for a user's row that does not run on JAX."""
    run = blocks_of(plan)

    def outputs(theta: Any, rows: Any) -> Any:
        import jax.numpy as jnp

        theta, rows = jnp.asarray(theta), jnp.asarray(rows)
        for name, array in (("theta", theta), ("X", rows)):
            if str(array.dtype) != dtype:
                raise TypeError(
                    f"{name} is {array.dtype} to JAX, and the program is {dtype}: set jax.config.update("
                    f"'jax_enable_x64', True) first, or compile with dtype='float32'"
                )
        return run(theta, rows).outputs()

    return outputs


def blocks_of(plan: Plan) -> Callable[[Any, Any], Blocks]:
    """(θ, X) → everything that a plan computes, as JAX's arrays. Raises CompileError as `function`."""
    import_jax()
    for instruction in plan.instructions:
        if not isinstance(instruction, Product):
            _check(instruction.op, len(instruction.operands))

    def run(theta: Any, rows: Any) -> Blocks:
        memory = Blocks(plan, theta, rows)
        for instruction in plan.instructions:
            memory.write(instruction.out, _value(memory, instruction))
        return memory

    return run


def _check(op: Op, operands: int) -> None:
    """CompileError for a user's row that asks for the value of an operand, or hands it to `math`."""
    import jax

    if op.name in BUILT_IN:
        return
    if not takes_vectors(op):
        raise CompileError(f"the row {op.name} does not run on JAX: it {NO_VECTORS}")
    try:
        shape = (2, 1, 1) if op.n_ary else (1, 1)
        jax.eval_shape(_row(op), *[jax.ShapeDtypeStruct(shape, np.float32)] * operands)
    except Exception as error:
        raise CompileError(f"the row {op.name} does not run on JAX: {str(error).splitlines()[0]}") from error


class Blocks:
    """The two memories as what was written to them, each result an array of its own."""

    def __init__(self, plan: Plan, theta: Any, rows: Any) -> None:
        import jax.numpy as jnp

        self.plan, self.rows, self.examples = plan, rows, rows.shape[0]
        constants = jnp.asarray(np.array(plan.column[plan.parameters :], dtype=float), dtype=theta.dtype)
        self.blocks: dict[bool, list[tuple[int, Any]]] = {
            False: [(0, theta[:, None]), (plan.parameters, constants[:, None])],
            True: [(0, rows.T)],
        }
        self.owner = {
            False: np.repeat([0, 1], [plan.parameters, len(plan.column) - plan.parameters]),
            True: np.zeros(plan.rows, np.intp),
        }

    def write(self, place: Place, value: Any) -> None:
        import jax.numpy as jnp

        blocks = self.blocks[place.varies]
        self.owner[place.varies][place.index] = len(blocks)
        columns = self.examples if place.varies else 1
        blocks.append((place.first, jnp.broadcast_to(value, (place.index.size, columns))))

    def read(self, place: Place) -> Any:
        """The scalars of a place, examples along the last axis."""
        import jax.numpy as jnp

        flat = place.index.ravel()
        owners = np.unique(self.owner[place.varies][flat])
        blocks = [self.blocks[place.varies][i] for i in owners]
        even = _even(place.index)
        if len(blocks) == 1 and blocks[0] is self.blocks[True][0] and even:
            found = self.rows[:, even].T  # cut first: what is turned first is copied whole
        elif len(blocks) == 1:
            first, block = blocks[0]
            found = _picked(block, place.index - first)
        else:
            starts = np.cumsum([0, *(len(block) for _, block in blocks)])
            moved = np.zeros(flat.size, np.intp)
            for (first, _), owner, start in zip(blocks, owners, starts, strict=False):
                mine = self.owner[place.varies][flat] == owner
                moved[mine] = flat[mine] - first + start
            found = jnp.concatenate([block for _, block in blocks])[moved]
        return found.reshape(*place.shape, -1)

    def operand(self, x: Operand) -> Any:
        return self.read(x) if isinstance(x, Place) else x

    def outputs(self) -> Any:
        """(N, outputs)"""
        import jax.numpy as jnp

        columns = [jnp.broadcast_to(self.read(output), (1, self.examples)) for output in self.plan.outputs]
        return jnp.concatenate(columns).T

    def finite(self) -> Any:
        """(N): of each example whether every number that was computed of it is finite."""
        import jax.numpy as jnp

        found = jnp.ones(self.examples, bool)
        for _, block in self.blocks[False][2:] + self.blocks[True][1:]:
            found &= jnp.isfinite(block).all(axis=0)
        return found


def _even(index: Indices) -> slice | None:
    """The slice that has these, where one has."""
    flat = index.ravel()
    first, last, step = int(flat[0]), int(flat[-1]), int(flat[1] - flat[0]) if flat.size > 1 else 1
    if step > 0 and np.array_equal(flat, np.arange(first, last + 1, step)):
        return slice(first, last + 1, step)
    return None


def _picked(block: Any, index: Indices) -> Any:
    """Rows of a block: slices where they lie evenly, which XLA likes better than a gather."""
    import jax.numpy as jnp

    even = _even(index)
    if even:
        return block[even]
    flat = index.ravel()
    if index.ndim == 2 and len(index) > 1:  # the weights of a layer, whose biases lie between them
        (count, width), first = index.shape, int(flat[0])
        step = int(index[1, 0]) - first
        if step >= width and np.array_equal(index, first + step * np.arange(count)[:, None] + np.arange(width)):
            part = block[first : first + count * step]
            part = jnp.pad(part, ((0, count * step - len(part)), (0, 0)))
            return part.reshape(count, step, -1)[:, :width].reshape(flat.size, -1)
    return block[flat]


def _value(memory: Blocks, instruction: Instruction) -> Any:
    import jax.numpy as jnp

    if not isinstance(instruction, Product):
        return _row(instruction.op)(*[memory.operand(x) for x in instruction.operands])
    left, right = memory.read(instruction.left), memory.read(instruction.right)
    if instruction.is_layer:
        if len(right) == 1:
            out = jnp.matmul(left[..., 0], right[0], precision=_ALL_DIGITS)[None]
        else:
            out = jnp.einsum("km,lmn->lkn", left[..., 0], right, precision=_ALL_DIGITS)
    else:
        columns = max(left.shape[-1], right.shape[-1])
        wide = [jnp.broadcast_to(x, (*x.shape[:-1], columns)) for x in (left, right)]
        out = jnp.einsum("kmn,lmn->lkn", *wide, precision=_ALL_DIGITS)
    if instruction.bias is not None:
        out = out + memory.read(instruction.bias)
    return out.reshape(instruction.out.index.size, -1)


# The rows.


@functools.lru_cache(maxsize=1024)
def _row(op: Op) -> Callable[..., Any]:
    """A row on JAX's arrays, differentiated by its own partials; an n-ary row's operands lie along the first axis."""
    import jax

    def value(*x: Any) -> Any:
        return op.value(_values(), *x)

    def tangent_of(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> Any:
        out = row(*primals)
        total: Any = 0.0
        for i, tangent in enumerate(tangents):
            if not isinstance(tangent, jax.custom_derivatives.SymbolicZero):
                amount = op.partial(i, _rows(), out, *primals) * tangent
                total = total + (amount.sum(axis=0) if op.n_ary else amount)
        return out, total * jax.numpy.ones_like(out)

    row: Any = jax.custom_jvp(value)
    row.defjvp(tangent_of)

    def called(*operands: Any) -> Any:
        return row(*map(jax.numpy.asarray, operands))

    return called


def _primitives() -> dict[str, Any]:
    import jax
    import jax.numpy as jnp

    stopped = jax.lax.stop_gradient
    return {
        "number": float,
        "pi": math.pi,
        "constant": lambda x: stopped(x) if isinstance(x, jax.Array) else x,
        "step": lambda x: jnp.where(x > 0.0, 1.0, 0.0),
        "compare": lambda x, y: stopped(jnp.sign(x - y)),
        "less": lambda x, y: x < y,
        "unless": jnp.where,
        "floor": lambda x: stopped(jnp.floor(x)),
        "total": over_operands(lambda x: jnp.sum(x, axis=0)),
        "largest": over_operands(lambda x: jnp.max(x, axis=0)),
    }


@functools.cache
def _values() -> Namespace:
    """JAX's own functions, for the values of rows."""
    import jax.numpy as jnp
    import jax.scipy.special

    own = {"pow": jnp.power, "erf": jax.scipy.special.erf, "erfc": jax.scipy.special.erfc}
    names = {name: own.get(name) or getattr(jnp, name) for name in ELEMENTARY}
    return Namespace("jax", **_primitives(), **{name: on_floats_too(name, f) for name, f in names.items()})


@functools.cache
def _rows() -> Namespace:
    """The rows themselves, for partials: what is differentiated again takes our partials again."""
    names = {name: on_floats_too(name, lambda *x, name=name: _row(find_op(name))(*x)) for name in ELEMENTARY}
    return _Rows("jax's rows", **_primitives(), **names)


class _Rows(Namespace):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _row(find_op(name))
