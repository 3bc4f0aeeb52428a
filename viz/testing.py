"""For testing how an operation is shown: `assert_drawn`; `autodiff.testing.assert_op` tests its numbers."""

from __future__ import annotations

import html
import re

from autodiff import Op, Value
from autodiff.functions import call
from autodiff.op import find_op
from viz.derivation.explain import explain
from viz.graph.drawing import draw
from viz.step.rows import rows_of
from viz.step.stepper import step
from viz.writing.numbers import format_number


def assert_drawn(op: Op | str, *x: float) -> tuple[str, ...]:
    """Check that an operation is shown whole: its symbol, operands, result and local derivatives, wherever it is drawn.

    Parameters
    ----------
    op, x : a row of the op table, or its name, and operands where it is differentiable

    Returns where: "picture", "TikZ", "derivation", "page", and "moving numbers" where the page can compute the row
    itself, which needs rules that are plain formulas. Raises AssertionError for what is missing, and where.

    >>> from viz.testing import assert_drawn
    >>> assert_drawn("tanh", 0.5)
    ('picture', 'TikZ', 'derivation', 'page', 'moving numbers')
    """
    row = find_op(op) if isinstance(op, str) else op
    names = [chr(ord("p") + i) for i in range(len(x))]
    inputs = [Value(data, name) for data, name in zip(x, names, strict=True)]
    y = call(row, inputs)
    y.label = "result"
    y.backward()
    numbers = [format_number(number, 4) for number in (*x, y.data)]
    slopes = [format_number(partial, 4) for partial in y.partials]
    shown = {
        "picture": (_text(draw(y).svg), [row.symbol, *names, "result", *numbers, *slopes]),
        "TikZ": (draw(y).tikz, [f"${{{name}}}$" for name in names]),
        "derivation": ("\n".join(str(explain(y, v)) for v in inputs), [*names, *numbers, *slopes]),
        "page": (str(step(y)), [*(f"dresult/d{name}" for name in names), *numbers, *slopes]),
    }
    for place, (text, parts) in shown.items():
        lacking = [part for part in parts if part not in text]
        assert not lacking, f"{row.name}{x}: the {place} lacks {', '.join(lacking)}"
    standing = rows_of([row]).standing
    return (*shown, *([] if standing else ["moving numbers"]))


def _text(svg: str) -> str:
    """What is written in a picture."""
    return html.unescape(" ".join(re.findall(r">([^<>]+)<", svg))).replace("\xa0", " ")
