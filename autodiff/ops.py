"""The table of operations: every derivative in this project is written here, once.

A row says what an operation computes and what its local derivatives are, against a namespace ``xp``.
Running the same row with another namespace gives another thing: on floats the eager engine, on Values
higher-order derivatives, on arrays all examples at once, on complex numbers the complex-step check, on
mpmath the arbiter, on symbols the formula as a person writes it, on source text the native engine's C
(`namespaces`, `floats`, `symbols`, `codegen`). To add an operation, add a row.
"""

# The rules run on any namespace, so the operands of their lambdas have no one type.
# pyright: reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from autodiff.op import OPS, Domain, add_row


def _is_integer(y: float) -> bool:
    return y == math.floor(y)


def _halved(xp: Any, x: Any) -> Any:
    """The data of x with half of its bits, so that its square is exact (Veltkamp's splitting; |x| below 1e300)."""
    scaled = 134217729.0 * xp.constant(x)  # 2²⁷ + 1
    return scaled - (scaled - xp.constant(x))


def _gauss(xp: Any, x: Any, rate: float) -> Any:
    """exp(−rate·x²), rate 1 or 1/2. Rounding x² would cost it x² units in the last place, so with half of x's bits h
    x² is h² + (x − h)(x + h). Beyond ±40 it is 0."""
    x = xp.unless(xp.less(40.0, xp.abs(xp.constant(x))), 40.0, x)
    h = _halved(xp, x)
    return xp.exp(-rate * (h * h)) * xp.exp(-rate * ((x - h) * (x + h)))


def _phi(xp: Any, x: Any) -> Any:
    """The standard normal distribution's Φ(x) = erfc(t)/2, t = −x/√2.

    Rounding t costs erfc(t), which falls as exp(−t²), t² units in the last place: exp(t² − x²/2) makes that good.
    """
    x = xp.maximum(xp.minimum(x, 40.0), -40.0)
    t = -x / xp.sqrt(2.0)
    h, k = _halved(xp, t), _halved(xp, x)
    error = (h * h - 0.5 * (k * k)) + ((t - h) * (t + h) - 0.5 * ((x - k) * (x + k)))
    return 0.5 * xp.erfc(t) * (1.0 + xp.unless(xp.less(0.0, t), error, 0.0))


def _one_minus_square(xp: Any, x: Any) -> Any:
    """1 − x²: near 0 its derivatives keep their digits so, near ±1 the value does as (1 − x)(1 + x)."""
    square = x * x
    return xp.unless(xp.less(square, 0.25), 1.0 - square, (1.0 - x) * (1.0 + x))


def _power_in_x(xp: Any, out: Any, x: Any, y: Any) -> Any:
    """y·x^(y − 1); as y·x^y/x where y − 1 is rounded or x^(y − 1) may overflow alone, if x^y is of moderate size.

    x^0 is 1 with derivative 0 (the corner case of HIPS autograd's power). 2⁻⁶⁰x is 0 where 1/x has no finite float;
    anywhere else x^0 keeps y − 1, for its mixed second derivative is 1/x.
    """
    size, a, b = xp.abs(xp.constant(out)), xp.constant(x), xp.constant(y)
    moderate = xp.less(1e-300, size) & xp.less(size, 1e305) & xp.less(0.0, xp.abs(a))
    rounded = xp.abs(b - 1.0 + 1.0 - b) + xp.step(xp.abs(b) - 2.0**53)
    by_quotient = moderate & xp.less(0.0, rounded + xp.step(1e-150 - xp.abs(a)))
    quotient = y * xp.unless(by_quotient, out, 1.0) / xp.unless(by_quotient, x, 1.0)
    exponent = xp.unless((b == 0.0) & (a * 2.0**-60 == 0.0), 1.0, y - 1.0)
    return xp.unless(by_quotient, quotient, y * xp.pow(xp.unless(by_quotient, 1.0, x), exponent))


def _bell(xp: Any, x: Any, rate: float) -> Any:
    """σ(t)·σ(−t) for t = rate·x: e/(1 + e)² with e = exp(−|t|); |x| with a slope at 0, for it is differentiated too."""
    e = xp.exp(-rate * xp.unless(xp.less(x, 0.0), -x, x))
    return e / _square(1.0 + e)


def _times_exp(xp: Any, a: Any, x: Any) -> Any:
    """a·eˣ for x ≤ 0, where eˣ alone may be too small for a float."""
    root = xp.exp(0.5 * x)
    return a * root * root


