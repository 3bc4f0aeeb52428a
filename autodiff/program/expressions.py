"""What a row's rules compute on arrays, as an expression of NumPy's functions: run with buffers, or written as source.

A rule is run once on operands that only note what is done with them. So nobody writes a rule a second time: the calls
that `on_numpy` makes of an expression, and `source`'s text, both come from the table.
"""

# The rules run on any namespace, so the operands of their lambdas have no one type.
# pyright: reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from autodiff.namespaces import FLOATS, Namespace, on_floats_too, over_operands, slices
from autodiff.op import ELEMENTARY, Op
from autodiff.ops import BUILT_IN
from autodiff.recording import Recorded

# What an expression may be made of besides operands and numbers: ufuncs of NumPy under their names, and
CONDITIONS = ("equal", "not_equal", "less", "logical_and")  # those whose result is true or false,
REDUCTIONS = ("total", "largest")  # those over the operands of an n-ary row, which lie along the first axis,
CHOICE = "where"  # and that of three operands.


class CannotBeWrittenError(TypeError):
    """A rule does with its operands what arrays cannot do: it asks for their value, or gives them to `math`."""


class Expression(Recorded):
    """A function of NumPy on ``args``, or an operand ("operand", its place), or a number ("number", it)."""

    __slots__ = ("args", "name")

    def __init__(self, name: str, *args: Any) -> None:
        self.name, self.args = name, args

    @property
    def number(self) -> float | None:
        return self.args[0] if self.name == "number" else None

    def noted(self, function: str, *args: Any) -> Expression:
        return made(function, *args)

    def _refuse(self) -> Any:
        raise CannotBeWrittenError("it asks for the value of an operand")

    __bool__ = __float__ = __int__ = __index__ = __len__ = __iter__ = _refuse


def operand(place: int) -> Expression:
    return Expression("operand", place)


def expression(x: Any) -> Expression:
    """An expression as it is, a number as one."""
    return x if isinstance(x, Expression) else Expression("number", float(x))


def made(name: str, *args: Any) -> Expression:
    """A function on operands; at once where they are all numbers, and ``1·x`` is x, as is ``true & x``."""
    parts = [expression(x) for x in args]
    if all(part.name == "number" for part in parts):
        return Expression("number", _on_numbers(name, [part.args[0] for part in parts]))
    if name == "multiply":
        for factor, other in (parts, parts[::-1]):
            if factor.number == 1.0:
                return other
            if factor.number == -1.0:
                return made("negative", other)
    if name == "logical_and":
        for condition, other in (parts, parts[::-1]):
            if condition.number is not None:
                return other if condition.number else Expression("number", 0.0)
    if name == CHOICE:
        condition, special, general = parts
        if condition.number is not None:
            return special if condition.number else general
        if _is_size(*parts):
            return Expression("absolute", general)
    return Expression(name, *parts)


def _is_size(condition: Expression, special: Expression, general: Expression) -> bool:
    """Whether it is −x where x < 0, else x, as a row writes |x| that is to have a slope at 0."""
    below = condition.name == "less" and condition.args[0] is general and condition.args[1].number == 0.0
    return below and special.name == "negative" and special.args[0] is general


def _on_numbers(name: str, numbers: Sequence[float]) -> float:
    import numpy as np

    with np.errstate(all="ignore"):
        return float(getattr(math if name in ("erf", "erfc") else np, name)(*numbers))


_RENAMED = {"abs": "absolute", "pow": "power", "mod": "remainder"}


def _noted(name: str) -> Callable[..., Any]:
    return on_floats_too(name, functools.partial(made, _RENAMED.get(name, name)))


EXPRESSIONS = Namespace(
    "expressions",
    number=float,
    pi=math.pi,
    constant=lambda x: x,
    step=lambda x: made("heaviside", x, 0.0),
    compare=lambda x, y: made("sign", x - y),
    unless=functools.partial(made, CHOICE),
    total=over_operands(functools.partial(made, "total")),
    largest=over_operands(functools.partial(made, "largest")),
    **{name: _noted(name) for name in ("less", "floor", *ELEMENTARY)},
)


def value_of(op: Op, operands: Sequence[Expression]) -> Expression:
    """What the row computes. Raises CannotBeWrittenError for a user's row that arrays cannot run."""
    return _run(op, lambda: op.value(EXPRESSIONS, *operands))


