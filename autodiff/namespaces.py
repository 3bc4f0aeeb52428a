"""The namespaces ``xp`` that a row of the op table runs on, all but autodiff's own (`functions`).

A namespace has the functions of `ELEMENTARY` under NumPy's names, and the `PRIMITIVES`: what a row may use besides
other rows. Every other name is an operation of the table, run on the same namespace: ``xp.sigmoid`` is the row sigmoid.
"""

# The functions of a namespace take whatever its operands are (arrays, mpmath's numbers), which has no one type.
# pyright: reportUnknownLambdaType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false

from __future__ import annotations

import cmath
import functools
import math
import operator
from collections.abc import Callable, Iterable
from typing import Any

from autodiff.op import ELEMENTARY, PRIMITIVES, find_op
from autodiff.ops import BUILT_IN


class Namespace:
    """`ELEMENTARY` functions and `PRIMITIVES` under the names that rows use; the table supplies the others."""

    def __init__(self, name: str, **functions: Any) -> None:
        missing = {*ELEMENTARY, *PRIMITIVES} - set(functions)
        if missing:
            raise TypeError(f"the namespace of {name} lacks {', '.join(sorted(missing))}")
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


def _itself(x: Any) -> Any:
    return x


def _unless(condition: Any, special: Any, general: Any) -> Any:
    return special if condition else general


def _compare(x: Any, y: Any) -> float:
    return 1.0 if x > y else -1.0 if x < y else 0.0


def _larger(x: Any, y: Any) -> Any:
    return x if x >= y else y


def _smaller(x: Any, y: Any) -> Any:
    return x if x <= y else y


def _by(combine: Callable[[Any, Any], Any]) -> Callable[[Iterable[Any]], Any]:
    """From left to right, without a 0 to start from."""
    return functools.partial(functools.reduce, combine)


FLOATS = Namespace(
    "floats",
    number=float,
    pi=math.pi,
    constant=_itself,
    step=lambda x: 1.0 if x > 0.0 else 0.0,
    compare=_compare,
    less=operator.lt,
    unless=_unless,
    floor=lambda x: float(math.floor(x)),
    total=_by(operator.add),
    largest=_by(_larger),
    pow=math.pow,
    exp=math.exp,
    exp2=math.exp2,
    log=math.log,
    log2=math.log2,
    log10=math.log10,
    log1p=math.log1p,
    expm1=math.expm1,
    sqrt=math.sqrt,
    sin=math.sin,
    cos=math.cos,
    tan=math.tan,
    arcsin=math.asin,
    arccos=math.acos,
    arctan=math.atan,
    arctan2=math.atan2,
    sinh=math.sinh,
    cosh=math.cosh,
    tanh=math.tanh,
    arcsinh=math.asinh,
    arccosh=math.acosh,
    arctanh=math.atanh,
    erf=math.erf,
    erfc=math.erfc,
    abs=math.fabs,
    sign=lambda x: _compare(x, 0.0),
    mod=operator.mod,
    maximum=_larger,
    minimum=_smaller,
)


