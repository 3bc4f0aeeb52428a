"""Running a row of the table on symbols: the local derivatives as a person writes them, in text and LaTeX.

This is a printer, not a computer algebra system: it drops factors of 1 and writes a·a as a², no more.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable
from typing import Any

_SUM, _PRODUCT, _POWER, _ATOM = range(4)  # how tightly an expression holds together
_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_NAMES = {"sigmoid": "σ", "maximum": "max", "minimum": "min"}
_LATEX_NAMES = {
    "sigmoid": r"\sigma",
    "maximum": r"\max",
    "minimum": r"\min",
    **{
        name: f"\\{name}"
        for name in ("exp", "log", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh")
    },
}


class Symbol:
    """An expression: its text, its LaTeX, and how tightly it holds together."""

    def __init__(self, text: str, latex: str | None = None, level: int = _ATOM) -> None:
        self.text = text
        self.latex = text if latex is None else latex
        self.level = level
        self.quotient: tuple[Symbol, Symbol] | None = None

    def __str__(self) -> str:
        return self.text

    def _in(self, level: int) -> tuple[str, str]:
        """Text and LaTeX as part of a tighter expression: in brackets where needed."""
        if self.level >= level:
            return self.text, self.latex
        return f"({self.text})", rf"\left({self.latex}\right)"

    def _same(self, other: Symbol) -> bool:
        return self.text == other.text

    def __add__(self, other: Any) -> Symbol:
        return _joined(self, " + ", symbol(other))

    def __radd__(self, other: Any) -> Symbol:
        return symbol(other) + self

    def __sub__(self, other: Any) -> Symbol:
        other = symbol(other)
        if other.text == "1" and self.text.isdecimal():  # of an exponent that is a number, x^(3 − 1)
            return symbol(float(self.text) - 1.0)
        return _joined(self, " − ", other)

    def __rsub__(self, other: Any) -> Symbol:
        return symbol(other) - self

    def __mul__(self, other: Any) -> Symbol:
        other = symbol(other)
        if other.text == "1":
            return self
        if self.text == "1":
            return other
        if self._same(other):
            return power(self, symbol(2))
        (a, la), (b, lb) = self._in(_PRODUCT), other._in(_POWER if other.text.startswith("−") else _PRODUCT)
        return Symbol(f"{a}·{b}", rf"{la} \cdot {lb}", _PRODUCT)

    def __rmul__(self, other: Any) -> Symbol:
        return symbol(other) * self

    def __truediv__(self, other: Any) -> Symbol:
        other = symbol(other)
        if self.quotient and self.quotient[1]._same(other):  # (x / y) / y is x / y²
            return self.quotient[0] / power(other, symbol(2))
        (a, _), (b, _) = self._in(_PRODUCT), other._in(_POWER)
        quotient = Symbol(f"{a}/{b}", rf"\frac{{{self.latex}}}{{{other.latex}}}", _PRODUCT)
        quotient.quotient = (self, other)
        return quotient

    def __rtruediv__(self, other: Any) -> Symbol:
        return symbol(other) / self

    def __neg__(self) -> Symbol:
        text, latex = self._in(_PRODUCT)
        opposite = Symbol(f"−{text}", f"-{latex}", _PRODUCT)
        if self.quotient:
            opposite.quotient = (-self.quotient[0], self.quotient[1])
        return opposite

    def __pow__(self, other: Any) -> Symbol:
        return power(self, other)

    def __eq__(self, other: object) -> Any:  # a condition, which `unless` passes by
        return False

    __hash__ = None  # type: ignore[assignment]


def symbol(x: Any) -> Symbol:
    """A Symbol as it is, a number as it is written."""
    if isinstance(x, Symbol):
        return x
    text = f"{x:.12g}"
    return Symbol(text.replace("-", "−"), text, _PRODUCT if text.startswith("-") else _ATOM)


def _joined(a: Symbol, sign: str, b: Symbol) -> Symbol:
    text, latex = b._in(_PRODUCT)  # pyright: ignore[reportPrivateUsage]
    if text.startswith("−"):
        text, latex = f"({text})", rf"\left({latex}\right)"
    return Symbol(a.text + sign + text, a.latex + sign.replace("−", "-") + latex, _SUM)


def power(base: Any, exponent: Any) -> Symbol:
    base, exponent = symbol(base), symbol(exponent)
    text, latex = base._in(_ATOM)  # pyright: ignore[reportPrivateUsage]
    if exponent.text == "1":
        return base
    if exponent.text.replace("−", "").isdecimal():
        raised = exponent.text.replace("−", "-").translate(_SUPERSCRIPTS)
    else:
        raised = f"^{exponent._in(_ATOM)[0]}"  # pyright: ignore[reportPrivateUsage]
    return Symbol(text + raised, f"{latex}^{{{exponent.latex}}}", _POWER)


def call(name: str, *args: Any) -> Symbol:
    """The operation ``name`` applied: sin(x), √x, |x|, [x > 0]."""
    symbols = [symbol(a) for a in args]
    text, latex = ", ".join(s.text for s in symbols), ", ".join(s.latex for s in symbols)
    if name == "sqrt":
        bare = symbols[0].level == _ATOM
        return Symbol(f"√{text}" if bare else f"√({text})", rf"\sqrt{{{latex}}}")
    if name == "abs":
        return Symbol(f"|{text}|", rf"\left|{latex}\right|")
    if name == "floor":
        return Symbol(f"⌊{text}⌋", rf"\left\lfloor {latex} \right\rfloor")
    if name == "step":
        return Symbol(f"[{text} > 0]", f"[{latex} > 0]")
    if name == "compare":
        return call("sign", symbols[0] - symbols[1])
    shown = _LATEX_NAMES.get(name) or rf"\operatorname{{{name.replace('_', ' ')}}}"
    return Symbol(f"{_NAMES.get(name, name)}({text})", rf"{shown}\left({latex}\right)")


def _remainder(x: Any, y: Any) -> Symbol:
    (a, la), (b, lb) = symbol(x)._in(_PRODUCT), symbol(y)._in(_POWER)  # pyright: ignore[reportPrivateUsage]
    return Symbol(f"{a} % {b}", rf"{la} \bmod {lb}", _PRODUCT)


class _Symbols:
    """The namespace: every function is written, not computed."""

    pi = Symbol("π", r"\pi")
    number = staticmethod(symbol)
    pow = staticmethod(power)
    mod = staticmethod(_remainder)

    @staticmethod
    def constant(x: Any) -> Any:
        return x

    @staticmethod
    def less(x: Any, y: Any) -> bool:
        return False

    @staticmethod
    def unless(condition: Any, special: Any, general: Any) -> Any:
        return general

    @staticmethod
    def total(xs: Iterable[Any]) -> Any:
        return functools.reduce(operator.add, xs)

    @staticmethod
    def largest(xs: Iterable[Any]) -> Any:
        return call("maximum", *xs)

    def __getattr__(self, name: str) -> Any:
        return functools.partial(call, name)


SYMBOLS = _Symbols()


def named(name: str) -> Symbol:
    """A name as a Symbol: x₁ is x_{1} in LaTeX, a name of several letters upright."""
    letter, digits = name.rstrip("₀₁₂₃₄₅₆₇₈₉"), name[len(name.rstrip("₀₁₂₃₄₅₆₇₈₉")) :]
    latex = letter if len(letter) == 1 else rf"\mathrm{{{letter}}}"
    if digits:
        latex = f"{letter}_{{{''.join(str(ord(d) - ord('₀')) for d in digits)}}}"
    return Symbol(name, latex)
