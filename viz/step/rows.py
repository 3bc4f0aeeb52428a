"""The op table's rows that a page needs, as JavaScript: what makes its numbers live.

The functions are `autodiff.codegen`'s; here they are gathered, and those that the language lacks only where a row calls
them. An operation of a user's own whose rules are no plain formulas cannot be written: the page then says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from autodiff.codegen import JAVASCRIPT, domain_source, row_source
from autodiff.op import Op

_FUNCTION = re.compile(r"^(?:const|function) (\w+)", re.MULTILINE)
_UNWRITABLE = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError)


@dataclass(frozen=True)
class Rows:
    """source : an expression in JavaScript, an object of rows by name, or null; standing : why it is null"""

    source: str
    standing: str = ""


def rows_of(ops: Iterable[Op]) -> Rows:
    """The rows of these operations, each once.

    >>> from autodiff.ops import OPS
    >>> print(rows_of([OPS["relu"]]).source)
    (() => {
    const step = x => (x > 0 ? 1 : 0);
    const larger = (x, y) => (x >= y ? x : y);
    function relu_value(x) {
        return larger(x, 0.0);
    }
    function relu_partial_0(out, x) {
        return step(x);
    }
    function relu_smooth(x) {
        return x != 0.0;
    }
    return { relu: { value: relu_value, partials: [relu_partial_0], smooth: relu_smooth } };
    })()
    """
    written: list[str] = []
    entries: list[str] = []
    for op in dict.fromkeys(ops):
        try:
            text = "\n\n".join(filter(None, [row_source(op, JAVASCRIPT), domain_source(op, JAVASCRIPT)]))
        except _UNWRITABLE:
            return Rows("null", f"The operation {op.name} cannot be written in JavaScript")
        written.append(text)
        entries.append(_entry(op, text))
    functions = "\n\n".join([*_prelude("\n".join(written)), *written]).replace("\n\n", "\n")
    return Rows(f"(() => {{\n{functions}\nreturn {{ {', '.join(entries)} }};\n}})()")


def _entry(op: Op, text: str) -> str:
    partials = f"{op.name}_partials"
    if not op.n_ary:
        partials = f"[{', '.join(f'{op.name}_partial_{i}' for i in range(len(op.operands)))}]"
    fields = [f"value: {op.name}_value", f"partials: {partials}"]
    fields += [f"{what}: {op.name}_{what}" for what in ("contains", "smooth") if f"{op.name}_{what}(" in text]
    fields += [f"vectors: {len(op.vectors)}"] if op.n_ary else []
    return f"{op.name}: {{ {', '.join(fields)} }}"


def _prelude(text: str) -> list[str]:
    """Of the functions that JavaScript lacks those that are called, in what is written or by one another."""
    starts = [found.start() for found in _FUNCTION.finditer(JAVASCRIPT.prelude)]
    blocks = [JAVASCRIPT.prelude[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)]
    named = {_FUNCTION.match(block)[1]: block for block in blocks}  # type: ignore[index]
    needed: dict[str, str] = {}
    waiting = [text]
    while waiting:
        words = set(re.findall(r"\w+", waiting.pop()))
        found = {name: block for name, block in named.items() if name in words and name not in needed}
        needed |= found
        waiting += found.values()
    return [block for name, block in named.items() if name in needed]
