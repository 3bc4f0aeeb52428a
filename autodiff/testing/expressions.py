"""Random functions: formulas made of rows, which run wherever rows do, and print as Python that can be pasted.

An operand is kept where its row has a value and a derivative: x becomes x² + 1.5 under a logarithm. Which of a few such
guards serves is found by trying the row itself on a grid, so that users' rows are kept in their domains too.
"""

# The numbers of five namespaces have no one type.
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownLambdaType=false
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import functools
import inspect
import itertools
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from autodiff.engine import Value, apply
from autodiff.floats import FLOAT_ERRORS
from autodiff.namespaces import FLOATS, Namespace, arrays, complex_numbers, fifty_digits
from autodiff.op import Op, find_op
from autodiff.ops import BUILT_IN, OPS

Tree = str | float | tuple[Any, ...]  # a variable, a constant, or (row, tree, …)

_BOX = 2.0  # expressions are made for variables in [−2, 2]
_LARGEST = 32.0  # and no value in them is to be larger
_STEEPEST = 300.0  # nor a local derivative
_CONSTANTS = (2.0, 0.5, 3.0, -1.5)
_SIMPLE = ("add", "mul", "sub", "neg", "sin", "exp", "tanh")  # first, so that examples shrink to them

# By what an operand is kept in a domain: as it is, above 1.5, between ±½, between ¼ and ¾, around 2.
_GUARDS: tuple[Callable[[Tree], Tree], ...] = (
    lambda u: u,
    lambda u: ("add", ("pow", u, 2.0), 1.5),
    lambda u: ("mul", 0.5, ("tanh", u)),
    lambda u: ("add", 0.5, ("mul", 0.25, ("tanh", u))),
    lambda u: ("add", 2.0, ("mul", 0.5, ("tanh", u))),
)

_SIGNS = {"add": ("+", 1), "sub": ("-", 1), "mul": ("*", 2), "div": ("/", 2), "mod": ("%", 2), "pow": ("**", 4)}
_NEGATIVE = 3  # how closely the sign binds
_ATOM = 9


@dataclass(frozen=True)
class Expression:
    """A function of ``variables``: of floats, Values, complex numbers, arrays or mpmath's numbers, or to be compiled.

    ``repr`` is its formula as Python, in the functions of autodiff.

    >>> f = Expression(("x", "y"), ("mul", ("sin", "x"), ("add", "y", 2.0)))
    >>> f
    lambda x, y: sin(x) * (y + 2.0)
    >>> f(0.0, 1.0), f(Value(0.0), 1.0).partials
    (0.0, (3.0, 0.0))
    """

    variables: tuple[str, ...]
    tree: Tree

    def __call__(self, *xs: Any) -> Any:
        if len(xs) != len(self.variables):
            raise TypeError(f"the expression takes {len(self.variables)} arguments, not {len(xs)}")
        return _evaluated(self.tree, dict(zip(self.variables, xs, strict=True)), _caller(xs))

    @property
    def __name__(self) -> str:
        return repr(self)

    @property
    def __signature__(self) -> inspect.Signature:
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        return inspect.Signature([inspect.Parameter(name, kind) for name in self.variables])

    def __repr__(self) -> str:
        return f"lambda {', '.join(self.variables)}: {_written(self.tree)[0]}"


def _caller(xs: Sequence[Any]) -> Callable[..., Any]:
    """What applies a row to numbers of the kind that these are."""
    if any(isinstance(x, Value) for x in xs):
        return apply
    namespace = _namespace(xs)
    return lambda op, *operands: op.value(namespace, *operands)


def _namespace(xs: Sequence[Any]) -> Namespace:
    if any(isinstance(x, np.ndarray) for x in xs):
        return arrays()
    if any(isinstance(x, complex) for x in xs):
        return complex_numbers()
    return FLOATS if all(isinstance(x, int | float) for x in xs) else fifty_digits()


def _evaluated(tree: Tree, numbers: dict[str, Any], call: Callable[..., Any]) -> Any:
    if isinstance(tree, str):
        return numbers[tree]
    if isinstance(tree, int | float):
        return tree
    return call(find_op(tree[0]), *[_evaluated(part, numbers, call) for part in tree[1:]])


