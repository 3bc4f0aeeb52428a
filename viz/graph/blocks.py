"""A network with wide layers: a block for each layer, with a cell for each neuron, coloured by its activation.

Neuron by neuron such a picture could not be read. What a block says: how many neurons, and between which numbers their
activations and their δ lie; on the line between two blocks stands how many weights there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from autodiff import Value
from viz.graph import look as looks
from viz.graph.collapse import Box
from viz.graph.look import escaped, faint, label
from viz.writing.numbers import format_number

if TYPE_CHECKING:
    from viz.graph.dot import Picture

_ROW, _CELL = 8, 10  # cells in a row; points of a side
_DIGITS = 3
_RED, _WHITE, _BLUE = (0xC2, 0x41, 0x0C), (0xFF, 0xFF, 0xFF), (0x1D, 0x4E, 0xD8)
_TABLE = '<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{}</table>'
_CELLS = '<table border="1" color="#94a3b8" cellborder="0" cellspacing="1" cellpadding="0">{}</table>'


class Blocks:
    """Adds the layers of a model to a picture; ``columns`` as `network.columns` gives them."""

    def __init__(self, picture: Picture, columns: dict[tuple[str, int], list[Box]]) -> None:
        self.picture, self.digraph, self.index = picture, picture.digraph, picture.index
        self.columns = columns

    def add(self) -> None:
        for key, column in self.columns.items():
            name = _name(key)
            tails = dict.fromkeys(self._tail(column, f"inputs-{name}"))
            title = f"{key[0]}: {len(column)} {'neuron' if len(column) == 1 else 'neurons'}, {column[0].activation}"
            numbers = {"h": [box.output.data for box in column]}
            if "grad" in self.picture.look.show:
                numbers["δ"] = [self.picture.total(box.pre) for box in column]
            self._block(f"block-{name}", title, numbers, looks.NEURON)
            for box in column:
                self.picture.stands[box.output] = f"block-{name}"
            self._lines(tails, f"block-{name}", column)

    def _tail(self, column: Sequence[Box], name: str) -> list[str]:
        """What a layer's inputs are drawn as; leaves and numbers get a block of their own."""
        inputs = [weight.input for weight in column[0].weights]
        own = [x for x in inputs if not isinstance(x, Value) or (x.op is None and x not in self.picture.stands)]
        if own:
            data = [x.data if isinstance(x, Value) else x for x in own]
            self._block(name, f"{len(own)} inputs", {"x": data}, looks.BOXES["input"])
            self.picture.stands |= {x: name for x in own if isinstance(x, Value)}
        others = [self.picture.drawn(x) for x in inputs if isinstance(x, Value)]
        return ([name] if own else []) + others

    def _block(self, name: str, title: str, numbers: dict[str, list[float]], look: dict[str, str]) -> None:
        first = next(iter(numbers.values()))
        largest = max(map(abs, first)) or 1.0
        rows = [f"<tr><td>{escaped(title, 60)}</td></tr>", f"<tr><td>{_CELLS.format(_cells(first, largest))}</td></tr>"]
        for word, values in numbers.items():
            low, high = (format_number(x, _DIGITS) for x in (min(values), max(values)))
            between = f" {low} … {high}" if low != high else f" {low}"
            rows.append(f"<tr><td>{faint(escaped(word))}{escaped(between)}</td></tr>")
        attributes = {"id": name, "class": "block", "shape": "box", "sortv": "1", **look}
        self.digraph.node(name, label(_TABLE.format("".join(rows))), _attributes=attributes)
        self.picture.titles[name] = title

    def _lines(self, tails: dict[str, None], head: str, column: Sequence[Box]) -> None:
        weights = [weight.parameter.data for box in column for weight in box.weights]
        low, high = (format_number(x, _DIGITS) for x in (min(weights), max(weights)))
        for k, tail in enumerate(tails):
            said = f"{len(column)} × {len(column[0].weights)} weights"
            attributes = {"id": f"{head}-{k}", "class": "operand", "penwidth": "3"}
            attributes |= {"label": said} if k == 0 else {}
            self.digraph.edge(tail, head, _attributes=attributes)
            self.picture.titles[f"{head}-{k}"] = f"{said}, from {low} to {high}"


def parts_of(columns: dict[tuple[str, int], list[Box]], index: Mapping[Value, int]) -> dict[str, list[str]]:
    """By the id of each block the ids of all that is drawn within it."""
    found: dict[str, list[str]] = {}
    for key, column in columns.items():
        weights = [weight for box in column for weight in box.weights]
        parts = [f"{part}-{index[n]}" for box in column for n in box.nodes for part in ("node", "op", "result")]
        parts += [f"node-{index[leaf]}" for box in column for leaf in (box.bias,) if leaf is not None]
        parts += [f"node-{index[weight.parameter]}" for weight in weights]
        parts += [f"edge-{index[node]}-{k}" for weight in weights for node, k in weight.places]
        found[f"block-{_name(key)}"] = parts
        inputs = [w.input for w in column[0].weights if isinstance(w.input, Value) and w.input.op is None]
        found[f"inputs-{_name(key)}"] = [f"node-{index[x]}" for x in inputs]
    return found


def _name(key: tuple[str, int]) -> str:
    return f"{key[0]}-{key[1]}".replace(" ", "-")


def _cells(values: Sequence[float], largest: float) -> str:
    side = f'fixedsize="true" width="{_CELL}" height="{_CELL}"'
    cells = [f'<td {side} bgcolor="{colour(value / largest)}"></td>' for value in values]
    cells += [f"<td {side}></td>"] * (-len(cells) % _ROW if len(cells) > _ROW else 0)
    return "".join(f"<tr>{''.join(cells[i : i + _ROW])}</tr>" for i in range(0, len(cells), _ROW))


def colour(share: float) -> str:
    """From red (−1) by white (0) to blue (1)."""
    end = _BLUE if share > 0.0 else _RED
    return "#" + "".join(f"{round(w + abs(share) * (e - w)):02x}" for w, e in zip(_WHITE, end, strict=True))