def _exp_below(xp: Any, x: Sequence[Any], top: Any) -> list[Any]:
    """exp(xᵢ − top) for each operand, the rounding of xᵢ − top made good."""
    b = xp.constant(top)

    def one(v: Any) -> Any:
        difference = xp.maximum(v - top, -800.0)  # e⁻⁸⁰⁰ is 0, and where it may be less nothing below overflows
        a, d = xp.constant(v), xp.constant(difference)
        back = d - a
        lost = (a - (d - back)) - (b + back)  # Knuth's exact sum of a and −b
        return xp.exp(difference) * (1.0 + xp.maximum(lost, -0.25))

    return [one(v) for v in x]


def _log_sum_exp(xp: Any, x: Sequence[Any]) -> Any:
    """The largest, and log1p of what the others add to it."""
    top = xp.largest(x)
    terms = _exp_below(xp, x, top)
    others = [xp.compare(v, top) * term for v, term in zip(x, terms, strict=True)]  # negative
    ties = xp.total(term + other for term, other in zip(terms, others, strict=True))
    return top + xp.log1p((ties - 1.0) - xp.total(others))


def _softmax(xp: Any, x: Sequence[Any]) -> list[Any]:
    terms = _exp_below(xp, x, xp.constant(xp.largest(x)))
    total = xp.total(terms)
    return [term / total for term in terms]


def _pairs(x: Sequence[Any]) -> Iterable[tuple[Any, Any]]:
    half = len(x) // 2
    return zip(x[:half], x[half:], strict=True)


def _square(x: Any) -> Any:
    return x * x


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
MOD = add_row("mod", "%", lambda xp, x, y: xp.mod(x, y),
              [lambda xp, out, x, y: 1.0,
               lambda xp, out, x, y: -xp.floor((xp.constant(x) - xp.constant(out)) / xp.constant(y) + 0.5)],
              shown=[lambda xp, out, x, y: 1.0, lambda xp, out, x, y: -xp.floor(x / y)],
              domain=Domain("y ≠ 0", lambda x, y: y != 0.0, "at a multiple of y, where it jumps, as beside it",
                            lambda x, y: x % y != 0.0),
              doc="The remainder x − y·⌊x/y⌋, with the sign of y, as in Python.")
NEG = add_row("neg", "−", lambda xp, x: -x, [lambda xp, out, x: -1.0], doc="The opposite −x.")
POW = add_row("pow", "^", lambda xp, x, y: xp.pow(x, y),
              [_power_in_x, lambda xp, out, x, y: out * xp.log(xp.unless(x == 0.0, 1.0, x))],
              domain=Domain("x > 0, or x = 0 with y ≥ 0, or x < 0 with y an integer",
                            lambda x, y: x > 0.0 or (x == 0.0 and y >= 0.0) or (x < 0.0 and _is_integer(y)),
                            "in y only for x > 0 (0 is chosen at x = 0); in x at 0 only for y = 0 or y ≥ 1",
                            lambda x, y: x > 0.0),
              doc="The power x^y.")

# Exponentials and logarithms.
EXP = add_row("exp", "exp", lambda xp, x: xp.exp(x), [lambda xp, out, x: out], doc="The exponential eˣ.")
EXP2 = add_row("exp2", "exp2", lambda xp, x: xp.exp2(x), [lambda xp, out, x: out * xp.log(2.0)], doc="The power 2ˣ.")
LOG = add_row("log", "log", lambda xp, x: xp.log(x), [lambda xp, out, x: 1.0 / x],
              domain=Domain("x > 0", lambda x: x > 0.0), doc="The natural logarithm.")
LOG2 = add_row("log2", "log2", lambda xp, x: xp.log2(x), [lambda xp, out, x: 1.0 / x / xp.log(2.0)],
               shown=[lambda xp, out, x: 1.0 / (x * xp.log(2.0))],
               domain=Domain("x > 0", lambda x: x > 0.0), doc="The logarithm to base 2.")
LOG10 = add_row("log10", "log10", lambda xp, x: xp.log10(x), [lambda xp, out, x: 1.0 / x / xp.log(10.0)],
                shown=[lambda xp, out, x: 1.0 / (x * xp.log(10.0))],
                domain=Domain("x > 0", lambda x: x > 0.0), doc="The logarithm to base 10.")
