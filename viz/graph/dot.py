"""A graph of Values as a graphviz.Digraph: which boxes, circles and edges there are.

A Value that an operation made is two elements, the operation (a circle; of a dot product a table of its pairs) and the
result (a box), joined by an edge. Every element has an id that follows from the topological order, so that a page can
find it: ``node-3`` is the fourth Value, ``op-3`` the operation that made it, ``edge-3-1`` the edge from its second
operand, ``number-3-1`` that operand's box where it is a number, ``result-3`` the edge from the operation to the box.
The classes are ``value input``, ``value parameter``, ``value intermediate``, ``value output``, ``op``, ``number``,
``operand`` and ``result``. The box of a collapsed neuron has the id of its output and the class ``neuron``; it and
the edges into it have as classes the ids of all that they stand for. How it looks is in `look`, the legend in
`legend`, rendering in `render`, what a user calls in `drawing`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from autodiff import Value, topological_order
from viz.derivation.chain import Chain
from viz.graph import look as looks
from viz.graph.collapse import Box
from viz.graph.legend import legend
from viz.graph.look import FONT, Look, escaped, faint, label
from viz.graph.network import Network, is_wide
from viz.writing.names import Names
from viz.writing.numbers import format_number
from viz.writing.text import shorten

if TYPE_CHECKING:
    import graphviz

_LONGEST_TITLE = 12_000
_SYMMETRIC = ("add", "mul", "maximum", "minimum")  # operand order means nothing; leaving it free avoids crossings
_SMALLEST = {"width": "0.4", "height": "0.4"}  # inches; wide enough that a short symbol's ellipse is a circle
_TABLE = '<table border="0" cellborder="0" cellspacing="0" cellpadding="{}">{}</table>'


def node_ids(y: Value) -> dict[Value, str]:
    """The id of each Value of the graph of ``y``: ``node-0``, ``node-1``, … in topological order.

    >>> from autodiff import Value
    >>> from viz.graph.dot import node_ids
    >>> a = Value(3.0, "a")
    >>> list(node_ids(a * a + a).values())
    ['node-0', 'node-1', 'node-2']
    """
    return {node: f"node-{i}" for i, node in enumerate(topological_order(y))}


def kinds(order: Sequence[Value], parameters: Collection[Value]) -> dict[Value, str]:
    """What each node is: "output" (the last), "parameter" or "input" (the other leaves), "intermediate"."""
    chosen = set(parameters)
    found = {
        node: "intermediate" if node.op is not None else "parameter" if node in chosen else "input" for node in order
    }
    found[order[-1]] = "output"
    return found


def kinds_drawn(shown: Sequence[Value], kind: Mapping[Value, str], neurons: Sequence[Box]) -> set[str]:
    """What a picture says in its legend: the kinds of nodes, and "number", "neuron" or "layer" where there are some."""
    wide = is_wide(neurons)
    found = {kind[node] for node in shown} | ({"layer" if wide else "neuron"} if neurons else set())
    numbers = any(isinstance(arg, float) for node in shown for arg in node.args if not _is_dot(node))
    numbers |= not wide and any(isinstance(weight.input, float) for box in neurons for weight in box.weights)
    return found | ({"number"} if numbers else set())


def to_dot(
    order: Sequence[Value],
    names: Names,
    kind: Mapping[Value, str],
    look: Look,
    neurons: Sequence[Box] = (),
    hidden: Collection[Value] = (),
) -> tuple[graphviz.Digraph, dict[str, str]]:
    """The picture of a graph, and the tooltip of each of its elements by id.

    order : the nodes in topological order
    names : as `writing.names.names_of` gives them
    kind : as `kinds` gives it
    neurons : what is drawn as one box each
    hidden : leaves that are not drawn
    """
    picture = Picture(order, names, kind, look)
    network = Network(picture, neurons, hidden)
    inside = {node for box in neurons for node in box.nodes}
    network.begin()
    shown = [node for node in order if node not in inside and node not in hidden and node not in picture.stands]
    inputs = network.inputs()
    for node in shown:
        picture.add(node, inputs.get(node))
    network.add()
    picture.add_legend(shown, neurons)
    return picture.digraph, picture.titles


class Picture:
    def __init__(self, order: Sequence[Value], names: Names, kind: Mapping[Value, str], look: Look) -> None:
        self.names, self.kind, self.look = names, kind, look
        self.output = order[-1]
        self.chain = Chain(order, names, look.digits)
        self.index = {node: i for i, node in enumerate(order)}
        self.stands: dict[Value, str] = {}  # what is drawn within something else, and the name of that
        self._joined: set[tuple[str, str]] = set()
        self.titles = {"graph": f"Computation graph of {names.shown[self.output]}"}
        self.digraph = empty(look.direction)
        if any(map(_is_dot, order)):
            self.digraph.graph_attr["ranksep"] = "0.45"  # many edges end at one side of a table: room to fan out

    def add(self, node: Value, place: int | None = None) -> None:
        """A box for a value, and for the operation that made it; ``place`` is that of an input of a network."""
        i, kind = self.index[node], self.kind[node]
        attributes = {"id": f"node-{i}", "class": f"value {kind}", "shape": "box"}
        attributes |= {"group": "inputs", "sortv": str(place + 1)} if place is not None else {}
        attributes |= looks.BOXES[kind] | self.emphasis(node)
        self.digraph.node(f"node-{i}", self._box(node), _attributes=attributes)
        self.titles[f"node-{i}"] = self.told(node, kind)
        if node.op is not None:
            self._operation(node, i)

    def add_legend(self, shown: Sequence[Value], neurons: Sequence[Box]) -> None:
        drawn = kinds_drawn(shown, self.kind, neurons)
        below = legend(self.look, drawn, shown, self.names.shown[self.output])
        if below:
            self.digraph.attr("graph", label=below)

    def told(self, node: Value, kind: str) -> str:
        full = self.names.full[node]
        cut = f"{shorten(full, _LONGEST_TITLE)}: " if full != self.names.shown[node] else ""
        return f"{cut}{self.chain.text(self.chain.value(node))}, grad {self.gradient(node)} ({kind})"

    def emphasis(self, node: Value) -> dict[str, str]:
        """What heat and highlight change in the look of a box."""
        share = looks.heat_of(node, self.look.heat) / self.look.hottest if self.look.hottest else 0.0
        found = looks.heated(share) if self.look.heat else {}
        return found | (looks.ON_PATH if node in self.look.on_paths else {})

    def _operation(self, node: Value, i: int) -> None:
        assert node.op is not None
        attributes = {"id": f"op-{i}", "class": "op", **looks.OPERATION}
        if _is_dot(node):
            attributes |= {"class": "op pairs", "shape": "box", "style": "filled,rounded", "margin": "0.03"}
        text = self._pairs(node) if _is_dot(node) else f"<b>{escaped(node.op.symbol)}</b>"
        self.digraph.node(f"op-{i}", label(text), _attributes=attributes)
        self.titles[f"op-{i}"] = self.chain.text(f"{self.chain.name(node)} = {self.chain.formula(node).text}")
        for j, arg in enumerate(node.args):
            if isinstance(arg, Value):
                attributes = {"id": f"edge-{i}-{j}", "class": "operand"}
                attributes |= looks.ON_PATH if (node, j) in self.look.edges_on_paths else {}
                self._edge(arg, f"op-{i}{self._port(node, j)}", node.partials[j], attributes)
                self.titles[f"edge-{i}-{j}"] = self.chain.text(self.chain.local_derivative(node, j))
            elif not _is_dot(node):
                self._constant(node, i, j, arg)
        attributes = {"id": f"result-{i}", "class": "result", "weight": "8"}
        attributes |= looks.ON_PATH if any((node, j) in self.look.edges_on_paths for j in range(len(node.args))) else {}
        self.digraph.edge(f"op-{i}", f"node-{i}", _attributes=attributes)

    def _edge(self, arg: Value, to: str, partial: float, attributes: dict[str, str]) -> None:
        """From an operand to an operation or a neuron, with the local derivative."""
        if "partial" in self.look.show:
            attributes["label"] = label(escaped(self.number(partial) if math.isfinite(partial) else "undefined"))
        tail = self.drawn(arg)
        if arg in self.stands and (tail, to) in self._joined:
            return
        self._joined.add((tail, to))
        if arg in self.stands:
            attributes.pop("label", None)
        self.digraph.edge(tail, to, _attributes=attributes)

    def drawn(self, node: Value) -> str:
        """The name of what a Value is drawn as."""
        return self.stands.get(node, f"node-{self.index[node]}")

    def _constant(self, node: Value, i: int, j: int, number: float) -> None:
        key, text = f"number-{i}-{j}", self.number(number)
        self.digraph.node(key, label(escaped(text)), _attributes={"id": key, "class": "number", **looks.NUMBER})
        attributes = {"id": f"edge-{i}-{j}", "class": "operand", "style": "dotted"}
        self.digraph.edge(key, f"op-{i}{self._port(node, j)}", _attributes=attributes)
        self.titles[key] = f"the number {number!r}"

    def _port(self, node: Value, j: int) -> str:
        """Where an operand arrives: at its pair of a dot product; x − y is not y − x, so there the first is above."""
        across = self.look.direction == "TB"
        if _is_dot(node):
            return f":pair{j % (len(node.args) // 2)}:{'n' if across else 'w'}"
        if len(node.args) != 2 or node.op is None or node.op.name in _SYMMETRIC:
            return ""
        return ":nw" if j == 0 else ":ne" if across else ":sw"

    def _pairs(self, node: Value) -> str:
        """A dot product as the table of its pairs, each with a port: which weight meets which input."""
        half = len(node.args) // 2
        pairs = [
            f"{self._factor(a)}\u00a0·\u00a0{self._factor(b)}"
            for a, b in zip(node.args[:half], node.args[half:], strict=True)
        ]
        cells = [f'<td port="pair{k}">{pair}</td>' for k, pair in enumerate(pairs)]
        if self.look.direction == "TB":
            rows = f'<tr>{"".join(cells)}</tr><tr><td colspan="{half}"><b>Σ</b></td></tr>'
        else:
            rows = "<tr><td><b>Σ</b></td></tr>" + "".join(f"<tr>{cell}</tr>" for cell in cells)
        return _TABLE.format(3, rows)

    def _factor(self, arg: Value | float) -> str:
        return looks.name(self.names.shown[arg]) if isinstance(arg, Value) else escaped(self.number(arg))

    def number(self, x: float) -> str:
        return format_number(x, self.look.digits)

    def total(self, node: Value) -> float:
        """The derivative of the output by a node, as a number: as a page reckons it, or as the last pass left it."""
        return self.look.totals[node] if self.look.totals else node.grad

    def gradient(self, node: Value) -> str:
        return self.look.gradients[node] if self.look.gradients else self.number(node.grad)

    def _box(self, node: Value, lines: Sequence[str] = ()) -> str:
        rows = [f'<tr><td colspan="2">{faint(escaped(line))}</td></tr>' for line in lines]
        name = looks.name(self.names.shown[node])
        given = f"<b>{name}</b>" if node in self.names.own else faint(name)
        rows.append(f'<tr><td colspan="2">{given}</td></tr>')
        shown = (
            ("data", "data", self.look.room or self.number(node.data)),
            ("grad", self.look.word, self.gradient(node)),
        )
        for key, said, text in shown:
            if key in self.look.show:
                word, number = (self.mark(f"{what}{key}-{self.index[node]}") for what in ("word-", ""))
                rows.append(
                    f'<tr><td align="left"{word}>{faint(escaped(said))}</td>'
                    f'<td align="right"{number}>{escaped(" " + text)}</td></tr>'
                )
        return label(_TABLE.format(1, "".join(rows)))

    def mark(self, key: str) -> str:
        """An id for a cell: Graphviz gives it an element of its own if it has a link, which `render.svg` takes off."""
        return f' id="{key}" href="#"' if self.look.marked else ""


def _is_dot(node: Value) -> bool:
    return node.op is not None and node.op.name == "dot"


def empty(direction: str) -> graphviz.Digraph:
    """A picture with nothing in it yet, in the font and colours of all."""
    import graphviz

    font = f"{FONT},Verdana,sans-serif"  # the second and third are for a browser that has not the first
    shape = {"id": "graph", "rankdir": direction, "bgcolor": "white", "nodesep": "0.25", "ranksep": "0.35"}
    size = str(looks.TEXT_SIZE)
    return graphviz.Digraph(
        graph_attr={**shape, "fontname": font, "fontsize": "11", "fontcolor": looks.FAINT_INK, "labeljust": "l"},
        node_attr={"fontname": font, "fontsize": size, "fontcolor": looks.INK, "margin": "0.08,0.04", **_SMALLEST},
        edge_attr={
            "fontname": font, "fontsize": size, "fontcolor": looks.EDGE_INK, "color": looks.EDGE, "arrowsize": "0.7"
        },
    )  # fmt: skip
