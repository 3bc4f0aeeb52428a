"""What a row of the op table is: an operation with its local derivatives, written once, against a namespace ``xp``.

The rows themselves are in `ops`, the namespaces in `namespaces`; what a namespace must have is listed here.
"""

# The rules run on any namespace, so the operands of their lambdas have no one type.
# pyright: reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from autodiff.symbols import SYMBOLS, Symbol, named, symbol

Rule = Callable[..., Any]

# What a row may use besides other rows. Every namespace has them, and no row may bear one of their names.
PRIMITIVES = {
    "number": "number(x): the float x as a constant of the namespace's own kind",
    "pi": "π",
    "constant": "constant(x): the data of x, through which no derivative goes",
    "step": "step(x): 1 where x > 0, else 0",
    "compare": "compare(x, y): the sign of x − y: 1, 0 or −1",
    "less": "less(x, y): whether x < y, as a condition of unless",
    "unless": "unless(condition, special, general): special where the condition holds; both are evaluated",
    "floor": "floor(x): the largest integer that is at most x, through which no derivative goes",
    "total": "total(xs): the sum of an n-ary row's operands, or of an expression in them (total(f(x) for x in xs)), "
    "from left to right",
    "largest": "largest(xs): the largest of an n-ary row's operands",
}
# The rows that a namespace computes by a function of its own; the value of any other row is written by means of these.
ELEMENTARY = tuple(
    "pow exp exp2 log log2 log10 log1p expm1 sqrt sin cos tan arcsin arccos arctan arctan2 sinh cosh tanh arcsinh "
    "arccosh arctanh erf erfc abs sign mod maximum minimum".split()
)
# The rows that Python writes with an operator, not a name; and, with the two sums, those that are written with signs.
OPERATORS = ("add", "sub", "mul", "div", "mod", "neg", "pow")

_INFIX = (*OPERATORS, "sum", "dot")
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def _always(*_: float) -> bool:
    return True


@dataclass(frozen=True)
class Domain:
    """Where an operation is defined, and where it is differentiable in every operand.

    Parameters: ``text`` and ``contains`` describe the set where the value is defined; ``smooth`` is
    the set where the ordinary derivative exists (``smooth_text`` says what holds elsewhere: at a
    kink the table makes a choice, at a singularity the derivative is refused).
    """

    text: str = "all reals"
    contains: Callable[..., bool] = _always
    smooth_text: str = ""
    smooth: Callable[..., bool] | None = None

    def differentiable(self, *x: float) -> bool:
        return self.contains(*x) and (self.smooth is None or self.smooth(*x))


REALS = Domain()


