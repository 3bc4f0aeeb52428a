"""The reader of "q = x + y; f = q * z": a text becomes statements, each a tree of operations on names and numbers.

It reads mathematics as people type it and as this project prints it (x², √x, σ(x), 2·x, 1.2×10⁻⁷), and nothing else:
no text is ever run as Python. Everything it refuses is an error that points at its column and says what to write
instead. Nothing here recurses, so a text may be as long as it likes. What names stand for is `expression`'s.
"""

from __future__ import annotations

import keyword
import math
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from viz.writing.numbers import RAISED, lowered
from viz.writing.text import plain

TOO_LARGE = "this number is too large"
_EXCERPT = 60  # characters of a long line to show on either side of the place of an error
_TOKEN = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    rf"|(?P<raised>[{RAISED}]+)"
    rf"|(?P<name>[^\W\d](?:(?![{RAISED}])\w)*)"
    r"|(?P<sign>\*\*|//|[=<>!:+*/-]=|[-+*/^()\[\],=;√|·×÷−–⋅∙])"
    r"|(?P<end>\n)"
    r"|(?P<blank>[ \t\f\r]+|\#[^\n]*|\\\n)"
    r"|(?P<other>.)",
    re.DOTALL,
)
_SAME = {"·": "*", "×": "*", "⋅": "*", "∙": "*", "÷": "/", "−": "-", "–": "-", "^": "**"}
BINARY = {"+": ("add", 1), "-": ("sub", 1), "*": ("mul", 2), "/": ("div", 2), "**": ("pow", 4)}
UNARY = 3  # −x² is −(x²), and 2·−x is 2·(−x)
_ROOT = 6  # √x² is (√x)², as it is printed
_CLOSING = {"(": ")", "[": "]", "|": "|"}
_REFUSED = {
    "//": "// is not allowed: write / for division",
    ".": "attributes (a.b) are not allowed",
    "'": "only real numbers are allowed",
    '"': "only real numbers are allowed",
    "{": "curly brackets are not allowed: write ( and )",
    "}": "curly brackets are not allowed: write ( and )",
    "%": "% is not allowed in an expression",
    "@": "@ is not allowed in an expression",
    "~": "~ is not allowed in an expression",
    "&": "& is not allowed in an expression",
    "?": "? is not allowed in an expression",
    ":": ": is not allowed: write name = expression",
    "<": "comparisons are not allowed",
    ">": "comparisons are not allowed",
} | dict.fromkeys(("==", "!=", "<=", ">="), "comparisons are not allowed")
_WORDS = dict.fromkeys(("and", "or", "not"), "and, or, not are not allowed") | {
    "if": "if … else is not allowed",
    "else": "if … else is not allowed",
    "for": "comprehensions are not allowed",
    "lambda": "lambda is not allowed",
    "True": "only real numbers are allowed",
    "False": "only real numbers are allowed",
    "None": "only real numbers are allowed",
}


class ExpressionError(ValueError):
    """A text is no expression of the kind that is read here; the message shows where.

    reason : what is wrong, in one sentence
    line, column : where, both counted from 1; 0 where the text itself has no such place (an input too many)
    """

    def __init__(self, reason: str, text: str, line: int = 0, column: int = 0) -> None:
        self.reason, self.text, self.line, self.column = reason, text, line, column
        super().__init__(f"{reason}\n{_excerpt(text, line, column)}" if line else reason)


def _excerpt(text: str, line: int, column: int) -> str:
    lines = text.replace("\r\n", "\n").split("\n")
    whole = lines[min(line, len(lines)) - 1]
    start = max(column - 1 - _EXCERPT, 0)
    before, after = plain(whole[start : column - 1]), plain(whole[column - 1 : column - 1 + _EXCERPT])
    cut_left, cut_right = "… " if start else "", " …" if len(whole) > column - 1 + _EXCERPT else ""
    return f"  {cut_left}{before}{after}{cut_right}\n  {' ' * len(cut_left + before)}^"


def error_at(reason: str, text: str, place: int) -> ExpressionError:
    """An error that points at a place of the text, counted from 0."""
    before = text[:place].replace("\r\n", "\n")
    line = before.count("\n") + 1
    return ExpressionError(reason, text, line, len(before) - (before.rfind("\n") + 1) + 1)


@dataclass(frozen=True)
class Token:
    kind: str  # number, raised (²), name, sign, end (of a line), other
    text: str
    place: int


@dataclass(frozen=True, eq=False)
class Node:
    """A part of an expression: a number, a name, or an operation on parts.

    kind : "number", "name", "operation" (of the row ``text``), "call" (of the function called ``text``) or "list"
    start, stop : where it stands in the text
    """

    kind: str
    text: str
    start: int
    stop: int
    parts: tuple[Node, ...] = ()

    def folded(self, apply: Callable[[Node, list[Any]], Any]) -> Any:
        """``apply(node, what it gave for its parts)`` for every node, operands before results; that of this one.

        On a stack of our own: a long sum must not end in a RecursionError.
        """
        done: list[Any] = []
        stack: list[tuple[Node, bool]] = [(self, False)]
        while stack:
            node, ready = stack.pop()
            if node.parts and not ready:
                stack.append((node, True))
                stack += [(part, False) for part in reversed(node.parts)]
                continue
            start = len(done) - len(node.parts)
            done[start:] = [apply(node, done[start:])]
        return done[0]


