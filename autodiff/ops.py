"""The table of operations: every derivative in this project is written here, once.

A row says what an operation computes and what its local derivatives are, against a namespace ``xp``.
Running the same row with another namespace gives another thing: on floats the eager engine, on Values
higher-order derivatives, on arrays all examples at once, on complex numbers the complex-step check, on
mpmath the arbiter, on symbols the formula as a person writes it (`namespaces`, `floats`, `symbols`).
To add an operation, add a row.
"""

# The rules run on any namespace, so the operands of their lambdas have no one type.
# pyright: reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import functools
import inspect
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Rule = Callable[..., Any]

OPERATORS = ("add", "sub", "mul", "div", "neg", "pow")  # rows that Python writes with an operator, not a name

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
    operands: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        names = list(inspect.signature(self.value).parameters.values())[1:]
        n_ary = any(p.kind is p.VAR_POSITIONAL for p in names)
        object.__setattr__(self, "operands", () if n_ary else tuple(p.name for p in names))
        if n_ary == isinstance(self.partials, tuple) or (not n_ary and len(self.partials) != self.arity):  # type: ignore[arg-type]
            raise ValueError(
                f"operation {self.name!r}: give one partial per operand of value (a tuple), or for an n-ary "
                f"value(xp, *x) one function that returns all of them"
            )

    @property
    def arity(self) -> int | None:
        """The number of operands, or None for an n-ary operation."""
        return len(self.operands) or None

    @property
    def n_ary(self) -> bool:
        return not self.operands

    def operand_names(self, count: int) -> tuple[str, ...]:
        """The names of ``count`` operands, as messages and formulas use them: x, y; or x₁, x₂, …"""
        numbered = [str(i + 1).translate(SUBSCRIPTS) for i in range(count)]
        if self.name == "dot":
            return tuple(f"{v}{i}" for v in "xy" for i in numbered[: count // 2])
        return self.operands or tuple(f"x{i}" for i in numbered)

    def partial(self, i: int, xp: Any, out: Any, *x: Any) -> Any:
        """The local derivative ∂out/∂xᵢ on the namespace ``xp``."""
        if isinstance(self.partials, tuple):
            return self.partials[i](xp, out, *x)
        return self.partials(xp, out, *x)[i]

    def every_partial(self, xp: Any, out: Any, *x: Any) -> Sequence[Any]:
        """All local derivatives on the namespace ``xp``, in the order of the operands."""
        if isinstance(self.partials, tuple):
            return [partial(xp, out, *x) for partial in self.partials]
        return self.partials(xp, out, *x)

    @functools.cached_property
    def formula(self) -> tuple[str, ...]:
        """The local derivatives as a person writes them (an n-ary operation: of two operands)."""
        from autodiff.symbols import formulas

        return tuple(str(f) for f in formulas(self))

    def __reduce__(self) -> tuple[Callable[[str], Op], tuple[str]]:
        return find_op, (self.name,)

    def __repr__(self) -> str:
        return f"Op({self.name})"


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
) -> Op:
    rules = partials if callable(partials) else tuple(partials)
    OPS[name] = op = Op(name, symbol, value, rules, domain, doc, defaults)
    return op


def _product_sum(x: Sequence[Any]) -> Any:
    half = len(x) // 2
    return functools.reduce(operator.add, map(operator.mul, x[:half], x[half:]))


def _log_sum_exp(xp: Any, x: Sequence[Any]) -> Any:
    largest = functools.reduce(xp.maximum, x)
    return largest + xp.log(functools.reduce(operator.add, [xp.exp(v - largest) for v in x]))


def _is_integer(y: float) -> bool:
    return y == math.floor(y)


# fmt: off
# Arithmetic. Where out appears in a partial it is the value already computed: nothing is computed twice.
ADD = add_row("add", "+", lambda xp, x, y: x + y, [lambda xp, out, x, y: 1.0, lambda xp, out, x, y: 1.0],
              doc="The sum x + y.")
SUB = add_row("sub", "−", lambda xp, x, y: x - y, [lambda xp, out, x, y: 1.0, lambda xp, out, x, y: -1.0],
              doc="The difference x − y.")
MUL = add_row("mul", "×", lambda xp, x, y: x * y, [lambda xp, out, x, y: y, lambda xp, out, x, y: x],
              doc="The product x·y.")
DIV = add_row("div", "÷", lambda xp, x, y: x / y, [lambda xp, out, x, y: 1.0 / y, lambda xp, out, x, y: -out / y],
              domain=Domain("y ≠ 0", lambda x, y: y != 0.0), doc="The quotient x / y.")
NEG = add_row("neg", "−", lambda xp, x: -x, [lambda xp, out, x: -1.0], doc="The opposite −x.")
# x**0 is 1 with derivative 0 in x, and 0**y has derivative 0 in y (the corner cases of HIPS autograd's power).
# 2⁻⁶⁰x is 0 where 1/x has no finite float; anywhere else x**0 keeps y − 1, for its mixed second derivative is 1/x.
POW = add_row("pow", "^", lambda xp, x, y: xp.pow(x, y),
              [lambda xp, out, x, y: y * xp.pow(x, xp.unless((y == 0.0) & (x * 2.0**-60 == 0.0), 1.0, y - 1.0)),
               lambda xp, out, x, y: out * xp.log(xp.unless(x == 0.0, 1.0, x))],
              domain=Domain("x > 0, or x = 0 with y ≥ 0, or x < 0 with y an integer",
                            lambda x, y: x > 0.0 or (x == 0.0 and y >= 0.0) or (x < 0.0 and _is_integer(y)),
                            "in y only for x > 0 (0 is chosen at x = 0); in x at 0 only for y = 0 or y ≥ 1",
                            lambda x, y: x > 0.0),
              doc="The power x^y.")

# Exponentials and logarithms.
EXP = add_row("exp", "exp", lambda xp, x: xp.exp(x), [lambda xp, out, x: out], doc="The exponential eˣ.")
LOG = add_row("log", "log", lambda xp, x: xp.log(x), [lambda xp, out, x: 1.0 / x],
              domain=Domain("x > 0", lambda x: x > 0.0), doc="The natural logarithm.")
LOG1P = add_row("log1p", "log1p", lambda xp, x: xp.log1p(x), [lambda xp, out, x: 1.0 / (1.0 + x)],
                domain=Domain("x > −1", lambda x: x > -1.0), doc="log(1 + x), accurate near x = 0.")
EXPM1 = add_row("expm1", "expm1", lambda xp, x: xp.expm1(x), [lambda xp, out, x: xp.exp(x)],
                doc="eˣ − 1, accurate near x = 0.")
SQRT = add_row("sqrt", "√", lambda xp, x: xp.sqrt(x), [lambda xp, out, x: 1.0 / (2.0 * out)],
               domain=Domain("x ≥ 0", lambda x: x >= 0.0, "not at 0", lambda x: x > 0.0), doc="The square root.")

# Trigonometric and hyperbolic functions. (1 − x)(1 + x) keeps the digits that 1 − x² loses near ±1.
SIN = add_row("sin", "sin", lambda xp, x: xp.sin(x), [lambda xp, out, x: xp.cos(x)], doc="The sine of x radians.")
COS = add_row("cos", "cos", lambda xp, x: xp.cos(x), [lambda xp, out, x: -xp.sin(x)], doc="The cosine of x radians.")
TAN = add_row("tan", "tan", lambda xp, x: xp.tan(x), [lambda xp, out, x: 1.0 + out * out],
              doc="The tangent of x radians; no float is an odd multiple of π/2 exactly.")
ARCSIN = add_row("arcsin", "arcsin", lambda xp, x: xp.arcsin(x),
                 [lambda xp, out, x: 1.0 / xp.sqrt((1.0 - x) * (1.0 + x))],
                 domain=Domain("−1 ≤ x ≤ 1", lambda x: -1.0 <= x <= 1.0, "not at ±1", lambda x: -1.0 < x < 1.0),
                 doc="The inverse sine, in radians.")
ARCCOS = add_row("arccos", "arccos", lambda xp, x: xp.arccos(x),
                 [lambda xp, out, x: -1.0 / xp.sqrt((1.0 - x) * (1.0 + x))],
                 domain=Domain("−1 ≤ x ≤ 1", lambda x: -1.0 <= x <= 1.0, "not at ±1", lambda x: -1.0 < x < 1.0),
                 doc="The inverse cosine, in radians.")
ARCTAN = add_row("arctan", "arctan", lambda xp, x: xp.arctan(x), [lambda xp, out, x: 1.0 / (1.0 + x * x)],
                 doc="The inverse tangent, in radians.")
SINH = add_row("sinh", "sinh", lambda xp, x: xp.sinh(x), [lambda xp, out, x: xp.cosh(x)], doc="The hyperbolic sine.")
COSH = add_row("cosh", "cosh", lambda xp, x: xp.cosh(x), [lambda xp, out, x: xp.sinh(x)], doc="The hyperbolic cosine.")
TANH = add_row("tanh", "tanh", lambda xp, x: xp.tanh(x), [lambda xp, out, x: 1.0 - out * out],
               doc="The hyperbolic tangent.")

# Activations. Written with exp(−|x|), which never overflows.
SIGMOID = add_row("sigmoid", "σ", lambda xp, x: xp.exp(xp.minimum(x, 0.0)) / (1.0 + xp.exp(-xp.abs(x))),
                  [lambda xp, out, x: out * (1.0 - out)], doc="The logistic function σ(x) = 1 / (1 + e⁻ˣ).")
SOFTPLUS = add_row("softplus", "softplus", lambda xp, x: xp.maximum(x, 0.0) + xp.log1p(xp.exp(-xp.abs(x))),
                   [lambda xp, out, x: xp.sigmoid(x)], doc="log(1 + eˣ), a smooth relu.")
RELU = add_row("relu", "relu", lambda xp, x: xp.maximum(x, 0.0), [lambda xp, out, x: xp.step(x)],
               domain=Domain(smooth_text="0 is chosen at x = 0", smooth=lambda x: x != 0.0), doc="max(x, 0).")
LEAKY_RELU = add_row("leaky_relu", "leaky relu",
                     lambda xp, x, slope: xp.maximum(x, 0.0) + slope * xp.minimum(x, 0.0),
                     [lambda xp, out, x, slope: xp.step(x) + slope * (1.0 - xp.step(x)),
                      lambda xp, out, x, slope: xp.minimum(x, 0.0)],
                     domain=Domain(smooth_text="slope is chosen at x = 0", smooth=lambda x, slope: x != 0.0),
                     doc="x for x > 0, slope·x elsewhere.", defaults=(0.01,))
ELU = add_row("elu", "elu", lambda xp, x, alpha: xp.maximum(x, 0.0) + alpha * xp.expm1(xp.minimum(x, 0.0)),
              [lambda xp, out, x, alpha: xp.step(x) + (1.0 - xp.step(x)) * alpha * xp.exp(xp.minimum(x, 0.0)),
               lambda xp, out, x, alpha: xp.expm1(xp.minimum(x, 0.0))],
              domain=Domain(smooth_text="alpha is chosen at x = 0", smooth=lambda x, alpha: x != 0.0),
              doc="x for x > 0, alpha·(eˣ − 1) elsewhere (Clevert et al., 2015).", defaults=(1.0,))
ERF = add_row("erf", "erf", lambda xp, x: xp.erf(x), [lambda xp, out, x: 2.0 / xp.sqrt(xp.pi) * xp.exp(-(x * x))],
              doc="The error function 2/√π ∫₀ˣ exp(−t²) dt.")
ERFC = add_row("erfc", "erfc", lambda xp, x: xp.erfc(x),
               [lambda xp, out, x: -2.0 / xp.sqrt(xp.pi) * xp.exp(-(x * x))],
               doc="1 − erf(x), accurate in the right tail.")
GELU = add_row("gelu", "gelu", lambda xp, x: x * (0.5 * xp.erfc(-x / xp.sqrt(2.0))),
               [lambda xp, out, x: 0.5 * xp.erfc(-x / xp.sqrt(2.0))
                + x * xp.exp(-(x * x) / 2.0) / xp.sqrt(2.0 * xp.pi)],
               doc="x·Φ(x), Φ the standard normal distribution (Hendrycks and Gimpel, 2016; the exact form).")
SILU = add_row("silu", "silu", lambda xp, x: x * xp.sigmoid(x),
               [lambda xp, out, x: xp.sigmoid(x) * (1.0 + x * (1.0 - xp.sigmoid(x)))],
               doc="x·σ(x), also called swish.")

# Kinks: the choice made there is part of the row.
ABS = add_row("abs", "|·|", lambda xp, x: xp.abs(x), [lambda xp, out, x: xp.sign(x)],
              domain=Domain(smooth_text="0 is chosen at x = 0", smooth=lambda x: x != 0.0),
              doc="The absolute value |x|.")
MAXIMUM = add_row("maximum", "max", lambda xp, x, y: xp.maximum(x, y),
                  [lambda xp, out, x, y: (1.0 + xp.compare(x, y)) / 2.0,
                   lambda xp, out, x, y: (1.0 - xp.compare(x, y)) / 2.0],
                  domain=Domain(smooth_text="a tie is split evenly", smooth=lambda x, y: x != y),
                  doc="The larger of x and y.")
MINIMUM = add_row("minimum", "min", lambda xp, x, y: xp.minimum(x, y),
                  [lambda xp, out, x, y: (1.0 - xp.compare(x, y)) / 2.0,
                   lambda xp, out, x, y: (1.0 + xp.compare(x, y)) / 2.0],
                  domain=Domain(smooth_text="a tie is split evenly", smooth=lambda x, y: x != y),
                  doc="The smaller of x and y.")

# n-ary: any number of operands in one node. dot takes x₁ … xₙ y₁ … yₙ.
SUM = add_row("sum", "Σ", lambda xp, *x: functools.reduce(operator.add, x), lambda xp, out, *x: (1.0,) * len(x),
              doc="x₁ + … + xₙ in one node, added from left to right.")
DOT = add_row("dot", "·", lambda xp, *x: _product_sum(x), lambda xp, out, *x: x[len(x) // 2:] + x[: len(x) // 2],
              doc="x₁y₁ + … + xₙyₙ in one node, added from left to right.")
LOGSUMEXP = add_row("logsumexp", "logΣexp", lambda xp, *x: _log_sum_exp(xp, x),
                    lambda xp, out, *x: tuple(xp.exp(v - out) for v in x),
                    doc="log(e^x₁ + … + e^xₙ), shifted by the largest so that it never overflows.")
# fmt: on

BUILT_IN = frozenset(OPS)