def _written(tree: Tree) -> tuple[str, int]:
    """The formula, and how closely its outermost sign binds."""
    if isinstance(tree, str):
        return tree, _ATOM
    if isinstance(tree, int | float):
        return repr(tree), _ATOM if math.copysign(1.0, tree) > 0.0 else _NEGATIVE
    name, *parts = tree
    if name == "neg":
        return f"-{_within(parts[0], _NEGATIVE)}", _NEGATIVE
    if name in _SIGNS:
        sign, binds = _SIGNS[name]
        left = binds + (name == "pow")  # ** groups to the right, all others to the left
        return f"{_within(parts[0], left)} {sign} {_within(parts[1], binds + (name != 'pow'))}", binds
    return f"{name}({', '.join(_arguments(OPS[name], parts))})", _ATOM


def _within(tree: Tree, binds: int) -> str:
    text, inner = _written(tree)
    return text if inner >= binds else f"({text})"


def _arguments(op: Op, parts: Sequence[Tree]) -> list[str]:
    texts = [_written(part)[0] for part in parts]
    if op.name not in ("sum", "dot", "logsumexp"):
        return texts
    n = len(texts) // len(op.vectors)
    return [f"[{', '.join(texts[i : i + n])}]" for i in range(0, len(texts), n)]


# Drawing one.


def expressions(
    variables: int | Sequence[str] = 2, ops: Sequence[str] | None = None, max_nodes: int = 12
) -> st.SearchStrategy[Expression]:
    """Random functions of some variables, each with a value and derivatives wherever these are in [−2, 2].

    Parameters
    ----------
    variables : their names, or how many
    ops : the rows that they are made of, by name; all but users' own, when not given
    max_nodes : so many of those at most; what keeps operands in a domain (x² + 1.5 under a logarithm) is not counted

    They shrink to a short formula, which is what Hypothesis prints. Raises ValueError for a name that is no row, or for
    one that no guard keeps in its domain.

    >>> from hypothesis import given
    >>> from autodiff.testing import assert_gradients, expressions
    >>> @given(expressions(["x"]))
    ... def test_gradient(f):
    ...     assert_gradients(f, (0.3,))
    >>> test_gradient()
    """
    names = ("x", "y", "z", "u", "v", "w")[:variables] if isinstance(variables, int) else tuple(variables)
    if not names or (isinstance(variables, int) and len(names) != variables):
        raise ValueError("variables: between one and six, or a list of names")
    listed = sorted(ops if ops is not None else BUILT_IN, key=lambda name: (name not in _SIMPLE, name))
    rows = [find_op(name) for name in listed]
    return _trees(names, tuple(rows), max_nodes).map(lambda tree: Expression(names, tree))


@st.composite
def _trees(draw: st.DrawFn, names: Sequence[str], rows: Sequence[Op], max_nodes: int) -> Tree:
    return _combined(draw, names, rows, max_nodes)[0]


def _drawn(draw: st.DrawFn, names: Sequence[str], rows: Sequence[Op], budget: int) -> tuple[Tree, float, int]:
    """A tree, how large its values may be (rounded up to a power of 2), and how many rows it took."""
    if budget < 1 or not draw(st.integers(0, min(budget, 3))):
        return draw(st.sampled_from(names)), _BOX, 0
    return _combined(draw, names, rows, budget)


