"""Numbers as pictures, equations and listings show them: few digits, a true minus sign, powers of ten.

A number that is shown rounded is said to be: "=" stands only where it holds for the digits shown, "≈" elsewhere.
Only for reading: what a program reads (JSON, checkpoints) has every digit.
"""

from __future__ import annotations

import math

RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"
_RAISE = str.maketrans("0123456789-−", RAISED + "⁻")
_LOWER = str.maketrans(RAISED, "0123456789-")
_SMALLEST, _LARGEST = -4, 1e6  # below 10^−4, and from a million on, powers of ten are easier to read
_ROUND_OFF = 1e-15  # relative: 4.5 units in the last place


def format_number(x: float, digits: int = 4) -> str:
    """``x`` rounded to ``digits`` significant digits (1 to 17), without trailing zeros.

    All digits before the point are kept below a million; from there on, and below 0.0001, powers of ten are
    written. Zero has no sign. Raises ValueError for ``digits`` outside 1 … 17.

    >>> from viz.writing.numbers import format_number
    >>> [format_number(x) for x in (-4.0, 0.1, 1 / 3, -0.0, 123456.7)]
    ['−4', '0.1', '0.3333', '0', '123457']
    >>> [format_number(x) for x in (1.2e-7, -2.5e30, float("inf"))]
    ['1.2×10⁻⁷', '−2.5×10³⁰', '∞']
    """
    check_digits(digits)
    if math.isnan(x):
        return "nan"
    sign, size = ("−" if x < 0.0 else ""), abs(x)
    if math.isinf(size):
        return f"{sign}∞"
    if size == 0.0:
        return "0"
    mantissa, power = f"{size:.{digits - 1}e}".split("e")
    exponent = int(power)
    if exponent >= _SMALLEST and round(size) < _LARGEST:
        return sign + _without_zeros(f"{size:.{max(digits - 1 - exponent, 0)}f}")
    return f"{sign}{_without_zeros(mantissa)}×10{superscript(str(exponent))}"


def widest_number(digits: int) -> str:
    """The longest text of a number of so many digits.

    >>> widest_number(4)
    '−8.888×10⁻³⁰⁸'
    """
    check_digits(digits)
    return "−8" + ("." + "8" * (digits - 1) if digits > 1 else "") + f"×10{superscript('-308')}"


def number_in(text: str) -> float:
    """The number that `format_number` wrote: the inverse of it, but for what was rounded away.

    >>> number_in("−1.2×10⁻⁷"), number_in("0.3333")
    (-1.2e-07, 0.3333)
    """
    mantissa, _, exponent = text.replace("−", "-").replace("∞", "inf").partition("×10")
    return float(f"{mantissa}e{lowered(exponent)}") if exponent else float(mantissa)


def relation(left: float, right: float) -> str:
    """The sign between two numbers: "=" where they are equal but for the rounding of floats, else "≈".

    >>> relation(number_in("0.3"), 0.1 + 0.2), relation(number_in("0.3333"), 1 / 3)
    ('=', '≈')
    """
    return "=" if abs(left - right) <= _ROUND_OFF * max(abs(left), abs(right)) else "≈"


def format_count(count: int) -> str:
    """A number of things; from a thousand million on its power of ten.

    >>> from viz.writing.numbers import format_count
    >>> format_count(20), format_count(2**1000)
    ('20', 'about 10³⁰¹')
    """
    return str(count) if count < 10**9 else f"about 10{superscript(str(math.floor(math.log10(count))))}"


def superscript(integer: str) -> str:
    """An integer as an exponent: −7 as ⁻⁷."""
    return integer.translate(_RAISE)


def lowered(exponent: str) -> str:
    """An exponent written as an integer, with the minus sign of a keyboard: ⁻⁷ as -7."""
    return exponent.translate(_LOWER)


def bracketed(number: str) -> str:
    """A number as an operand: in brackets where it has a sign or is a product itself (1.2×10⁻⁷)."""
    return f"({number})" if number.startswith("−") or "×" in number else number


def check_digits(digits: int) -> None:
    if isinstance(digits, bool) or not isinstance(digits, int) or not 1 <= digits <= 17:
        raise ValueError(f"digits must be a whole number from 1 to 17, not {digits!r}")


def _without_zeros(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
