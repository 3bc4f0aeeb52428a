"""draw(y): the computation graph of y as a picture that shows itself in Jupyter and saves itself.

What is in the picture is decided in `dot`, how it becomes SVG, PNG or PDF in `render`, TikZ in `tikz`.
"""

from __future__ import annotations

import html
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from autodiff import Path as ChainPath
from autodiff import Value, count_paths, topological_order
from autodiff.graph import require_value
from autodiff.steps import require_current
from viz.derivation.chain import Chain
from viz.graph import dot, overview, render
from viz.graph.collapse import neuron_boxes
from viz.graph.gradients import gradient_texts
from viz.graph.layout import MOST_BOXES, MOST_IN_FULL, boxes, require_drawable, waiting
from viz.graph.look import Look, heat_of
from viz.graph.output import PIXELS_SHOWN, Bundle, bundle, saved
from viz.graph.render import Places
from viz.graph.tikz import tikz
from viz.writing.names import LONGEST_NAME, Names, by_level, names_of
from viz.writing.numbers import check_digits, format_count, format_number
from viz.writing.text import columns, plain, shorten

_SHOWN = ("data", "grad", "partial")
_DIRECTIONS = ("LR", "TB")

SUFFIXES = (".svg", ".png", ".pdf", ".dot", ".tex", ".html")


