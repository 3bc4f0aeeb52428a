"""A network as it is drawn in books: layers as columns of neurons, weights as lines between them.

A neuron shows its activation h, its δ (the derivative by its pre-activation) and its bias b; an input its number; a
line is wide where its weight is large, blue and solid where it is positive, red and dashed where it is negative. The
number of a weight stands at its line where there is room (`placing`), and in its tooltip. Where a layer is wide, every
layer is one block (`blocks`). What belongs to which neuron is `collapse`'s.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from autodiff import Value
from viz.graph import look as looks
from viz.graph.blocks import Blocks
from viz.graph.collapse import Box
from viz.graph.look import escaped, faint, label
from viz.writing.numbers import format_number

if TYPE_CHECKING:
    from viz.graph.dot import Picture

MOST_NEURONS = 20  # of a layer that is drawn neuron by neuron
_ON_A_SCREEN = 16  # neurons above each other that leave no room between them
POSITIVE, NEGATIVE, ZERO = "#1d4ed8", "#c2410c", "#94a3b8"

_WIDEST, _MANY = 4.0, 60  # points, the line of the largest weight; half of that where there are many
FEW_DIGITS = 3  # of a weight at its line, and of a bias
_APART, _MORE = (0.07, 0.6), 0.04  # inches between neurons, at least and at most; and for each that there is room for
_WIDTH = "1.5"  # inches, of a neuron
_SPACES = {"outputorder": "edgesfirst"}
_TABLE = '<table border="0" cellborder="0" cellspacing="0" cellpadding="{}">{}</table>'


def is_wide(boxes: Sequence[Box]) -> bool:
    """Whether a layer has more neurons, or inputs, than can be told apart."""
    layers = columns(boxes).values()
    return any(max(len(layer), len(layer[0].weights)) > MOST_NEURONS for layer in layers)


def columns(boxes: Sequence[Box]) -> dict[tuple[str, int], list[Box]]:
    """The neurons of each layer for each of its uses, in their order; what is in no layer stands by itself."""
    found: dict[tuple[str, int], list[Box]] = {}
    for box in boxes:
        found.setdefault((box.layer or box.path, box.use), []).append(box)
    return {key: sorted(column, key=lambda box: box.number) for key, column in found.items()}


def room_for(digits: int) -> str:
    """The text that a neuron's number is laid out for, on a page where it changes: longer ones are squeezed into it.

    >>> room_for(4)
    '−0.08888'
    """
    return "−0.0" + "8" * digits


class Network:
    """Adds the neurons of a model to a picture, in place of their operations."""

    def __init__(self, picture: Picture, boxes: Sequence[Box], hidden: Collection[Value]) -> None:
        self.picture, self.boxes, self.hidden = picture, boxes, hidden
        self.digraph, self.index = picture.digraph, picture.index
        self.weights = [weight for box in boxes for weight in box.weights]
        self.largest = max((abs(weight.parameter.data) for weight in self.weights), default=0.0) or 1.0
        self.widest = _WIDEST if len(self.weights) <= _MANY else _WIDEST / 2.0
        self.columns = columns(boxes)
        self.repeated = {layer for layer, use in self.columns if use}
        self._room = picture.look.room and room_for(picture.look.digits)
        self.given: dict[tuple[str, int, int], str] = {}  # the boxes of inputs that are numbers

    def begin(self) -> None:
        """Add what other parts of the picture refer to: the blocks of wide layers."""
        if is_wide(self.boxes):
            Blocks(self.picture, self.columns).add()

    def add(self) -> None:
        """Add the neurons and their lines."""
        if not self.boxes or is_wide(self.boxes):
            return
        neurons = max(map(len, self.columns.values()))
        apart = min(_APART[1], _APART[0] + max(_ON_A_SCREEN - neurons, 0) * _MORE)
        self.digraph.graph_attr["nodesep"] = f"{apart:.2f}"
        self.digraph.graph_attr.update(_SPACES)
        self._title("heading-inputs", "inputs", "inputs")
        for key, column in self.columns.items():
            for box in column:
                self._neuron(box, key)
            for box in column:
                for j, weight in enumerate(box.weights):
                    self._line(box, j, key, weight)
                self._others(box)
            self._heading(key, column)

    def inputs(self) -> dict[Value, int]:
        """For each leaf that is an input of a neuron its place among them."""
        found: dict[Value, int] = {}
        for box in self.boxes:
            for j, weight in enumerate(box.weights):
                if isinstance(weight.input, Value) and weight.input.op is None:
                    found.setdefault(weight.input, j)
        return found

    def _neuron(self, box: Box, key: tuple[str, int]) -> None:
        picture, i = self.picture, self.index[box.output]
        parts = [f"{part}-{self.index[inner]}" for inner in box.nodes for part in ("node", "op", "result")]
        parts += [f"node-{self.index[box.bias]}"] if box.bias in self.hidden and box.bias is not None else []
        attributes = {"id": f"node-{i}", "class": " ".join(["value neuron", *parts]), "shape": "box"}
        attributes |= {"group": self._group(key), "sortv": str(1 + box.number), "margin": "0.05,0.02", "width": _WIDTH}
        double = {"peripheries": "2"} if box.output is picture.output else {}
        attributes |= looks.NEURON | double | picture.emphasis(box.output)
        self.digraph.node(f"node-{i}", label(_TABLE.format(0, self._rows(box, i))), _attributes=attributes)
        picture.titles[f"node-{i}"] = f"{box.layer} {box.title}: ".lstrip() + picture.told(box.output, box.activation)

    def _rows(self, box: Box, i: int) -> str:
        picture, rows = self.picture, ["", ""]
        name = looks.name(picture.names.shown[box.output])
        rows[0] = f'<td align="left" colspan="2">{name}</td>'
        bias = format_number(box.bias.data, FEW_DIGITS) if box.bias is not None else ""
        mark = picture.mark(f"data-{self.index[box.bias]}") if box.bias is not None else ""
        bias = (picture.look.room and room_for(FEW_DIGITS)) or bias
        rows[1] = f'<td align="left">{faint("b")}</td><td align="left"{mark}>{escaped(" " + bias)}</td>'
        if box.bias is None:
            rows[1] = '<td colspan="2"></td>'
        if "data" in picture.look.show:
            text = self._room or picture.number(box.output.data)
            rows[0] += self._cells("h", f"data-{i}", text)
        if "grad" in picture.look.show:
            rows[1] += self._cells("δ", f"grad-{self.index[box.pre]}", self._room or picture.gradient(box.pre))
        return "".join(f"<tr>{row}</tr>" for row in rows)

    def _cells(self, word: str, key: str, text: str) -> str:
        marks = [self.picture.mark(f"{what}{key}") for what in ("word-", "")]
        return (
            f'<td align="right"{marks[0]}>{faint(escaped("  " + word))}</td>'
            f'<td align="right"{marks[1]}>{escaped(" " + text)}</td>'
        )

    def _line(self, box: Box, j: int, key: tuple[str, int], weight: Any) -> None:
        picture, i = self.picture, self.index[box.output]
        tail = f"node-{self.index[weight.input]}" if isinstance(weight.input, Value) else self._given(key, j, weight)
        sign = "negative" if weight.parameter.data < 0.0 else "positive"
        parts = [f"edge-{self.index[node]}-{k}" for node, k in weight.places]
        parts += [f"node-{self.index[weight.parameter]}"] if weight.parameter in self.hidden else []
        attributes = {"id": f"into-{i}-{j}", "class": " ".join(["operand weight", sign, *parts]), "arrowhead": "none"}
        attributes |= line(weight.parameter.data / self.largest, self.widest)
        attributes |= looks.ON_PATH if picture.look.edges_on_paths & set(weight.places) else {}
        number = format_number(weight.parameter.data, FEW_DIGITS)
        attributes |= {"label": number, "fontsize": "10", "fontcolor": attributes["color"]}
        self.digraph.edge(tail, f"node-{i}", _attributes=attributes)
        name, data = picture.names.full[weight.parameter], picture.number(weight.parameter.data)
        picture.titles[f"into-{i}-{j}"] = f"{name} = {data}, grad {picture.gradient(weight.parameter)} (weight)"

    def _others(self, box: Box) -> None:
        """What a module of the user's own makes of it besides weighing it."""
        for j, arg in enumerate(box.others, len(box.weights)):
            if arg not in self.hidden:
                key = f"into-{self.index[box.output]}-{j}"
                parts = [f"edge-{self.index[n]}-{k}" for n in box.nodes for k, a in enumerate(n.args) if a is arg]
                attributes = {"id": key, "class": " ".join(["operand", *parts])}
                self.digraph.edge(f"node-{self.index[arg]}", f"node-{self.index[box.output]}", _attributes=attributes)

    def _given(self, key: tuple[str, int], j: int, weight: Any) -> str:
        """An input that is a number: the same for all neurons of a layer."""
        place = (*key, j)
        if place not in self.given:
            node, operand = weight.places[1]
            name = self.given[place] = f"number-{self.index[node]}-{operand}"
            rows = f"<tr><td>{faint(f'x{j + 1}')}</td><td>{escaped(' ' + self.picture.number(weight.input))}</td></tr>"
            attributes = {"id": name, "class": "number", **looks.NUMBER, "group": "inputs", "sortv": str(j + 1)}
            self.digraph.node(name, label(_TABLE.format(2, rows)), _attributes=attributes)
            self.picture.titles[name] = f"input {j + 1} = {weight.input!r}"
        return self.given[place]

    def _group(self, key: tuple[str, int]) -> str:
        return f"{key[0]} {key[1]}"

    def _heading(self, key: tuple[str, int], column: Sequence[Box]) -> None:
        layer, use = key
        again = f" ({use + 1})" if layer in self.repeated else ""
        text = f"{layer}{again}\\n{column[0].activation}" if layer else column[0].activation
        self._title(f"heading-{layer}-{use}".replace(" ", "-"), text, self._group(key))

    def _title(self, name: str, text: str, group: str) -> None:
        attributes = {"shape": "plaintext", "class": "heading", "id": name, "group": group, "margin": "0"}
        self.digraph.node(name, text, _attributes=attributes, fontcolor=looks.FAINT_INK)


def line(share: float, widest: float) -> dict[str, str]:
    """The look of a weight that is ``share`` times the largest."""
    colour = POSITIVE if share > 0.0 else NEGATIVE if share < 0.0 else ZERO
    style = "dashed" if share < 0.0 else "solid" if share else "dotted"
    return {"color": colour, "style": style, "penwidth": f"{0.4 + (widest - 0.4) * abs(share):.2f}"}