def partial_of(op: Op, i: int, out: Expression, operands: Sequence[Expression], shown: bool = False) -> Expression:
    """The local derivative ∂out/∂xᵢ (of an n-ary row: in the i-th vector of operands), as computed or as shown."""
    rule = op.shown_partial if shown else op.partial
    return _run(op, lambda: rule(i, EXPRESSIONS, out, *operands))


NO_VECTORS = "counts its operands or picks some of them: on arrays a vector of operands is one thing"
_POINTS = ((0.25, 0.75, 0.5), (-1.5, 0.5, 2.0))


@functools.cache
def takes_vectors(op: Op) -> bool:
    """Whether a row does with a vector of operands what it does with them one by one.

    A user's n-ary rule may ask for ``len(x)``, which is 1 of one vector, or for ``x[0]``, which is the vector: it is
    tried where it has a value.
    """
    if not op.n_ary or op.name in BUILT_IN:
        return True
    tried = [_agrees(op, x) for x in _POINTS]
    return True in tried and False not in tried


def _agrees(op: Op, x: tuple[float, ...]) -> bool | None:
    """The same, at a point; None where it has no value on floats."""
    import numpy as np

    try:
        out = op.value(FLOATS, *x)
        partials = op.every_partial(FLOATS, out, *x)
    except Exception:  # whatever a user's rule raises
        return None
    vector = np.array(x)[:, None]
    try:
        found = op.value(slices(), vector)
        (slope,) = op.every_partial(slices(), np.array([out]), vector)
        slopes = np.broadcast_to(slope, vector.shape)
    except Exception:
        return False
    return np.size(found) == 1 and np.allclose(found, out) and np.allclose(slopes[:, 0], partials)


def _run(op: Op, rule: Callable[[], Any]) -> Expression:
    if not takes_vectors(op):
        raise CannotBeWrittenError(f"{op.name} {NO_VECTORS}")
    try:
        return expression(rule())
    except TypeError as error:
        raise CannotBeWrittenError(f"{op.name} cannot be run on arrays: {error}") from error


# Recipes.

Step = tuple[Any, ...]  # (function, numbers of earlier steps), ("operand", its place) or ("number", it)


class Recipe:
    """The value and the partials of a row as steps, each computed once; `recipe` makes it.

    Attributes
    ----------
    steps : in an order in which each comes after those that it needs
    value : the step that is the row's value
    partials : of each operand (of an n-ary row, of each vector) the step that is the local derivative
    """

    def __init__(self, op: Op, numbers: Sequence[float | None]) -> None:
        self.steps: list[Step] = []
        self._known: dict[Step, int] = {}
        operands = [operand(i) if x is None else expression(x) for i, x in enumerate(numbers)]
        value, out = value_of(op, operands), operand(len(operands))
        partials = [partial_of(op, i, out, operands) for i in range(len(operands))]
        added: dict[int, int] = {}  # by the identity of each expression: all of them are held here
        self.value = self._add(value, added)
        self._known["operand", len(operands)] = self.value
        self.partials = [self._add(partial, added) for partial in partials]

    def _add(self, e: Expression, added: dict[int, int]) -> int:
        if id(e) not in added:  # a rule's loop reads each result twice: it must not be walked 2ⁿ times
            step = (e.name, *[self._add(a, added) if isinstance(a, Expression) else a for a in e.args])
            key = step if e.number is None else (e.name, e.number.hex())  # −0 is not 0
            if key not in self._known:
                self._known[key] = len(self.steps)
                self.steps.append(step)
            added[id(e)] = self._known[key]
        return added[id(e)]

    def needed_for(self, wanted: Iterable[int]) -> set[int]:
        """The steps that these need, themselves included."""
        needed = set(wanted)
        for i in reversed(range(len(self.steps))):
            if i in needed:
                needed.update(self.arguments(i))
        return needed

    def arguments(self, i: int) -> tuple[int, ...]:
        """The steps that a step reads."""
        name, *args = self.steps[i]
        return () if name in ("operand", "number") else tuple(args)


def recipe(op: Op, numbers: tuple[float | None, ...]) -> Recipe:
    """A row's recipe; ``numbers`` are its operands that are constants, None for the others.

    Raises CannotBeWrittenError for a user's row that arrays cannot run.
    """
    return _recipe(op, tuple([None if x is None else x.hex() for x in numbers]))


@functools.lru_cache(maxsize=1024)
def _recipe(op: Op, numbers: tuple[str | None, ...]) -> Recipe:
    """By the digits of the numbers, which tell −0 from 0."""
    return Recipe(op, [None if x is None else float.fromhex(x) for x in numbers])
