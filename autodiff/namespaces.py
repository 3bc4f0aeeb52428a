"""The namespaces ``xp`` that a row of the op table runs on, all but autodiff's own (`functions`).

A namespace has the elementary functions under NumPy's names, and a few that rows need at kinks and
corners: ``step`` (1 where x > 0), ``compare`` (the sign of x − y), ``unless(condition, special, general)``.
``number`` makes a constant of its own kind of a float.
Every other name is an operation of the table, run on the same namespace: ``xp.sigmoid`` is the row sigmoid.
"""

# The functions of a namespace take whatever its operands are (arrays, mpmath's numbers), which has no one type.
# pyright: reportUnknownLambdaType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false

from __future__ import annotations

import cmath
import functools
import math
import operator
from typing import Any

from autodiff.ops import BUILT_IN, find_op


class Namespace:
    """Elementary functions under the names that rows use; the table supplies the others."""

    def __init__(self, name: str, **functions: Any) -> None:
        self._name = name
        self.__dict__.update(functions)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        operation = functools.partial(find_op(name).value, self)
        if name in BUILT_IN:  # a user's own row may be defined anew
            setattr(self, name, operation)
        return operation

    def __repr__(self) -> str:
        return f"Namespace({self._name})"


def _unless(condition: bool, special: Any, general: Any) -> Any:
    return special if condition else general


def _compare(x: Any, y: Any) -> float:
    return float(x > y) - float(x < y)


def _larger(x: Any, y: Any) -> Any:
    return x if x >= y else y


def _smaller(x: Any, y: Any) -> Any:
    return x if x <= y else y


FLOATS = Namespace(
    "floats",
    number=float,
    pi=math.pi,
    pow=math.pow,
    exp=math.exp,
    log=math.log,
    log1p=math.log1p,
    expm1=math.expm1,
    sqrt=math.sqrt,
    sin=math.sin,
    cos=math.cos,
    tan=math.tan,
    arcsin=math.asin,
    arccos=math.acos,
    arctan=math.atan,
    sinh=math.sinh,
    cosh=math.cosh,
    tanh=math.tanh,
    erf=math.erf,
    erfc=math.erfc,
    abs=math.fabs,
    maximum=_larger,
    minimum=_smaller,
    sign=lambda x: _compare(x, 0.0),
    step=lambda x: 1.0 if x > 0.0 else 0.0,
    compare=_compare,
    unless=_unless,
)


@functools.cache
def complex_numbers() -> Namespace:
    """Complex numbers, for derivatives by complex step: kinks and comparisons go by the real part.

    In a tie x counts as the larger, everywhere: so abs, maximum(x, 0) and minimum(x, 0) take the same side of 0, and a
    row that is smooth though it is made of them (sigmoid) is differentiated right there.

    erf and erfc are mpmath's (cmath has none); log1p and expm1 keep their digits for a tiny imaginary part.
    """

    def real(x: Any) -> float:
        return complex(x).real

    def from_mpmath(name: str) -> Any:
        def function(z: complex) -> complex:
            mpmath = import_mpmath(f"a complex step through {name}")
            size = abs(complex(z).imag)
            digits = 30 - int(math.log10(size)) if 0.0 < size < 1.0 else 30  # mpmath rounds both parts alike
            with mpmath.workdps(digits):
                return complex(getattr(mpmath, name)(z))

        return function

    def power(x: Any, y: Any) -> complex:
        x, y = complex(x), complex(y)
        if x.real < 0.0 and not y.imag and y.real.is_integer():  # not by way of the angle π, which loses its digits
            return (-x) ** y.real * (-1.0 if y.real % 2.0 else 1.0)
        return x**y

    def log1p(z: complex) -> complex:
        z = complex(z)
        if z.real < -0.5:
            return cmath.log(1.0 + z)
        squared = z.real * (2.0 + z.real) + z.imag * z.imag
        return complex(0.5 * math.log1p(squared), math.atan2(z.imag, 1.0 + z.real))

    def expm1(z: complex) -> complex:
        z = complex(z)
        half = math.sin(z.imag / 2.0)
        return complex(math.expm1(z.real) * math.cos(z.imag) - 2.0 * half * half, math.exp(z.real) * math.sin(z.imag))

    return Namespace(
        "complex numbers",
        number=complex,
        pi=math.pi,
        pow=power,
        exp=cmath.exp,
        log=cmath.log,
        log1p=log1p,
        expm1=expm1,
        sqrt=cmath.sqrt,
        sin=cmath.sin,
        cos=cmath.cos,
        tan=cmath.tan,
        arcsin=cmath.asin,
        arccos=cmath.acos,
        arctan=cmath.atan,
        sinh=cmath.sinh,
        cosh=cmath.cosh,
        tanh=cmath.tanh,
        erf=from_mpmath("erf"),
        erfc=from_mpmath("erfc"),
        abs=lambda x: x if real(x) >= 0.0 else -x,
        maximum=lambda x, y: x if real(x) >= real(y) else y,
        minimum=lambda x, y: x if real(x) < real(y) else y,
        sign=lambda x: _compare(real(x), 0.0),
        step=lambda x: 1.0 if real(x) > 0.0 else 0.0,
        compare=lambda x, y: _compare(real(x), real(y)),
        unless=_unless,
    )


def import_mpmath(purpose: str) -> Any:
    try:
        import mpmath
    except ImportError as error:
        raise ImportError(f"{purpose} needs mpmath: pip install mpmath") from error
    return mpmath


@functools.cache
def fifty_digits() -> Namespace:
    """mpmath's numbers. The caller sets the precision: ``with mpmath.workdps(50): …``."""
    mpmath = import_mpmath("the 50-digit namespace")
    return Namespace(
        "mpmath",
        number=mpmath.mpf,
        pi=mpmath.pi,
        pow=operator.pow,
        **{
            name: getattr(mpmath, name)
            for name in ("exp", "log", "log1p", "expm1", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh")
        },
        arcsin=mpmath.asin,
        arccos=mpmath.acos,
        arctan=mpmath.atan,
        erf=mpmath.erf,
        erfc=mpmath.erfc,
        abs=mpmath.fabs,
        maximum=_larger,
        minimum=_smaller,
        sign=mpmath.sign,
        step=lambda x: mpmath.mpf(x > 0),
        compare=lambda x, y: mpmath.sign(x - y),
        unless=_unless,
    )


@functools.cache
def arrays() -> Namespace:
    """NumPy arrays, element by element (erf and erfc through math: NumPy has none)."""
    import numpy as np

    names = "pi exp log log1p expm1 sqrt sin cos tan arcsin arccos arctan sinh cosh tanh maximum minimum sign"
    return Namespace(
        "arrays",
        number=np.float64,
        pow=np.power,
        abs=np.abs,
        **{name: getattr(np, name) for name in names.split()},
        erf=np.vectorize(math.erf, otypes=[float]),
        erfc=np.vectorize(math.erfc, otypes=[float]),
        step=lambda x: np.where(x > 0.0, 1.0, 0.0),
        compare=lambda x, y: 1.0 * (x > y) - 1.0 * (x < y),
        unless=np.where,
    )
