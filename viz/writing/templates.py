"""Sentences in which each number is still a placeholder: one text for Python, and for a page whose numbers move.

Four things can stand in a template: a name (a private character, `derivation.typeset`), a number, a number as an
operand, in brackets where it needs them, and the sign between two sides, "=" or "≈". No other wording depends on the
data. A number is known by its key, as d3. Here a template is filled for text; the page fills it by the same rules
(step/numbers.js), and a test holds the two against each other.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence

from viz.writing.numbers import bracketed, format_number, number_in, relation

_NUMBER, _BRACKETED, _SIGN, _END = "\ue000", "\ue001", "\ue002", "\ue003"
_SLOT = re.compile(f"([{_NUMBER}{_BRACKETED}{_SIGN}])([^{_END}]*){_END}")


def number(key: str) -> str:
    return f"{_NUMBER}{key}{_END}"


def operand(key: str) -> str:
    """A number behind a sign of operation: in brackets where it has a sign or is a product itself."""
    return f"{_BRACKETED}{key}{_END}"


def unbracketed(slot: str) -> str:
    return slot.replace(_BRACKETED, _NUMBER)


def in_full(*keys: str) -> str:
    """ "=" where all these numbers are shown in full, else "≈"."""
    return f"{_SIGN}full {' '.join(dict.fromkeys(keys))}{_END}"


def outcome(how: str, keys: Sequence[str], result: str) -> str:
    """ "=" where the numbers as they are shown come to the result as it is shown, else "≈".

    how : "product", "sum", "dot" (of keys in pairs), or op3: the row of node 3 is evaluated on the numbers shown
    """
    return f"{_SIGN}{how} {' '.join(keys)} {result}{_END}"


def length(template: str, digits: int) -> int:
    """How long a template is as a rule, whatever its numbers are."""
    return len(_SLOT.sub(lambda slot: "" if slot[1] == _SIGN else "0" * (digits + 2), template))


def bare(template: str) -> str:
    """What stands around the numbers of a template."""
    return _SLOT.sub("", template)


def written(x: float, digits: int) -> str:
    return format_number(x, digits) if math.isfinite(x) else "undefined"


def fill(
    template: str, numbers: Mapping[str, float], digits: int, evaluate: Callable[[str, Sequence[float]], float | None]
) -> str:
    """The template with its numbers, of so many significant digits.

    evaluate : the row of a node, as op3, on other operands; None where it has no value there
    """

    def one(slot: re.Match[str]) -> str:
        text = written(numbers[slot[2]], digits)
        return bracketed(text) if slot[1] == _BRACKETED else text

    return _SLOT.sub(one, signed(template, numbers, digits, evaluate))


def signed(
    template: str, numbers: Mapping[str, float], digits: int, evaluate: Callable[[str, Sequence[float]], float | None]
) -> str:
    """The template with the signs that hold for these numbers, for a page that moves none of them."""

    def one(slot: re.Match[str]) -> str:
        if slot[1] != _SIGN:
            return slot[0]
        how, *keys = slot[2].split(" ")
        return _sign(how, [numbers[key] for key in keys], digits, evaluate)

    return _SLOT.sub(one, template)


def _sign(how: str, x: Sequence[float], digits: int, evaluate: Callable[[str, Sequence[float]], float | None]) -> str:
    if not all(map(math.isfinite, x)):
        return "="  # "undefined" is no rounded number
    rounded = [number_in(format_number(value, digits)) for value in x]
    if how == "full":
        return "=" if all(relation(a, b) == "=" for a, b in zip(rounded, x, strict=True)) else "≈"
    *operands, result = rounded
    left = _combined(how, operands) if how in ("product", "sum", "dot") else evaluate(how, operands)
    return "≈" if left is None else relation(left, result)


def _combined(how: str, x: Sequence[float]) -> float:
    """From left to right, as a page adds: no sum that is more exact than its own."""
    if how == "product":
        return math.prod(x)
    total = 0.0
    for term in x if how == "sum" else (a * b for a, b in zip(x[::2], x[1::2], strict=True)):
        total += term
    return total
