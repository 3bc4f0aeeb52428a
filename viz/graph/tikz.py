"""A picture of a graph as TikZ, for a document in LaTeX: where Graphviz places it, in the document's own fonts.

What is in it is what `dot` puts into a picture; names and numbers are typeset as `derivation.typeset` does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from autodiff import Value
from viz.derivation.typeset import latex_name, latex_words, numeric
from viz.graph.collapse import Box
from viz.graph.look import BOXES, EDGE, EDGE_INK, NEURON, NUMBER, OPERATION, Look
from viz.graph.render import Places
from viz.writing.names import Names
from viz.writing.numbers import format_number

_SYMBOLS = {
    "×": r"\times",
    "÷": r"\div",
    "−": "-",
    "·": r"\cdot",
    "^": r"\wedge",
    "σ": r"\sigma",
    "Σ": r"\Sigma",
    "√": r"\surd",
    "|·|": r"|\cdot|",
    "logΣexp": r"\log\Sigma\exp",
    "+": "+",
}
_SMALL = r"inner sep=1bp, font=\small"
_LINE_END = r" \\ "
_STYLES = {
    "input": ("input", BOXES["input"], ""),
    "parameter": ("parameter", BOXES["parameter"], ", dashed"),
    "intermediate": ("between", BOXES["intermediate"], ", rounded corners=4bp"),
    "output": ("output", BOXES["output"], ", double"),
    "op": ("operation", OPERATION, ", rounded corners=8bp"),
    "number": ("number", NUMBER, ""),
    "neuron": ("neuron", NEURON, ""),
}


def tikz(
    order: Sequence[Value],
    names: Names,
    kind: Mapping[Value, str],
    look: Look,
    places: Places,
    neurons: Sequence[Box] = (),
) -> str:
    r"""A ``tikzpicture`` for ``\input`` in a document with ``\usepackage{tikz}`` and ``\usetikzlibrary{arrows.meta}``.

    order, names, kind, look, neurons : as `dot.to_dot` takes them
    places : where the elements of that picture are
    """
    writer = _Writer(names, kind, look, places)
    index = {node: i for i, node in enumerate(order)}
    inside = {node for box in neurons for node in box.nodes}
    shown = [(i, node) for node, i in index.items() if node not in inside and f"node-{i}" in places.boxes]
    lines = [*_head(), *(line for i, node in shown for line in writer.node(i, node))]
    lines += [writer.neuron(index[box.output], box) for box in neurons]
    lines += [line for i, node in shown for line in writer.edges(i, node)]
    lines += [line for box in neurons for line in writer.edges_into(index[box.output], box)]
    return "\n".join([*lines, r"\end{tikzpicture}", ""])


def _head() -> list[str]:
    lines = [
        r"% \usepackage{tikz} \usetikzlibrary{arrows.meta}",
        r"\begin{tikzpicture}[x=1bp, y=1bp, >={Stealth[length=5bp]},",
    ]
    for name, look, more in _STYLES.values():
        draw, fill = _rgb(look["color"]), _rgb(look["fillcolor"])
        lines.append(f"  {name}/.style={{draw={draw}, fill={fill}, line width=0.8bp{more}, {_SMALL}}},")
    for name, colour in (("edge", EDGE), ("partial", EDGE_INK)):
        use = "draw" if name == "edge" else "text"
        lines.append(f"  {name}/.style={{{use}={_rgb(colour)}, {_SMALL}}},")
    lines[-1] = lines[-1].removesuffix(",") + "]"
    return lines


def _rgb(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"{{rgb,255:red,{red};green,{green};blue,{blue}}}"


class _Writer:
    def __init__(self, names: Names, kind: Mapping[Value, str], look: Look, places: Places) -> None:
        self.names, self.kind, self.look, self.places = names, kind, look, places

    def node(self, i: int, node: Value) -> list[str]:
        lines = [self._box(f"node-{i}", _STYLES[self.kind[node]][0], self._table(node))]
        if node.op is None:
            return lines
        dot = node.op.name == "dot"
        symbol = self._pairs(node) if dot else f"${_SYMBOLS.get(node.op.symbol) or latex_words(node.op.symbol)}$"
        lines.append(self._box(f"op-{i}", "operation", symbol))
        for j, arg in enumerate(node.args):
            if not isinstance(arg, Value) and not dot:
                lines.append(self._box(f"number-{i}-{j}", "number", self._number(arg)))
        return lines

    def neuron(self, i: int, box: Box) -> str:
        return self._box(f"node-{i}", "neuron", self._neuron(box))

    def edges_into(self, i: int, box: Box) -> list[str]:
        lines = []
        for j, weight in enumerate(box.weights):
            number = format_number(weight.parameter.data, 3)
            more = ", dashed" if weight.parameter.data < 0.0 else ""
            lines.append(self._edge(f"into-{i}-{j}", _in_mathematics(number), more, "-"))
        others = (f"into-{i}-{j}" for j in range(len(box.weights), len(box.weights) + len(box.others)))
        return lines + [self._edge(key, "") for key in others if key in self.places.lines]

    def edges(self, i: int, node: Value) -> list[str]:
        lines = [self._edge(f"result-{i}", "")] if node.op is not None else []
        for j, arg in enumerate(node.args):
            if isinstance(arg, Value):
                shown = self._number(node.partials[j]) if math.isfinite(node.partials[j]) else "undefined"
                lines.append(self._edge(f"edge-{i}-{j}", shown if "partial" in self.look.show else ""))
            elif f"edge-{i}-{j}" in self.places.lines:
                lines.append(self._edge(f"edge-{i}-{j}", "", ", dotted"))
        return lines

    def _box(self, key: str, style: str, text: str) -> str:
        x, y, width, height = self.places.boxes[key]
        size = f"minimum width={width:.1f}bp, minimum height={height:.1f}bp"
        return f"\\node[{style}, {size}] at ({x:.1f},{y:.1f}) {{{text}}};"

    def _edge(self, key: str, label: str, more: str = "", arrow: str = "->") -> str:
        first, *points = [f"({x:.1f},{y:.1f})" for x, y in self.places.lines[key]]
        curves = [f".. controls {a} and {b} .. {c}" for a, b, c in zip(*[iter(points)] * 3, strict=False)]
        tip = points[-1] if len(points) % 3 else ""
        line = f"\\draw[edge, {arrow}{more}] {first} {' '.join(curves)}{f' -- {tip}' if tip else ''};"
        if label and key in self.places.labels:
            x, y = self.places.labels[key]
            line += f"\n\\node[partial] at ({x:.1f},{y:.1f}) {{{label}}};"
        return line

    def _neuron(self, box: Box) -> str:
        name = f"${latex_name(self.names.shown[box.output])}$"
        bias = f"$b$ {_in_mathematics(format_number(box.bias.data, 3))}" if box.bias is not None else ""
        rows = [f"{name} & $h$ & {self._number(box.output.data)}" if "data" in self.look.show else name]
        if "grad" in self.look.show:
            rows.append(rf"{bias} & $\delta$ & {_in_mathematics((self.look.gradients or {})[box.pre])}")
        return rf"\begin{{tabular}}{{@{{}}l@{{ }}l@{{ }}r@{{}}}}{_LINE_END.join(rows)}\end{{tabular}}"

    def _table(self, node: Value) -> str:
        rows = [rf"\multicolumn{{2}}{{c}}{{${latex_name(self.names.shown[node])}$}}"]
        gradient = (self.look.gradients or {}).get(node, format_number(node.grad, self.look.digits))
        for key, text in (("data", self._number(node.data)), ("grad", _in_mathematics(gradient))):
            if key in self.look.show:
                rows.append(f"{key} & {text}")
        return rf"\begin{{tabular}}{{@{{}}l@{{ }}r@{{}}}}{_LINE_END.join(rows)}\end{{tabular}}"

    def _pairs(self, node: Value) -> str:
        half = len(node.args) // 2
        pairs = [
            f"${self._factor(a)} \\cdot {self._factor(b)}$"
            for a, b in zip(node.args[:half], node.args[half:], strict=True)
        ]
        rows = [r"\quad ".join(pairs)] if self.look.direction == "TB" else pairs
        return rf"\begin{{tabular}}{{@{{}}c@{{}}}}$\Sigma$ \\ {_LINE_END.join(rows)}\end{{tabular}}"

    def _factor(self, arg: Value | float) -> str:
        if isinstance(arg, Value):
            return latex_name(self.names.shown[arg])
        return numeric(format_number(arg, self.look.digits)).latex

    def _number(self, x: float) -> str:
        return _in_mathematics(format_number(x, self.look.digits))


def _in_mathematics(text: str) -> str:
    """A number as it is shown, and the signs of a gradient that is none, or more than this pass's."""
    return "$" + numeric(text).latex.replace("–", r"\mbox{--}").replace("∗", "{*}") + "$"