LOG1P = add_row("log1p", "log1p", lambda xp, x: xp.log1p(x), [lambda xp, out, x: 1.0 / (1.0 + x)],
                domain=Domain("x > −1", lambda x: x > -1.0), doc="log(1 + x), accurate near x = 0.")
EXPM1 = add_row("expm1", "expm1", lambda xp, x: xp.expm1(x), [lambda xp, out, x: xp.exp(x)],
                doc="eˣ − 1, accurate near x = 0.")
SQRT = add_row("sqrt", "√", lambda xp, x: xp.sqrt(x), [lambda xp, out, x: 1.0 / (2.0 * out)],
               domain=Domain("x ≥ 0", lambda x: x >= 0.0, "not at 0", lambda x: x > 0.0), doc="The square root.")
# The larger operand times √(1 + (smaller / larger)²), which neither overflows nor vanishes on the way.
HYPOT = add_row("hypot", "hypot",
                lambda xp, x, y: (larger := xp.maximum(xp.abs(x), xp.abs(y))) * xp.sqrt(
                    1.0 + _square(xp.minimum(xp.abs(x), xp.abs(y)) / xp.unless(larger == 0.0, 1.0, larger))),
                [lambda xp, out, x, y: x / out, lambda xp, out, x, y: y / out],
                domain=Domain(smooth_text="not at (0, 0)", smooth=lambda x, y: x != 0.0 or y != 0.0),
                doc="√(x² + y²), the length of the vector (x, y).")

# Trigonometric and hyperbolic functions, and their inverses.
SIN = add_row("sin", "sin", lambda xp, x: xp.sin(x), [lambda xp, out, x: xp.cos(x)], doc="The sine of x radians.")
COS = add_row("cos", "cos", lambda xp, x: xp.cos(x), [lambda xp, out, x: -xp.sin(x)], doc="The cosine of x radians.")
TAN = add_row("tan", "tan", lambda xp, x: xp.tan(x), [lambda xp, out, x: 1.0 + out * out],
              doc="The tangent of x radians; no float is an odd multiple of π/2 exactly.")
ARCSIN = add_row("arcsin", "arcsin", lambda xp, x: xp.arcsin(x),
                 [lambda xp, out, x: 1.0 / xp.sqrt(_one_minus_square(xp, x))],
                 shown=[lambda xp, out, x: 1.0 / xp.sqrt(1.0 - x * x)],
                 domain=Domain("−1 ≤ x ≤ 1", lambda x: -1.0 <= x <= 1.0, "not at ±1", lambda x: -1.0 < x < 1.0),
                 doc="The inverse sine, in radians.")
ARCCOS = add_row("arccos", "arccos", lambda xp, x: xp.arccos(x),
                 [lambda xp, out, x: -1.0 / xp.sqrt(_one_minus_square(xp, x))],
                 shown=[lambda xp, out, x: -1.0 / xp.sqrt(1.0 - x * x)],
                 domain=Domain("−1 ≤ x ≤ 1", lambda x: -1.0 <= x <= 1.0, "not at ±1", lambda x: -1.0 < x < 1.0),
                 doc="The inverse cosine, in radians.")
ARCTAN = add_row("arctan", "arctan", lambda xp, x: xp.arctan(x), [lambda xp, out, x: _square(1.0 / xp.hypot(1.0, x))],
                 shown=[lambda xp, out, x: 1.0 / (1.0 + x * x)], doc="The inverse tangent, in radians.")
ARCTAN2 = add_row("arctan2", "arctan2", lambda xp, y, x: xp.arctan2(y, x),
                  [lambda xp, out, y, x: x / xp.hypot(x, y) / xp.hypot(x, y),
                   lambda xp, out, y, x: -y / xp.hypot(x, y) / xp.hypot(x, y)],
                  shown=[lambda xp, out, y, x: x / (x * x + y * y), lambda xp, out, y, x: -y / (x * x + y * y)],
                  domain=Domain(smooth_text="not at (0, 0); across y = 0, x < 0, where it jumps by 2π, as beside it",
                                smooth=lambda y, x: y != 0.0 or x > 0.0),
                  doc="The angle of the point (x, y), in radians from −π to π.")
SINH = add_row("sinh", "sinh", lambda xp, x: xp.sinh(x), [lambda xp, out, x: xp.cosh(x)], doc="The hyperbolic sine.")
COSH = add_row("cosh", "cosh", lambda xp, x: xp.cosh(x), [lambda xp, out, x: xp.sinh(x)], doc="The hyperbolic cosine.")
# 1 − tanh² has no digit left at 20; 4σ'(2x) keeps all of them.
TANH = add_row("tanh", "tanh", lambda xp, x: xp.tanh(x), [lambda xp, out, x: 4.0 * _bell(xp, x, 2.0)],
               shown=[lambda xp, out, x: 1.0 - out * out], doc="The hyperbolic tangent.")
