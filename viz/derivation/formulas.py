"""An operation and its local derivatives as formulas, with names or with numbers for the operands.

The formulas come from the op table, run on symbols: no rule is written here. Each one says whether the numbers in it
are shown in full, so that nobody sets "=" beside a rounded one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autodiff import Value
from autodiff.op import Op
from autodiff.symbols import SYMBOLS, Symbol, symbol
from viz.writing.numbers import bracketed, format_number, number_in, relation, superscript
from viz.writing.templates import unbracketed

_FIRST = 0xF0000  # private characters stand for operands until a formula is made, so that no name is read as one
_OPERAND = re.compile(r"(\^?)([\U000F0000-\U0010FFFD])")
_NUMBER = re.compile(r"(?<![\w.])[0-9]+(?:\.[0-9]+)?(?:e[+−-][0-9]+)?")  # 0.5, 1e−07; not the 1 of log1p
_BRACKETED_NUMBER = re.compile(r"\([−\d][^()]*\)")
_FACTOR = 2  # the level of a Symbol that needs no brackets as a factor
_CIRCLED = 20  # ① … ⑳; what stands beyond is (21)


@dataclass(frozen=True)
class Formula:
    """text : the formula; exact : whether every number in it is shown in full"""

    text: str
    exact: bool = True


def place(i: int) -> str:
    """The operand at that place, whatever it is called: ①, ②, …"""
    return chr(0x2460 + i) if i < _CIRCLED else f"({i + 1})"


def operation(node: Value, names: Mapping[Value, str], digits: int) -> Formula:
    """The operation that made ``node``, with the names of its operands: x + y.

    >>> from autodiff import Value
    >>> x, y = Value(2.0), Value(3.0)
    >>> operation(x + y, {x: "x", y: "y"}, 4).text, operation(x / 3.0, {x: "x"}, 4).text
    ('x + y', 'x/3')
    """
    assert node.op is not None
    return _filled(str(node.op.written(_places(len(node.args)))), node.args, names, digits)


def local_derivatives(node: Value, names: Mapping[Value, str], digits: int) -> tuple[Formula | None, ...]:
    """The local derivatives from the op table with the names of the operands, in their order: 3·x².

    None for an operand that is a number: it does not vary.
    """
    op = node.op
    if op is None:
        return ()
    # Numbers that are shown in full stay numbers, so that the row can reckon with them: 3·x², not 3·x^(3 − 1).
    operands = [
        a if not isinstance(a, Value) and _in_full(a, digits) else place
        for place, a in zip(_places(len(node.args)), node.args, strict=True)
    ]
    out = op.written(tuple(map(symbol, operands)))
    if isinstance(op.shown, tuple):
        rows = [
            rule(SYMBOLS, out, *operands) if isinstance(a, Value) else None
            for rule, a in zip(op.shown, node.args, strict=True)
        ]
    else:
        rows = op.shown(SYMBOLS, out, *operands)
    return tuple(
        _filled(symbol(row).text, node.args, names, digits) if isinstance(a, Value) else None
        for row, a in zip(rows, node.args, strict=True)
    )


def rule(op: Op, count: int, i: int) -> str:
    """The row's own rule for operand i of ``count``, in which no name of the user's can occur: ∂(① · ②)/∂① = ②.

    >>> from autodiff.ops import OPS
    >>> rule(OPS["mul"], 2, 0), rule(OPS["tanh"], 1, 0)
    ('∂(①·②)/∂① = ②', '∂tanh(①)/∂① = 1 − tanh(①)²')
    """
    operands = _places(count)
    out = op.written(operands)
    partial = symbol(op.shown_partial(i, SYMBOLS, out, *operands))
    written = f"∂{_factor(out)}/∂{operands[i]} = {shown(partial.text, 17)[0]}"
    return _OPERAND.sub(lambda found: found[1] + place(ord(found[2]) - _FIRST), written)


def in_users_names(text: str, op: Op, operands: Sequence[str]) -> str:
    """A sentence of the table, as "y ≠ 0", with the operands called as the user calls them."""
    called = dict(zip(op.operand_names(len(operands)), operands, strict=True))
    return re.sub(r"[^\W\d]\w*", lambda word: called.get(word[0], word[0]), text)


def shown(formula: str, digits: int) -> tuple[str, bool]:
    """A formula as symbols wrote it, its numbers with so many digits; and whether they are all shown in full."""
    every: list[bool] = []

    def write(found: re.Match[str]) -> str:
        number = float(found[0].replace("−", "-"))
        text = format_number(number, digits)
        every.append(relation(number_in(text), number) == "=")
        return text

    return _NUMBER.sub(write, formula), all(every)


def _places(count: int) -> tuple[Symbol, ...]:
    return tuple(Symbol(chr(_FIRST + i)) for i in range(count))


def _in_full(x: float, digits: int) -> bool:
    return relation(number_in(format_number(x, digits)), x) == "="


def _factor(formula: Symbol) -> str:
    return formula.text if formula.level >= _FACTOR else f"({formula.text})"


def _filled(formula: str, args: Sequence[Any], names: Mapping[Value, str], digits: int) -> Formula:
    written, exact = shown(formula, digits)

    def fill(found: re.Match[str]) -> str:
        nonlocal exact
        a = args[ord(found[2]) - _FIRST]
        name = names[a] if isinstance(a, Value) else bracketed(format_number(a, digits))
        exact = exact and (isinstance(a, Value) or _in_full(a, digits))
        if found[1] and name.isdecimal() and name.isascii():
            return superscript(name)
        alone = written[: found.start()].endswith(("(", ", ")) and written[found.end() :].startswith((",", ")"))
        if alone:  # exp(−1): the brackets of the function will do
            name = unbracketed(name[1:-1] if _BRACKETED_NUMBER.fullmatch(name) else name)
        return found[1] + name

    text = _OPERAND.sub(fill, written)
    return Formula(text, exact)
