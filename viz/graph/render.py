"""DOT source to SVG, PNG and PDF, and the places of what is in the picture: `svg`, `png`, `pdf` and `places`.

A graph is laid out once, whatever is made of it. What the picture shows is decided in `dot`. Graphviz runs where Python
runs: in this process (`process`), in a browser in WebAssembly (`wasm`); which of the two is decided here, and nowhere
else is it known.
"""

from __future__ import annotations

import math
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from viz.graph import placing

if sys.platform == "emscripten":
    from viz.graph.wasm import opened
else:
    from viz.graph.process import opened

_SVG = "http://www.w3.org/2000/svg"
_POINTS_PER_INCH = 72.0
_SECOND_BORDER = 8.0  # points that a second border adds to a side of a box
_RESOLUTION = 192.0  # dots per inch of a PNG: sharp on dense screens and in print
_LARGEST_SIDE, _MOST_PIXELS = 32_000.0, 60e6  # cairo draws no bitmap of more than 32767 pixels a side


def svg(source: str, titles: Mapping[str, str] | None = None) -> str:
    """The picture of a DOT graph as SVG.

    ``titles`` gives the elements with these ids their tooltips, and the picture ("graph") its name. Raises
    ImportError where pygraphviz or matplotlib is missing, ValueError for a source that is no DOT graph.

    >>> from viz.graph.render import svg
    >>> svg("digraph { a -> b }").startswith("<svg ")
    True
    """
    root = ET.fromstring(_render(source, "svg"))
    texts = titles or {}
    for group in root.iter(f"{{{_SVG}}}g"):
        title = group.find(f"{{{_SVG}}}title")
        if title is not None:
            title.text = texts.get(group.get("id", ""), "")
            if not title.text:
                group.remove(title)
    for group in list(root.iter(f"{{{_SVG}}}g")):
        _take_off_links(group)
    for text in root.iter(f"{{{_SVG}}}text"):
        _shift(text)
    root.set("role", "img")
    if "graph" in texts:
        root.set("aria-label", texts["graph"])
    ET.register_namespace("", _SVG)
    return ET.tostring(root, encoding="unicode") + "\n"


def _take_off_links(group: ET.Element) -> None:
    """A cell of a table that had an id: its link goes, its text has the id as ``data-number``."""
    for place, child in enumerate(list(group)):
        if child.get("id", "").startswith("a_"):
            text = child.find(f".//{{{_SVG}}}text")
            assert text is not None
            text.set("data-number", child.get("id", "").removeprefix("a_"))
            text.tail = child.tail
            group[place] = text


def _shift(text: ET.Element) -> None:
    """An index by a position of its own: not every browser knows baseline-shift."""
    shift = {"sub": 0.3, "super": -0.45}.get(text.attrib.pop("baseline-shift", ""))
    if shift is not None:
        text.set("y", f"{float(text.get('y', '0')) + shift * float(text.get('font-size', '12')):.2f}")


def png(source: str, most_pixels: float = _MOST_PIXELS) -> bytes:
    """The picture of a DOT graph as a bitmap of 192 dots per inch, fewer where it would have more pixels than that."""
    left, bottom, right, top = places(source).box
    width, height = (side / _POINTS_PER_INCH for side in (right - left + 8.0, top - bottom + 8.0))
    largest = min(_LARGEST_SIDE / max(width, height), math.sqrt(most_pixels / (width * height)))
    return _render(source, "png", dpi=f"{min(_RESOLUTION, largest):.3f}")


def pdf(source: str) -> bytes:
    """The picture of a DOT graph as one page of PDF, its fonts embedded; one much wider than a sheet is wrapped."""
    return _render(source, "pdf", paper=True)


@dataclass(frozen=True)
class Places:
    """Where things are in a picture that is laid out, in points from its lower left corner.

    box : left, bottom, right, top of all of it
    boxes : by the id of a node its middle and its size: x, y, width, height
    lines : by the id of an edge the points of its Bézier curve, from tail to head, an arrowhead's tip last
    labels : by the id of an edge the middle of its label, where it has one
    """

    box: tuple[float, float, float, float]
    boxes: Mapping[str, tuple[float, float, float, float]]
    lines: Mapping[str, list[tuple[float, float]]]
    labels: Mapping[str, tuple[float, float]]


def places(source: str, paper: bool = False) -> Places:
    """Where the parts of a DOT graph are placed, for those that have ids; on paper as `pdf` places them."""
    with opened(_positioned(source, paper)) as graph:
        left, bottom, right, top = map(float, graph.graph_attr["bb"].split(","))
        boxes: dict[str, tuple[float, float, float, float]] = {}
        for node in graph.nodes():
            second = _SECOND_BORDER if node.attr["peripheries"] == "2" else 0.0
            width, height = (float(node.attr[side]) * _POINTS_PER_INCH + second for side in ("width", "height"))
            boxes[node.attr["id"] or node] = (*_point(node.attr["pos"]), width, height)
        lines: dict[str, list[tuple[float, float]]] = {}
        labels: dict[str, tuple[float, float]] = {}
        for edge in graph.edges():
            key = edge.attr["id"] or f"{edge[0]}-{edge[1]}"
            lines[key] = _curve(edge.attr["pos"])
            label = edge.attr["lp"] or edge.attr["head_lp"]
            if label:
                labels[key] = _point(label)
    return Places((left, bottom, right, top), boxes, lines, labels)


def _curve(spline: str) -> list[tuple[float, float]]:
    """The points of "e,X,Y x,y x,y …", the tip of the arrow, which comes first, put last."""
    points = spline.split()
    tips = [_point(point[2:]) for point in points if point.startswith("e,")]
    return [*(_point(point) for point in points if point[0] not in "es"), *tips]


def _point(text: str) -> tuple[float, float]:
    x, y = text.split(",")[:2]
    return float(x), float(y)


@lru_cache(maxsize=8)
def _positioned(source: str, paper: bool) -> str:
    """The DOT graph with the place of everything in it: laid out once, whatever is then made of it."""
    with opened(source) as graph:
        placing.place(graph, paper)
        for node in graph.nodes():
            if node.attr["peripheries"] == "2":  # the size that is written has the second border in it, and would grow
                for side in ("width", "height"):
                    node.attr[side] = f"{float(node.attr[side]) - _SECOND_BORDER / _POINTS_PER_INCH:.4f}"
        return graph.to_string()


def _render(source: str, format: str, paper: bool = False, **attributes: str) -> bytes:  # noqa: A002 (Graphviz's word)
    with opened(_positioned(source, paper)) as graph:
        graph.graph_attr.update(attributes)
        return graph.draw(format=format, prog="nop2")  # as it is placed
