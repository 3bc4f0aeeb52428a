"""Labels as data: any string made fit to be shown on one line, and text made fit for a plain terminal.

Nothing here escapes for a format; whoever writes DOT, SVG or HTML does that last.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from viz.writing.numbers import RAISED, lowered

_REVERSING = ("RLO", "LRO", "RLE", "LRE", "RLI", "LRI", "FSI", "PDF", "PDI")
_ISOLATE, _POP = "\u2068", "\u2069"
_ASCII = str.maketrans(
    {"−": "-", "×": "*", "·": "*", "÷": "/", "∂": "d", "√": "sqrt ", "σ": "sigmoid", "π": "pi", "Σ": "sum", "∞": "inf"}
    | {
        "…": "...",
        "→": "->",
        "≥": ">=",
        "≤": "<=",
        "≠": "!=",
        "ε": "eps",
        "Δ": "delta",
        "±": "+-",
        "✓": "ok",
        "✗": "no",
        "′": "'",
        "″": '"',
        "‴": "'\"",
    }
    | {"₀₁₂₃₄₅₆₇₈₉"[i]: str(i) for i in range(10)}
)
_ROOT = re.compile(r"√([\w.]+(?:\[[\w,]*\])?)")
_EXPONENT = re.compile(f"[{RAISED}]+")


def plain(text: str, longest: int | None = None) -> str:
    """``text`` on one line with nothing in it that acts: control characters are written as escapes.

    With ``longest`` it is cut to so many characters. A newline shows as ↵, a tab as \\t; marks that reverse the
    writing direction stay, and end with the text.

    >>> from viz.writing.text import plain
    >>> plain("two\\nlines")
    'two↵lines'
    """
    shown = "".join(map(_visible, text if longest is None else text[: longest + 1]))
    if longest is not None:
        shown = shorten(shown, longest)
    isolated = shown.startswith(_ISOLATE) and shown.endswith(_POP)
    if not isolated and any(unicodedata.bidirectional(c) in _REVERSING for c in shown):
        return f"{_ISOLATE}{shown}{_POP}"
    return shown


def _visible(c: str) -> str:
    if c == "\n" or unicodedata.category(c) in ("Zl", "Zp"):
        return "↵"
    # Controls, lone surrogates and noncharacters: no XML file may hold them.
    if unicodedata.category(c) in ("Cc", "Cs") or ord(c) & 0xFFFE == 0xFFFE:
        return c.encode("unicode_escape").decode("ascii")
    return c


def columns(rows: Sequence[Sequence[str]], indent: str = "", gap: str = "  ") -> list[str]:
    """The rows of a table as lines in which each column is as wide as its widest cell, as a terminal shows it.

    >>> columns([["name", "data"], ["x", "−2"]])
    ['name  data', 'x     −2']
    """
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    return [
        (indent + gap.join(cell + " " * (w - _width(cell)) for cell, w in zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]


def _width(cell: str) -> int:
    """How many columns of a terminal a text takes: two for 日 and 😀, none for an accent by itself."""
    if cell.isascii():
        return len(cell)
    from wcwidth import wcswidth

    width = wcswidth(cell)
    return width if width >= 0 else len(cell)


def shorten(text: str, length: int) -> str:
    """``text``, cut in the end with … where it is longer than ``length`` characters.

    >>> from viz.writing.text import shorten
    >>> shorten("pre-activation", 5)
    'pre-…'
    """
    return text if len(text) <= length else text[: length - 1] + "…"


def ascii_only(text: str) -> str:
    """``text`` for a terminal that has no other letters: mathematics spelled out, the rest as \\u escapes.

    >>> from viz.writing.text import ascii_only
    >>> ascii_only("∂f/∂x = −1.2×10⁻⁷ · x₁")
    'df/dx = -1.2*10^-7 * x1'
    >>> ascii_only("√x² + √(x·y) + √W1[1,2]")
    'sqrt(x)^2 + sqrt(x*y) + sqrt(W1[1,2])'
    """
    flat = _EXPONENT.sub(lambda found: "^" + lowered(found[0]), text)
    flat = _ROOT.sub(r"sqrt(\1)", flat).replace("√(", "sqrt(")
    return flat.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")


def can_show(text: str, stream: Any) -> bool:
    """Whether a stream has the letters of ``text``."""
    try:
        text.encode(getattr(stream, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    return True