def on_floats_too(name: str, otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """A function of a namespace that gives a number for numbers alone, as √2 in a rule is one."""
    on_floats = getattr(FLOATS, name)

    def function(*x: Any) -> Any:
        return on_floats(*x) if all(type(v) is float for v in x) else otherwise(*x)

    return function


def over_operands(reduce: Callable[[Any], Any]) -> Callable[[Iterable[Any]], Any]:
    """total or largest where one thing stands for all operands of an n-ary row's vector."""

    def reduction(terms: Iterable[Any]) -> Any:
        (term,) = terms
        return reduce(term)

    return reduction


@functools.cache
def complex_numbers() -> Namespace:
    """Complex numbers, for derivatives by complex step: kinks and comparisons go by the real part.

    In a tie x counts as the larger, everywhere: so abs, maximum(x, 0) and minimum(x, 0) take the same side of 0, and a
    row that is smooth though it is made of them (sigmoid) is differentiated right there.

    erf and erfc are mpmath's (cmath has none); log1p, expm1 and arctanh keep their digits for a tiny imaginary part.
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
        if z.real < -0.5:
            return cmath.log(1.0 + z)
        squared = z.real * (2.0 + z.real) + z.imag * z.imag
        return complex(0.5 * math.log1p(squared), math.atan2(z.imag, 1.0 + z.real))

    def expm1(z: complex) -> complex:
        half = math.sin(z.imag / 2.0)
        return complex(math.expm1(z.real) * math.cos(z.imag) - 2.0 * half * half, math.exp(z.real) * math.sin(z.imag))

    def arctan2(y: complex, x: complex) -> complex:  # arctan of the quotient, in the half-plane of the real parts
        if abs(x.real) >= abs(y.real):
            return cmath.atan(y / x) + (math.copysign(math.pi, y.real) if x.real < 0.0 else 0.0)
        return math.copysign(math.pi / 2, y.real) - cmath.atan(x / y)

    def mod(x: complex, y: complex) -> complex:
        return complex(x.real % y.real, (x - (x.real // y.real) * y).imag)

    def larger(x: Any, y: Any) -> Any:
        return x if real(x) >= real(y) else y

    return Namespace(
        "complex numbers",
        number=complex,
        pi=math.pi,
        constant=real,
        step=lambda x: 1.0 if real(x) > 0.0 else 0.0,
        compare=lambda x, y: _compare(real(x), real(y)),
        less=lambda x, y: real(x) < real(y),
        unless=_unless,
        floor=lambda x: float(math.floor(real(x))),
        total=_by(operator.add),
        largest=_by(larger),
        pow=power,
        exp=cmath.exp,
        exp2=lambda z: cmath.exp(z * math.log(2.0)),
        log=cmath.log,
        log2=lambda z: cmath.log(z) / math.log(2.0),
        log10=lambda z: cmath.log(z) / math.log(10.0),
        log1p=log1p,
        expm1=expm1,
        sqrt=cmath.sqrt,
        sin=cmath.sin,
        cos=cmath.cos,
        tan=cmath.tan,
        arcsin=cmath.asin,
        arccos=cmath.acos,
        arctan=cmath.atan,
        arctan2=arctan2,
        sinh=cmath.sinh,
        cosh=cmath.cosh,
        tanh=cmath.tanh,
        arcsinh=cmath.asinh,
        arccosh=cmath.acosh,
        arctanh=cmath.atanh,
        erf=from_mpmath("erf"),
        erfc=from_mpmath("erfc"),
        abs=lambda x: x if real(x) >= 0.0 else -x,
        sign=lambda x: _compare(real(x), 0.0),
        mod=mod,
        maximum=larger,
        minimum=lambda x, y: x if real(x) < real(y) else y,
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
    names = "exp log log10 log1p expm1 sqrt sin cos tan sinh cosh tanh erf erfc floor sign"
    return Namespace(
        "mpmath",
        number=mpmath.mpf,
        pi=mpmath.pi,
        constant=_itself,
        step=lambda x: mpmath.mpf(x > 0),
        compare=lambda x, y: mpmath.sign(x - y),
        less=operator.lt,
        unless=_unless,
        total=_by(operator.add),
        largest=_by(_larger),
        pow=operator.pow,
        exp2=lambda x: mpmath.mpf(2) ** x,
        log2=lambda x: mpmath.log(x, 2),
        **{name: getattr(mpmath, name) for name in names.split()},
        arcsin=mpmath.asin,
        arccos=mpmath.acos,
        arctan=mpmath.atan,
        arctan2=mpmath.atan2,
        arcsinh=mpmath.asinh,
        arccosh=mpmath.acosh,
        arctanh=mpmath.atanh,
        abs=mpmath.fabs,
        mod=operator.mod,
        maximum=_larger,
        minimum=_smaller,
    )


@functools.cache
def arrays() -> Namespace:
    """NumPy arrays, element by element (erf and erfc through math: NumPy has none). An n-ary row takes any number."""
    import numpy as np

    return Namespace("arrays", **_on_arrays(), total=_by(operator.add), largest=_by(np.maximum))


@functools.cache
def slices() -> Namespace:
    """As `arrays`, but of an n-ary row each vector of operands is one array: they lie along its first axis.

    >>> import numpy as np
    >>> from autodiff.namespaces import slices
    >>> from autodiff.ops import OPS
    >>> OPS["dot"].value(slices(), np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[10.0, 1.0], [1.0, 10.0]]))
    array([13., 42.])
    """
    import numpy as np

    return Namespace(
        "slices",
        **_on_arrays(),
        total=over_operands(lambda x: np.add.reduce(x, axis=0)),
        largest=over_operands(lambda x: np.max(x, axis=0)),
    )


def _on_arrays() -> dict[str, Any]:
    import numpy as np

    names = (
        "pi exp exp2 log log2 log10 log1p expm1 sqrt sin cos tan arcsin arccos arctan arctan2 sinh cosh tanh "
        "arcsinh arccosh arctanh floor mod maximum minimum sign less"
    )
    return {
        **{name: getattr(np, name) for name in names.split()},
        "number": np.float64,
        "constant": _itself,
        "pow": np.power,
        "abs": np.abs,
        "erf": np.vectorize(math.erf, otypes=[float]),
        "erfc": np.vectorize(math.erfc, otypes=[float]),
        "step": lambda x: np.where(x > 0.0, 1.0, 0.0),
        "compare": lambda x, y: 1.0 * (x > y) - 1.0 * (x < y),
        "unless": np.where,
    }