@dataclass(frozen=True)
class Statement:
    """``name = expression``; without a name where only the expression is given."""

    name: str
    place: int
    expression: Node


@dataclass
class _Open:
    """A bracket that is open: what stands before it (a function's name), and the operands that are read already."""

    sign: str
    place: int
    function: Token | None = None
    operands: list[Node] = field(default_factory=list)


def statements(text: str, functions: Collection[str] = ()) -> list[Statement]:
    """The statements of a text, separated by semicolons or the ends of lines. Raises `ExpressionError`.

    functions : the names of functions, so that "sin x" is told from a product
    """
    found = [_Statement(text, tokens, functions).read() for tokens in _parted(text)]
    if not found:
        raise error_at('there is nothing to compute: write "f = x * y"', text, 0)
    return found


def normalised(name: str) -> str:
    """A name as it is compared: letters that mean the same (ﬁ, 𝑥) are the same, as in Python."""
    return unicodedata.normalize("NFKC", name)


def _parted(text: str) -> Iterator[list[Token]]:
    """The tokens of each statement; a line ends none while a bracket is open."""
    tokens: list[Token] = []
    depth = 0
    for token in _tokens(text):
        depth += (token.text in "([") - (token.text in ")]") if token.kind == "sign" else 0
        if token.text == ";" or (token.kind == "end" and depth <= 0):
            if tokens:
                yield tokens
            tokens, depth = [], 0
        elif token.kind != "end":
            tokens.append(token)
    if tokens:
        yield tokens


def _tokens(text: str) -> Iterator[Token]:
    for found in _TOKEN.finditer(text):
        kind, written = found.lastgroup or "", found[0]
        if kind != "blank":
            written = normalised(written) if kind == "name" else written
            yield Token(kind, _SAME.get(written, written), found.start())