def _combined(draw: st.DrawFn, names: Sequence[str], rows: Sequence[Op], budget: int) -> tuple[Tree, float, int]:
    """A row on trees."""
    op = draw(st.sampled_from(rows))
    many = op.arity or len(op.vectors) * draw(st.integers(1, 3))
    constant = draw(st.sampled_from([None, None, *range(many)])) if many > 1 else None
    parts: list[Tree] = []
    bounds: list[float] = []
    spent = 1
    for i in range(many):
        if i == constant:
            part, bound, used = draw(st.sampled_from(_CONSTANTS)), _BOX, 0
        else:
            part, bound, used = _drawn(draw, names, rows, (budget - spent) // (many - i))
        parts.append(part)
        bounds.append(bound)
        spent += used
    if constant is not None and _guards(op, _numbers(parts), tuple(bounds)) is None:
        parts[constant] = names[0]  # the row does not take that constant there
    found = _guards(op, _numbers(parts), tuple(bounds))
    if found is None:
        raise ValueError(f"operation {op.name!r} has no moderate values where an expression could keep its operands")
    guards, bound = found
    return (op.name, *(guard(part) for guard, part in zip(guards, parts, strict=True))), bound, spent


def _numbers(parts: Sequence[Tree]) -> tuple[float | None, ...]:
    return tuple(part if isinstance(part, float) else None for part in parts)


# Keeping operands in domains.


@functools.lru_cache(maxsize=4096)
def _guards(
    op: Op, numbers: tuple[float | None, ...], bounds: tuple[float, ...]
) -> tuple[tuple[Callable[[Tree], Tree], ...], float] | None:
    """The simplest guards that keep a row tame, and how large its values are then (rounded up to a power of 2).

    ``numbers``: the operands that are constants; ``bounds``: how large the others may be.
    """
    count = len(_GUARDS)
    if op.n_ary:
        choices = [tuple(0 if x is not None else k for x in numbers) for k in range(count)]
    else:
        choices = list(itertools.product(*[range(1 if x is not None else count) for x in numbers]))
    for chosen in sorted(choices, key=lambda choice: (sum(choice), choice)):
        guards = tuple(_GUARDS[k] for k in chosen)
        axes: list[list[float]] = []
        for guard, x, bound in zip(guards, numbers, bounds, strict=True):
            axis = _axis(bound, len(numbers)) if x is None else [x]
            axes.append([_evaluated(guard("u"), {"u": u}, _caller([u])) for u in axis])
        largest = _largest(op, _points(axes))
        if largest is not None:
            return guards, max(0.5, 2.0 ** math.ceil(math.log2(largest or 0.5)))
    return None


def _axis(bound: float, many: int) -> list[float]:
    steps = {1: 64, 2: 16, 3: 8}.get(many, 4)
    return sorted({*np.linspace(-bound, bound, steps + 1).tolist(), *(x for x in (-1.0, 1.0) if abs(x) <= bound)})


def _points(axes: Sequence[Sequence[float]]) -> list[tuple[float, ...]]:
    if len(axes) <= 3:
        return list(itertools.product(*axes))
    rng = random.Random(0)
    return [*zip(*axes, strict=False), *(tuple(map(rng.choice, axes)) for _ in range(500))]


def _largest(op: Op, points: Sequence[tuple[float, ...]]) -> float | None:
    """The largest value of the row at these points; None where it is not tame at one, or between two."""
    largest = 0.0
    for x in points:
        numbers = _looked_at(op, x)
        if numbers is None:
            return None
        largest = max(largest, abs(numbers[0]))
    rng = random.Random(0)
    if op.domain.smooth is not None and any(_bends(op, rng.choice(points), rng.choice(points)) for _ in range(30)):
        return None
    return largest


def _looked_at(op: Op, x: Sequence[float]) -> list[float] | None:
    """Value and partials; None where the row has none there, or they are large."""
    try:
        if not op.domain.differentiable(*x):
            return None
        out = op.value(FLOATS, *x)
        numbers = [out, *op.every_partial(FLOATS, out, *x)]
    except FLOAT_ERRORS:
        return None
    tame = abs(out) <= _LARGEST and all(abs(partial) <= _STEEPEST for partial in numbers[1:])
    return numbers if tame else None


def _bends(op: Op, x: Sequence[float], y: Sequence[float]) -> bool:
    """Whether there is a kink or a jump on the way from x to y: a difference that stays, however near they come."""
    ends = [(x, _looked_at(op, x)), (y, _looked_at(op, y))]
    for _ in range(40):
        between = tuple(0.5 * (a + b) for a, b in zip(ends[0][0], ends[1][0], strict=True))
        middle = between, _looked_at(op, between)
        halves = [(ends[0], middle), (middle, ends[1])]
        ends = list(max(halves, key=lambda half: _apart(half[0][1], half[1][1])))
        if _apart(ends[0][1], ends[1][1]) <= 1e-3:
            return False
    return True


def _apart(a: list[float] | None, b: list[float] | None) -> float:
    return math.inf if a is None or b is None else max(abs(p - q) for p, q in zip(a, b, strict=True))