@dataclass(frozen=True, eq=False)
class Op:
    """One row: an operation with its local derivatives.

    Parameters
    ----------
    name, symbol : how it is called, and how it is drawn
    value : ``value(xp, *x)``, the operation
    partials : one ``partial(xp, out, *x)`` per operand, so that only those needed are evaluated; for
        an n-ary operation one function that returns all of them
    domain : where it is defined and differentiable
    doc : one sentence for the documentation, with the source of a formula that is not in every textbook
    defaults : numbers for operands at the end that may be left out
    shown : the partials as the lectures write them, where what is computed reads badly (it keeps digits, or guards
        against overflow); a test proves the two equal. The partials themselves when not given
    vectors : of an n-ary operation, the names of its vectors of operands (dot takes x₁ … xₙ, then y₁ … yₙ)

    >>> from autodiff.ops import OPS
    >>> OPS["tanh"].formula
    ('1 − tanh(x)²',)
    >>> OPS["mul"].formula
    ('y', 'x')
    """

    name: str
    symbol: str
    value: Rule
    partials: tuple[Rule, ...] | Rule
    domain: Domain = REALS
    doc: str = ""
    defaults: tuple[float, ...] = ()
    shown: tuple[Rule, ...] | Rule = ()
    vectors: tuple[str, ...] = ("x",)
    operands: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        names = [p for p in inspect.signature(self.value).parameters.values() if p.kind is not p.KEYWORD_ONLY][1:]
        n_ary = any(p.kind is p.VAR_POSITIONAL for p in names)
        object.__setattr__(self, "operands", () if n_ary else tuple(p.name for p in names))
        object.__setattr__(self, "shown", self.shown or self.partials)
        for rules in (self.partials, self.shown):
            if n_ary == isinstance(rules, tuple) or (not n_ary and len(rules) != self.arity):  # type: ignore[arg-type]
                raise ValueError(
                    f"operation {self.name!r}: give one partial per operand of value, in a list, or for an n-ary "
                    f"value(xp, *x) one function that returns all of them"
                )

    @property
    def arity(self) -> int | None:
        """The number of operands, or None for an n-ary operation."""
        return len(self.operands) or None

    @property
    def n_ary(self) -> bool:
        return not self.operands

    @property
    def infix(self) -> bool:
        """Whether it is written with signs, x + y, and not as a call, tanh(x)."""
        return self.name in _INFIX

    def operand_names(self, count: int) -> tuple[str, ...]:
        """The names of ``count`` operands, as messages and formulas use them: x, y; or x₁, x₂, …"""
        if self.operands:
            return self.operands
        numbered = [str(i + 1).translate(SUBSCRIPTS) for i in range(count // len(self.vectors))]
        return tuple(f"{vector}{i}" for vector in self.vectors for i in numbered)

    def partial(self, i: int, xp: Any, out: Any, *x: Any) -> Any:
        """The local derivative ∂out/∂xᵢ on the namespace ``xp``."""
        return self.partials[i](xp, out, *x) if isinstance(self.partials, tuple) else self.partials(xp, out, *x)[i]

    def every_partial(self, xp: Any, out: Any, *x: Any) -> Sequence[Any]:
        """All local derivatives on the namespace ``xp``, in the order of the operands."""
        return _every(self.partials, xp, out, *x)

    def shown_partial(self, i: int, xp: Any, out: Any, *x: Any) -> Any:
        """As `partial`, by the formula that is shown."""
        return self.shown[i](xp, out, *x) if isinstance(self.shown, tuple) else self.shown(xp, out, *x)[i]

    def every_shown(self, xp: Any, out: Any, *x: Any) -> Sequence[Any]:
        """As `every_partial`, by the formulas that are shown."""
        return _every(self.shown, xp, out, *x)

    def written(self, operands: Sequence[Symbol]) -> Symbol:
        """The operation itself on symbols: x + y, tanh(x), σ(x)."""
        if self.infix:
            return self.value(SYMBOLS, *operands)
        return getattr(SYMBOLS, self.name)(*operands)

    def formulas(self, operands: Sequence[Symbol] | None = None) -> tuple[Symbol, ...]:
        """The local derivatives on symbols, as they are shown; one for each operand.

        ``operands`` defaults to the row's own names (x, y), for an n-ary row to two in each vector.
        """
        if operands is None:
            operands = tuple(map(named, self.operand_names(self.arity or 2 * len(self.vectors))))
        return tuple(map(symbol, self.every_shown(SYMBOLS, self.written(operands), *operands)))

    @functools.cached_property
    def formula(self) -> tuple[str, ...]:
        """The local derivatives as a person writes them (an n-ary operation: of two operands in each vector)."""
        return tuple(map(str, self.formulas()))

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        """How its function is called: operands by place, those with a default by name too."""
        if self.n_ary:
            return inspect.Signature([inspect.Parameter("operands", inspect.Parameter.VAR_POSITIONAL)])
        required = len(self.operands) - len(self.defaults)
        by_place = [inspect.Parameter(x, inspect.Parameter.POSITIONAL_ONLY) for x in self.operands[:required]]
        optional = [
            inspect.Parameter(x, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default)
            for x, default in zip(self.operands[required:], self.defaults, strict=True)
        ]
        return inspect.Signature([*by_place, *optional])

    @functools.cached_property
    def documentation(self) -> str:
        """What help() says of its function."""
        partials = "; ".join(f"∂/∂{x} = {formula}" for x, formula in zip(self.operands, self.formula, strict=False))
        kink = f" Differentiable: {self.domain.smooth_text}." if self.domain.smooth_text else ""
        return (
            f"{self.name}{str(self.signature).replace(', /', '')}: {self.doc}\n\n"
            f"Floats give a float, a Value among the operands gives a Value. {partials}.\n"
            f"Domain: {self.domain.text}.{kink} Raises DomainError outside it, OverflowError where the result\n"
            f"exceeds the largest float, TypeError for what is neither a Value nor a number.\n"
        )

    def __reduce__(self) -> tuple[Callable[[str], Op], tuple[str]]:
        return find_op, (self.name,)

    def __repr__(self) -> str:
        return f"Op({self.name})"


def _every(rules: tuple[Rule, ...] | Rule, xp: Any, out: Any, *x: Any) -> Sequence[Any]:
    if isinstance(rules, tuple):
        return [rule(xp, out, *x) for rule in rules]
    return rules(xp, out, *x)


OPS: dict[str, Op] = {}


def find_op(name: str) -> Op:
    """The row of that name; LookupError when there is none (a pickle of a user-defined operation)."""
    if name not in OPS:
        raise LookupError(f"there is no operation {name!r} in the table: call define_op({name!r}, …) first")
    return OPS[name]


def add_row(
    name: str,
    symbol: str,
    value: Rule,
    partials: Sequence[Rule] | Rule,
    *,
    domain: Domain = REALS,
    doc: str = "",
    defaults: tuple[float, ...] = (),
    shown: Sequence[Rule] | Rule = (),
    vectors: tuple[str, ...] = ("x",),
) -> Op:
    rules = partials if callable(partials) else tuple(partials)
    shown_rules = shown if callable(shown) else tuple(shown)
    OPS[name] = op = Op(name, symbol, value, rules, domain, doc, defaults, shown_rules, vectors)
    return op
