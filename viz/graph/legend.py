"""The legend below a picture: what its colours, borders and numbers mean, of those that are in it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from autodiff import Value
from viz.graph.gradients import ABSENT, ACCUMULATED
from viz.graph.look import BOXES, NEURON, NUMBER, Look, escaped, faint, label

_LONGEST = 12_000
WORDS = {
    "input": "input",
    "parameter": "parameter",
    "intermediate": "intermediate value",
    "output": "output",
    "number": "a number",
    "neuron": "neuron",
    "layer": "layer",
}
_FILLS = {**BOXES, "number": NUMBER, "neuron": NEURON, "layer": NEURON}


def legend(look: Look, kinds: Collection[str], shown: Sequence[Value], output: str) -> str:
    """The label of the whole picture: colours, then a line for each kind of number, then the captions.

    kinds : what is in the picture, of "input", "parameter", "intermediate", "output", "number", "neuron"
    shown : the nodes that are drawn with their operations
    output : what the output is called
    """
    rows: list[str] = []
    lines = list(look.captions)
    if look.legend:
        rows.append(_swatches([kind for kind in WORDS if kind in kinds]))
        lines = [*lines_of(look, kinds, shown, output), *lines]
    rows += [f'<tr><td align="left">{faint(escaped(line, _LONGEST))}</td></tr>' for line in lines]
    if not rows:
        return ""
    return label(f'<table border="0" cellborder="0" cellspacing="0" cellpadding="2">{"".join(rows)}</table>')


def _swatches(kinds: Sequence[str]) -> str:
    """The kinds in one row, each in its colour."""
    cells = "".join(
        f'<td border="{2 if kind == "output" else 1}" color="{_FILLS[kind]["color"]}" '
        f'bgcolor="{_FILLS[kind]["fillcolor"]}"{_style(kind)}>{escaped(f" {WORDS[kind]} ")}</td>'
        for kind in kinds
    )
    return (
        '<tr><td align="left"><table border="0" cellborder="1" cellspacing="4" cellpadding="2">'
        f"<tr>{cells}</tr></table></td></tr>"
    )


def _style(kind: str) -> str:
    borders = {"parameter": "dashed", "intermediate": "rounded"}
    return f' style="{borders[kind]}"' if kind in borders else ""


def lines_of(look: Look, kinds: Collection[str], shown: Sequence[Value], output: str) -> list[str]:
    """What the numbers of the picture mean, a line for each kind."""
    lines: list[str] = []
    operations = [node for node in shown if node.op is not None]
    if "partial" in look.show and operations:
        lines.append("on an edge: local derivative, ∂result/∂operand")
    if "layer" in kinds:
        lines.append("a cell: a neuron, or an input; blue > 0, red < 0, dark where it is large in its layer")
        lines.append(
            "h: activations, from the least to the largest"
            + (f"; δ: d{output}/d(what goes into the activation)" if "grad" in look.show else "")
        )
    elif "neuron" in kinds:
        lines.append("a line into a neuron: its weight, wide where large; blue, solid where > 0, red, dashed where < 0")
        delta = f", δ: d{output}/d(what goes into its activation)" if "grad" in look.show else ""
        activation = "h its activation, " if "data" in look.show else ""
        lines.append(f"in a neuron: {activation}b its bias{delta}")
    if "grad" in look.show:
        texts = (look.gradients or {}).values()
        lines.append(f"grad: total derivative, d{output}/d(value)")
        if ABSENT in texts:
            lines.append(f"{ABSENT} not computed: call backward()")
        if any(text.endswith(ACCUMULATED) for text in texts):
            lines.append(f"{ACCUMULATED} more than this pass: leaves add up over calls")
    dots = [node for node in operations if node.op is not None and node.op.name == "dot"]
    if dots:
        one = any(isinstance(node.args[-1], float) and node.args[-1] == 1.0 for node in dots)
        lines.append("Σ: sum of the products below it" + ("; · 1: times the number 1, as a bias is" if one else ""))
    return lines