ARCSINH = add_row("arcsinh", "arcsinh", lambda xp, x: xp.arcsinh(x), [lambda xp, out, x: 1.0 / xp.hypot(1.0, x)],
                  shown=[lambda xp, out, x: 1.0 / xp.sqrt(1.0 + x * x)], doc="The inverse hyperbolic sine.")
ARCCOSH = add_row("arccosh", "arccosh", lambda xp, x: xp.arccosh(x),
                  [lambda xp, out, x: 1.0 / (xp.sqrt(x - 1.0) * xp.sqrt(x + 1.0))],
                  shown=[lambda xp, out, x: 1.0 / xp.sqrt(x * x - 1.0)],
                  domain=Domain("x ≥ 1", lambda x: x >= 1.0, "not at 1", lambda x: x > 1.0),
                  doc="The inverse hyperbolic cosine.")
ARCTANH = add_row("arctanh", "arctanh", lambda xp, x: xp.arctanh(x),
                  [lambda xp, out, x: 1.0 / _one_minus_square(xp, x)], shown=[lambda xp, out, x: 1.0 / (1.0 - x * x)],
                  domain=Domain("−1 < x < 1", lambda x: -1.0 < x < 1.0), doc="The inverse hyperbolic tangent.")

# Activations. Their values are written with exp(−|x|), which never overflows; their derivatives without |x|, for they
# are differentiated in turn. σ(x)·σ(−x) keeps the digits that σ(x)(1 − σ(x)) loses.
SIGMOID = add_row("sigmoid", "σ", lambda xp, x: xp.exp(xp.minimum(x, 0.0)) / (1.0 + xp.exp(-xp.abs(x))),
                  [lambda xp, out, x: _bell(xp, x, 1.0)], shown=[lambda xp, out, x: out * (1.0 - out)],
                  doc="The logistic function σ(x) = 1 / (1 + e⁻ˣ).")
SOFTPLUS = add_row("softplus", "softplus", lambda xp, x: xp.maximum(x, 0.0) + xp.log1p(xp.exp(-xp.abs(x))),
                   [lambda xp, out, x: xp.sigmoid(x)], doc="log(1 + eˣ), a smooth relu.")
RELU = add_row("relu", "relu", lambda xp, x: xp.maximum(x, 0.0), [lambda xp, out, x: xp.step(x)],
               domain=Domain(smooth_text="0 is chosen at x = 0", smooth=lambda x: x != 0.0), doc="max(x, 0).")
# x·(1 − step(x)) is min(x, 0) with the left side's slope at 0, so that both mixed second derivatives are that side's.
LEAKY_RELU = add_row("leaky_relu", "leaky relu",
                     lambda xp, x, slope: xp.maximum(x, 0.0) + slope * xp.minimum(x, 0.0),
                     [lambda xp, out, x, slope: xp.step(x) + slope * (1.0 - xp.step(x)),
                      lambda xp, out, x, slope: x * (1.0 - xp.step(x))],
                     shown=[lambda xp, out, x, slope: xp.step(x) + slope * (1.0 - xp.step(x)),
                            lambda xp, out, x, slope: xp.minimum(x, 0.0)],
                     domain=Domain(smooth_text="slope is chosen at x = 0", smooth=lambda x, slope: x != 0.0),
                     doc="x for x > 0, slope·x elsewhere.", defaults=(0.01,))
ELU = add_row("elu", "elu", lambda xp, x, alpha: xp.maximum(x, 0.0) + alpha * xp.expm1(xp.minimum(x, 0.0)),
              [lambda xp, out, x, alpha:
                   xp.step(x) + (1.0 - xp.step(x)) * _times_exp(xp, alpha, x * (1.0 - xp.step(x))),
               lambda xp, out, x, alpha: xp.expm1(x * (1.0 - xp.step(x)))],
              shown=[lambda xp, out, x, alpha: xp.step(x) + (1.0 - xp.step(x)) * alpha * xp.exp(xp.minimum(x, 0.0)),
                     lambda xp, out, x, alpha: xp.expm1(xp.minimum(x, 0.0))],
              domain=Domain(smooth_text="alpha is chosen at x = 0", smooth=lambda x, alpha: x != 0.0),
              doc="x for x > 0, alpha·(eˣ − 1) elsewhere (Clevert et al., 2015).", defaults=(1.0,))