class Drawing:
    """A picture of a computation graph, made by `draw`.

    source : the graph in the DOT language
    svg : the picture, as SVG text
    tikz : the picture for LaTeX, a ``tikzpicture`` to be ``\\input``
    save(path) : write it; ``str(drawing)`` is the same graph as a table to read
    """

    def __init__(
        self, source: str, titles: Mapping[str, str], text: str, write_tikz: Callable[[Places], str], count: int = 0
    ) -> None:
        self.source = source
        self._titles, self._count = titles, count
        self._text = text
        self._write_tikz = write_tikz

    @cached_property
    def svg(self) -> str:
        with waiting(self._count):
            return render.svg(self.source, self._titles)

    @property
    def page(self) -> str:
        """The picture as one page of HTML, to be seen whole and to be zoomed into."""
        template = files("viz.graph").joinpath("zoom.html").read_text(encoding="utf-8")
        return template.replace("__TITLE__", html.escape(self._titles["graph"])).replace("__SVG__", self.svg, 1)

    @cached_property
    def tikz(self) -> str:
        return self._write_tikz(render.places(self.source, paper=True))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to ``path``, in the format its suffix names: .svg, .png, .pdf, .dot, .tex (for LaTeX)
        or .html (a page to zoom into).

        On paper (.pdf, .tex) a picture that is much wider than a sheet is wrapped, as lines of text are. The file
        appears complete or not at all. Raises ValueError for another suffix, OSError where the file cannot be written.
        """
        makers: Sequence[Callable[[], str | bytes]] = (
            lambda: self.svg,
            lambda: render.png(self.source),
            lambda: render.pdf(self.source),
            lambda: self.source,
            lambda: self.tikz,
            lambda: self.page,
        )
        return saved(path, dict(zip(SUFFIXES, makers, strict=True)), "a drawing")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Bundle:
        makers: dict[str, Callable[[], str | bytes]] = {
            "image/svg+xml": lambda: self.svg,
            "image/png": lambda: render.png(self.source, PIXELS_SHOWN),
            "application/pdf": lambda: render.pdf(self.source),
        }
        return bundle(makers, self._text, include, exclude)

    def __repr__(self) -> str:
        return self._text


def draw(
    y: Value,
    names: Mapping[str, Any] | None = None,
    *,
    show: str | Collection[str] = _SHOWN,
    direction: Literal["LR", "TB"] = "LR",
    parameters: Any = (),
    collapse: Any = None,
    heat: Literal["data", "grad"] | None = None,
    highlight: Value | ChainPath | None = None,
    legend: bool = True,
    max_nodes: int = MOST_BOXES,
    digits: int = 4,
) -> Drawing:
    """The computation graph of ``y``: boxes for values, circles for operations, local derivatives on the edges.

    y : the output; the picture shows all it was computed from
    names : labels for nodes that have none, as ``names=locals()``; a node's own label wins
    show : which numbers: "data", "grad" (in the boxes), "partial" (∂operation/∂operand, on the edges)
    direction : "LR" (from left to right) or "TB" (from the top down)
    parameters : the leaves to draw as parameters: Values, or what has a method ``parameters()``; the other
        leaves are inputs
    collapse : a model (anything with ``named_parameters()``), drawn as a network: its neurons in columns, in place of
        their operations, with their activation h, their δ and their bias b; their weights are lines between them, wide
        where they are large, with their numbers where there is room. Where a layer has more than 20 neurons, or
        inputs, each layer is one block. The model's parameters count as ``parameters``
    heat : "data" or "grad" colours the boxes by its size, from white (0) to orange (the largest)
    highlight : a Value x: all paths from y to x are drawn wide and red, and counted in the caption; or one of them, as
        `autodiff.paths` lists them: it alone is, with its product
    legend : whether the picture says below what its colours and numbers mean
    max_nodes : the largest picture that is drawn, counting values and numbers; of more than 2,000 an overview, in which
        each value is a small box with its name, operation and data (save it as .html to zoom)
    digits : significant digits of the numbers, 1 to 17

    Inputs are blue rectangles, parameters green with a dashed border, intermediate values grey and rounded, the
    output is orange with a double border. A number operand is a small grey box, a dot product a table of its pairs.
    The gradients are those that the last backward pass left: – where there was none, ∗ where there is more in them than
    that pass of y, as leaves add up over calls.

    Raises TypeError when y or ``highlight`` is no Value, ``collapse`` no model, ``parameters`` no Values or
    ``max_nodes`` no integer, ValueError for an unknown option, for a model that is not in the graph, for a graph
    that is too large or whose leaves were assigned new data after it was built.

    >>> from autodiff import Value
    >>> from viz import draw
    >>> x, y, z = Value(-2.0), Value(5.0), Value(-4.0)
    >>> q = x + y
    >>> f = q * z
    >>> f.backward()
    >>> print(draw(f, names={"x": x, "y": y, "z": z, "q": q, "f": f}))
    name  formula  data  grad  kind
    x              −2    −4    input
    y              5     −4    input
    z              −4    3     input
    q     x + y    3     −4    intermediate
    f     q·z      −12   1     output
    """
    return drawn(
        y, names, show=show, direction=direction, parameters=parameters, collapse=collapse, heat=heat,
        highlight=highlight, legend=legend, max_nodes=max_nodes, digits=digits,
    )  # fmt: skip


def drawn(
    y: Value,
    names: Mapping[str, Any] | None = None,
    *,
    show: str | Collection[str] = _SHOWN,
    direction: str = "LR",
    parameters: Any = (),
    collapse: Any = None,
    heat: str | None = None,
    highlight: Value | ChainPath | None = None,
    legend: bool = True,
    max_nodes: int = MOST_BOXES,
    digits: int = 4,
    caption: str = "",
    bare: bool = False,
) -> Drawing:
    """What `draw` returns, with a caption; ``bare`` leaves out y itself, which only holds several outputs together."""
    order = topological_order(require_value(y, "draw"))
    look = _look(show, direction, digits)
    neurons, hidden = neuron_boxes(order, collapse) if collapse is not None else ([], set[Value]())
    hidden |= {y} if bare else set()
    inside = {node for box in neurons for node in box.nodes} | hidden
    outside = [node for node in order if node not in inside]
    called = names_of(order, names)
    count = boxes(outside) + len(neurons)
    require_drawable(count, max_nodes, called.shown[y])
    require_current(order)
    chosen = parameters_of(parameters)
    if collapse is not None:
        chosen = [*chosen, *(parameter for _, parameter in collapse.named_parameters())]
    kind = dot.kinds(order, chosen)
    if count > MOST_IN_FULL:
        return _overview(order, called, kind, look, count)
    gradients = gradient_texts(order, digits)
    chain = Chain(order, called, digits)
    look = replace(look, gradients=gradients, legend=legend, captions=(caption,) if caption else ())
    look = _highlighted(_heated(look, [*outside, *(box.output for box in neurons)], heat), order, chain, highlight)
    digraph, titles = dot.to_dot(order, called, kind, look, neurons, hidden)
    return Drawing(
        digraph.source,
        titles,
        _table(order, called, kind, gradients, chain),
        lambda places: tikz(order, called, kind, look, places, neurons),
        count,
    )


def _overview(order: list[Value], names: Names, kind: Mapping[Value, str], look: Look, count: int) -> Drawing:
    digraph, titles = overview.to_dot(order, names, kind, look.digits)
    text = f"{titles['graph']}, {len(order)} values. Save it as .html to zoom into it."
    return Drawing(digraph.source, titles, text, lambda places: tikz(order, names, kind, look, places), count)


def _heated(look: Look, shown: list[Value], heat: str | None) -> Look:
    if heat is None:
        return look
    if heat not in ("data", "grad"):
        raise ValueError(f'heat is "data" or "grad", not {heat!r}')
    hottest = max(heat_of(node, heat) for node in shown)
    scale = f"colour and border: |{heat}|, from 0 (white, thin) to {format_number(hottest)} (orange, wide)"
    return replace(look, heat=heat, hottest=hottest, captions=(*look.captions, scale))


def _highlighted(look: Look, order: list[Value], chain: Chain, highlight: Value | ChainPath | None) -> Look:
    """The look with one path or all paths emphasised, and the caption that says which."""
    if highlight is None:
        return look
    if isinstance(highlight, ChainPath):
        return _one_path(look, order, chain, highlight)
    y, x = order[-1], require_value(highlight, "highlight")
    count = count_paths(y, x)
    nodes: set[Value] = set()
    for node in order if count else ():
        if node is x or any(a in nodes for a in node.parents):
            nodes.add(node)
    edges = frozenset((node, j) for node in nodes for j, a in enumerate(node.args) if a in nodes)
    to = chain.text(chain.name(x)) if x in order else plain(x.label or "the given value", LONGEST_NAME)
    counted = f"{format_count(count)} {'path' if count == 1 else 'paths'} from {chain.text(chain.name(y))} to {to}"
    return replace(look, on_paths=nodes, edges_on_paths=edges, captions=(*look.captions, counted))


def _one_path(look: Look, order: list[Value], chain: Chain, path: ChainPath) -> Look:
    if path.nodes[0] is not order[-1]:
        raise ValueError(
            "highlight takes a path of this graph: one that begins at the output, as paths(y, x) lists them"
        )
    edges = frozenset(zip(path.nodes, path.operands, strict=False))
    along = " → ".join(chain.name(node) for node in path.nodes)
    said = chain.text(f"path {along}: {chain.path(path)}")
    return replace(look, on_paths=set(path.nodes), edges_on_paths=edges, captions=(*look.captions, said))


def _look(show: str | Collection[str], direction: str, digits: int) -> Look:
    shown = (show,) if isinstance(show, str) else tuple(show)
    unknown = [name for name in shown if name not in _SHOWN]
    if unknown:
        raise ValueError(f"show takes {', '.join(map(repr, _SHOWN))}, not {unknown[0]!r}")
    if direction not in _DIRECTIONS:
        raise ValueError(f'direction is "LR" (left to right) or "TB" (top down), not {direction!r}')
    check_digits(digits)
    return Look(shown, direction, digits)


def parameters_of(given: Any) -> list[Value]:
    """The Values given as parameters: listed, or by what has a method ``parameters()``."""
    listed: Any = given.parameters() if hasattr(given, "parameters") else given
    if isinstance(listed, Value):
        return [listed]
    found: list[Any] = list(listed) if isinstance(listed, Iterable) else [listed]
    for parameter in found:
        if not isinstance(parameter, Value):
            raise TypeError(f"parameters takes Values, or what has parameters(), not {type(parameter).__name__}")
    return found


def _table(
    order: list[Value], names: Names, kind: Mapping[Value, str], gradients: Mapping[Value, str], chain: Chain
) -> str:
    rows = [("name", "formula", "data", "grad", "kind")]
    for node in by_level(order):
        formula = shorten(chain.text(chain.formula(node).text), 60)
        rows.append((names.shown[node], formula, chain.number(node.data), gradients[node], kind[node]))
    return "\n".join(columns(rows))
