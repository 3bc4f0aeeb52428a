"""The overview of a graph of thousands of values: a small box for each, without operations and gradients.

It is seen whole, and read where one zooms in: so the text in a box is its name, the operation that made it, and its
value. The ids are those of `dot`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from autodiff import Value
from viz.graph import look as looks
from viz.graph.dot import empty
from viz.graph.legend import legend
from viz.graph.look import Look
from viz.writing.names import Names
from viz.writing.numbers import format_number
from viz.writing.text import plain

if TYPE_CHECKING:
    import graphviz

_LOOK = {"shape": "box", "margin": "0.04,0.02", "width": "0.1", "height": "0.1", "fontsize": "9"}
_SAID = "an overview: each box a value, with its name, the operation that made it, and its data"


def to_dot(
    order: Sequence[Value], names: Names, kind: Mapping[Value, str], digits: int
) -> tuple[graphviz.Digraph, dict[str, str]]:
    """The overview of a graph in the DOT language, and the tooltip of each box by id; arguments as `dot.to_dot`'s."""
    index = {node: i for i, node in enumerate(order)}
    digraph = empty("LR")
    digraph.edge_attr["arrowhead"] = "none"
    digraph.graph_attr["outputorder"] = "edgesfirst"
    titles = {"graph": f"Overview of the computation graph of {names.shown[order[-1]]}"}
    for node, i in index.items():
        number = format_number(node.data, digits)
        by = f" {node.op.symbol} " if node.op is not None else " "
        said = plain(f"{names.shown[node]}{by}{number}").replace("\\", "\\\\")
        attributes = {"id": f"node-{i}", "class": f"value {kind[node]}", **looks.BOXES[kind[node]], **_LOOK}
        digraph.node(f"node-{i}", said, _attributes=attributes)
        titles[f"node-{i}"] = f"{names.full[node]} = {number}"
        for j, arg in enumerate(node.args):
            if isinstance(arg, Value):
                edge = {"id": f"edge-{i}-{j}", "class": "operand"}
                digraph.edge(f"node-{index[arg]}", f"node-{i}", _attributes=edge)
    look = Look(show=("data",), legend=True, captions=(_SAID,))
    digraph.attr("graph", label=legend(look, set(kind.values()), [], names.shown[order[-1]]))
    return digraph, titles