ERF = add_row("erf", "erf", lambda xp, x: xp.erf(x),
              [lambda xp, out, x: 2.0 / xp.sqrt(xp.pi) * _gauss(xp, x, 1.0)],
              shown=[lambda xp, out, x: 2.0 / xp.sqrt(xp.pi) * xp.exp(-(x * x))],
              doc="The error function 2/√π ∫₀ˣ exp(−t²) dt.")
ERFC = add_row("erfc", "erfc", lambda xp, x: xp.erfc(x),
               [lambda xp, out, x: -2.0 / xp.sqrt(xp.pi) * _gauss(xp, x, 1.0)],
               shown=[lambda xp, out, x: -2.0 / xp.sqrt(xp.pi) * xp.exp(-(x * x))],
               doc="1 − erf(x), accurate in the right tail.")
GELU = add_row("gelu", "gelu", lambda xp, x: x * _phi(xp, x),
               [lambda xp, out, x: 0.5 * xp.erfc(-x / xp.sqrt(2.0)) + x * (_gauss(xp, x, 0.5) / xp.sqrt(2.0 * xp.pi))],
               shown=[lambda xp, out, x: 0.5 * xp.erfc(-x / xp.sqrt(2.0))
                      + x * xp.exp(-(x * x) / 2.0) / xp.sqrt(2.0 * xp.pi)],
               doc="x·Φ(x), Φ the standard normal distribution (Hendrycks and Gimpel, 2016; the exact form).")
SILU = add_row("silu", "silu", lambda xp, x: x * xp.sigmoid(x),
               [lambda xp, out, x: xp.sigmoid(x) * (1.0 + x * xp.sigmoid(-x))],
               shown=[lambda xp, out, x: xp.sigmoid(x) * (1.0 + x * (1.0 - xp.sigmoid(x)))],
               doc="x·σ(x), also called swish.")

# Kinks and jumps: the choice made there is part of the row.
ABS = add_row("abs", "|·|", lambda xp, x: xp.abs(x), [lambda xp, out, x: xp.sign(xp.constant(x))],
              domain=Domain(smooth_text="0 is chosen at x = 0", smooth=lambda x: x != 0.0),
              doc="The absolute value |x|.")
SIGN = add_row("sign", "sign", lambda xp, x: xp.sign(x), [lambda xp, out, x: 0.0],
               domain=Domain(smooth_text="0 is chosen at x = 0, where it jumps", smooth=lambda x: x != 0.0),
               doc="1 for x > 0, −1 for x < 0, 0 at 0.")
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
WHERE = add_row("where", "where", lambda xp, c, x, y: xp.unless(xp.less(0.0, c), x, y),
                [lambda xp, out, c, x, y: 0.0, lambda xp, out, c, x, y: xp.step(c),
                 lambda xp, out, c, x, y: 1.0 - xp.step(c)],
                domain=Domain(smooth_text="at c = 0, where it jumps, as for c < 0",
                              smooth=lambda c, x, y: c != 0.0),
                doc="x where c > 0, else y. All three are evaluated: guard an operand that has no value on the other "
                    "side, as in where(x, log(where(x, x, 1)), 0).")

# n-ary: any number of operands in one node. dot takes x₁ … xₙ y₁ … yₙ.
SUM = add_row("sum", "Σ", lambda xp, *x: xp.total(x), lambda xp, out, *x: (1.0,) * len(x),
              doc="x₁ + … + xₙ in one node, added from left to right.")
DOT = add_row("dot", "·", lambda xp, *x: xp.total(a * b for a, b in _pairs(x)),
              lambda xp, out, *x: x[len(x) // 2:] + x[: len(x) // 2], vectors=("x", "y"),
              doc="x₁y₁ + … + xₙyₙ in one node, added from left to right.")
LOGSUMEXP = add_row("logsumexp", "logΣexp", lambda xp, *x: _log_sum_exp(xp, x),
                    lambda xp, out, *x: _softmax(xp, x), shown=lambda xp, out, *x: [xp.exp(v - out) for v in x],
                    doc="log(e^x₁ + … + e^xₙ), shifted by the largest so that it never overflows.")
# fmt: on

BUILT_IN = frozenset(OPS)