class _Statement:
    """One statement, read from left to right with operators waiting for their operands on a stack of our own."""

    def __init__(self, text: str, tokens: list[Token], functions: Collection[str]) -> None:
        self.text, self.tokens, self.functions = text, tokens, functions
        self.values: list[Node] = []
        self.waiting: list[tuple[str, int, int]] = []  # operator or bracket, how tightly it binds, its place
        self.open: list[_Open] = []

    def read(self) -> Statement:
        name, place = self._target()
        expects_operand = True
        for i, token in enumerate(self.tokens):
            if token.kind == "other" or token.text in _REFUSED:
                refused = f"{plain(token.text)} is not allowed in an expression"
                raise self._error(_REFUSED.get(token.text, refused), token.place)
            expects_operand = self._operand(token, i) if expects_operand else self._operator(token, i)
        if self.open:
            raise self._error("this bracket is not closed", self.open[-1].place)
        if expects_operand:
            last = self.tokens[-1] if self.tokens else None
            what = f"an operand is missing behind {last.text}" if last else "there is nothing behind ="
            raise self._error(what, last.place if last else place)
        self._reduce(0)
        (expression,) = self.values
        return Statement(name, place, expression)

    def _target(self) -> tuple[str, int]:
        """The name that is assigned, which is taken off the tokens; "" where there is none."""
        first = self.tokens[0]
        assigns = [i for i, token in enumerate(self.tokens) if token.text == "="]
        if not assigns:
            return "", first.place
        before = [token.text for token in self.tokens[: assigns[0]]]
        if before.count("(") > before.count(")"):  # in a call, where it is an error of its own
            return "", first.place
        if len(before) > 2 and before[1] == "(" and first.kind == "name":
            said = f"write {first.text} = …, without {''.join(before[1:])}: the inputs are found by themselves"
            raise self._error(said, first.place)
        if first.kind != "name" or first.text in keyword.kwlist or assigns[0] != 1:
            raise self._error("assign to one name: name = expression", first.place)
        self.tokens = self.tokens[2:]
        return first.text, first.place

    # Where an operand is expected.

    def _operand(self, token: Token, i: int) -> bool:
        """Take a token where an operand is expected; returns whether one still is."""
        if token.kind == "number":
            self._push_number(token)
            return False
        if token.kind == "name":
            if token.text in _WORDS or token.text in keyword.kwlist:
                raise self._error(_WORDS.get(token.text, f"{token.text} is not allowed in an expression"), token.place)
            if self._next(i) == "(":
                return True  # its bracket comes next, and knows it
            self.values.append(Node("name", token.text, token.place, token.place + len(token.text)))
            return False
        if token.text in ("+", "-"):
            self.waiting.append(("plus" if token.text == "+" else "neg", UNARY, token.place))
            return True
        if token.text == "√":
            self.waiting.append(("sqrt", _ROOT, token.place))
            return True
        if token.text in _CLOSING:
            before = self.tokens[i - 1] if i else None
            function = before if token.text == "(" and before is not None and before.kind == "name" else None
            self.open.append(_Open(token.text, token.place, function))
            self.waiting.append((token.text, 0, token.place))
            return True
        if token.text in (")", "]") and self.open and self.tokens[i - 1].text in ("(", "["):
            self._close(token)  # of nothing: f()
            return False
        raise self._error(f"an operand is missing before {token.text}", token.place)

    def _push_number(self, token: Token) -> None:
        number = float(token.text)
        if not math.isfinite(number):
            raise self._error(TOO_LARGE, token.place)
        self.values.append(Node("number", token.text, token.place, token.place + len(token.text)))

    # Where an operator is expected.

    def _operator(self, token: Token, i: int) -> bool:
        """Take a token behind an operand; returns whether an operand is expected next."""
        before = self.tokens[i - 1]
        if before.text in self.functions and (token.kind == "raised" or token.text == "**"):
            name = before.text
            raise self._error(
                f"write {name}(…)**2, not {name}**2(…): the power stands behind the bracket", before.place
            )
        if token.text in BINARY:
            _, binds = BINARY[token.text]
            self._reduce(binds + (token.text == "**"))  # a power binds from the right
            self.waiting.append((token.text, binds, token.place))
            return True
        if token.kind == "raised":
            self._reduce(_ROOT)
            base = self.values.pop()
            exponent = Node("number", lowered(token.text), token.place, token.place + len(token.text))
            self.values.append(Node("operation", "pow", base.start, exponent.stop, (base, exponent)))
            return False
        if token.text == "," and self.open:
            self._reduce(0)
            self.open[-1].operands.append(self.values.pop())
            return True
        if token.text in (")", "]") or (token.text == "|" and self.open and self.open[-1].sign == "|"):
            self._reduce(0)
            if self.open:
                self.open[-1].operands.append(self.values.pop())
            self._close(token)
            return False
        raise self._error(*self._adjacent(token, i))

    def _adjacent(self, token: Token, i: int) -> tuple[str, int]:
        """What to say of an operand, or worse, that follows an operand."""
        before = self.tokens[i - 1]
        if token.kind == "name" and (token.text in _WORDS or token.text in keyword.kwlist):
            return _WORDS.get(token.text, f"{token.text} is not allowed in an expression"), token.place
        if before.text in self.functions and token.kind in ("name", "number"):
            return f"write {before.text}({token.text}): the operand of a function stands in brackets", before.place
        if token.text == "[":
            return "subscripts (a[i]) are not allowed", token.place
        if token.text == "=" and self.open:
            return "operands are given by position, without a name", before.place
        if token.text.endswith("="):
            return "a statement is name = expression, with one =", token.place
        if before.kind == "number" and token.text in ("j", "J"):
            return "only real numbers are allowed", before.place
        if token.kind in ("name", "number") or token.text in ("(", "√", "|"):
            right = {"(": "(…)", "|": "|…|"}.get(token.text, token.text)
            left = "(…)" if before.text == ")" else before.text
            place = before.place if before.kind == "number" else token.place
            return f"write {left}*{right}: a product needs its sign", place
        return f"{token.text} is not allowed here", token.place

    def _close(self, token: Token) -> None:
        if not self.open or _CLOSING[self.open[-1].sign] != token.text:
            raise self._error("this bracket closes none", token.place)
        opened = self.open.pop()
        self.waiting.pop()
        start = opened.function.place if opened.function else opened.place
        stop = token.place + 1
        if opened.function is not None:
            self.values.append(Node("call", opened.function.text, start, stop, tuple(opened.operands)))
        elif opened.sign == "[":
            self.values.append(Node("list", "", start, stop, tuple(opened.operands)))
        elif len(opened.operands) != 1:
            raise self._error("one expression stands in brackets, and a comma parts only operands", opened.place)
        elif opened.sign == "|":
            self.values.append(Node("operation", "abs", start, stop, tuple(opened.operands)))
        else:
            (inner,) = opened.operands
            self.values.append(Node(inner.kind, inner.text, start, stop, inner.parts))

    def _reduce(self, binds: int) -> None:
        """Apply the waiting operators that bind at least as tightly as that, back to the last bracket."""
        while self.waiting and self.waiting[-1][0] not in _CLOSING and self.waiting[-1][1] >= max(binds, 1):
            sign, _, place = self.waiting.pop()
            right = self.values.pop()
            if sign == "plus":
                self.values.append(Node(right.kind, right.text, place, right.stop, right.parts))
            elif sign in ("neg", "sqrt"):
                self.values.append(Node("operation", sign, place, right.stop, (right,)))
            else:
                left = self.values.pop()
                self.values.append(Node("operation", BINARY[sign][0], left.start, right.stop, (left, right)))

    def _next(self, i: int) -> str:
        return self.tokens[i + 1].text if i + 1 < len(self.tokens) else ""

    def _error(self, reason: str, place: int) -> ExpressionError:
        return error_at(reason, self.text, place)
