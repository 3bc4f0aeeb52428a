"""Which layout a DOT graph gets: Graphviz's, or where that takes long ours (`layered`), written into the graph.

Graphviz bends lines around all that they pass, which takes it minutes where there are many. It then draws what is
placed here: it says how large the elements are, and puts in text, arrowheads and legend.
"""

from __future__ import annotations

import html
import math
import re
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from viz.graph.layered import Layered, Layout, Line, Point, passed

_MOST_ELEMENTS, _MOST_PASSED = 120, 600  # that Graphviz lays out, in a second at most
_POINTS_PER_INCH = 72.0
_ARROW = 7.0  # points
_LETTER, _HEIGHT = 7.7, 14.0  # points, of a label's letter and line
_SPREAD = 16.0  # between lines that end at one circle, so that a label has room between two
_OPERAND = re.compile(r"\d+$|$")  # of edge-3-1 the 1
_TAG = re.compile(r"<[^>]*>")
_PAPER = 1000.0  # points, the narrowest band of a graph that is wrapped
_PAPER_SHAPE, _SCREEN_SHAPE = 1.41, 0.6  # height by width
# Elements; a larger picture is seen whole before a part of it is read, so it is wrapped on screens too.
_MOST_READ = 2000
_SIDES = {"nw": -1, "ne": 1, "sw": 1}


@dataclass
class Elements:
    """The nodes and edges of a graph, and how lines run between them."""

    nodes: list[Any]
    edges: list[Any]
    lines: list[Line]
    across: bool  # whether it runs from the top down
    back: list[float] = field(default_factory=list)  # of each line how far before its end its label ends


def place(graph: Any, paper: bool = False) -> None:
    """Write into an open graph where everything in it is.

    paper : whether a picture much wider than a sheet is wrapped, as lines of text are
    """
    found = _elements(graph)
    if found is None:
        graph.layout(prog="dot")
        if not paper or _width(graph) <= 1.5 * _PAPER:
            return
        found = _elements(graph, always=True)
    if found is not None:
        _lay_out(graph, found, paper)


def _width(graph: Any) -> float:
    left, _, right, _ = map(float, graph.graph_attr["bb"].split(","))
    return right - left


def _elements(graph: Any, always: bool = False) -> Elements | None:
    """What our layout is to place; None where Graphviz is to."""
    nodes, edges = graph.nodes(), graph.edges(keys=False)
    index = {str(node): i for i, node in enumerate(nodes)}
    lines = [Line(index[edge[0]], index[edge[1]]) for edge in edges]
    across = dict(graph.graph_attr).get("rankdir") != "LR"
    try:
        far = passed(len(nodes), lines)
    except ValueError:
        return None
    few = len(nodes) <= _MOST_ELEMENTS and far <= _MOST_PASSED
    return None if few and not always else Elements(nodes, edges, lines, across)


def _lay_out(graph: Any, found: Elements, paper: bool) -> None:
    sizes = _sizes(graph, found)
    lines = _ended(found, sizes)
    turned = [(height, width) if found.across else (width, height) for width, height in sizes]
    for line, edge in zip(lines, found.edges, strict=True) if found.across else ():  # labels stand beside their lines
        along, across = turned[line.head]
        turned[line.head] = (along, max(across, 2.0 * (abs(line.at) + _LETTER * len(_label(edge)))))
    layered = Layered(turned, lines)
    shape = _PAPER_SHAPE if paper else _SCREEN_SHAPE if len(sizes) > _MOST_READ else 0.0
    length, thick = layered.size()
    wraps = shape and not found.across and length > 1.5 * _PAPER
    _write(graph, found, lines, layered.layout(max(_PAPER, math.sqrt(length * thick / shape)) if wraps else 0.0))


def _sizes(graph: Any, found: Elements) -> list[Point]:
    """Of each node width and height in points, as Graphviz finds them; the lines are left out meanwhile."""
    for node in found.nodes:
        node.attr["pos"] = "0,0"
    graph.graph_attr["splines"] = "none"
    graph.layout(prog="nop")
    return [tuple(_POINTS_PER_INCH * float(node.attr[side]) for side in ("width", "height")) for node in found.nodes]  # type: ignore[misc]


def _ended(found: Elements, sizes: list[Point]) -> list[Line]:
    """The lines with where they end at their heads and with room for their labels."""
    into: dict[int, list[int]] = {}
    for i, line in enumerate(found.lines):
        into.setdefault(line.head, []).append(i)
    operand = [int(_OPERAND.search(edge.attr["id"] or "")[0] or 0) for edge in found.edges]  # type: ignore[index]
    lines = list(found.lines)
    found.back = [0.0] * len(lines)
    for head, own in into.items():
        own.sort(key=operand.__getitem__)
        pairs = found.nodes[head].attr["label"].count('port="pair')
        ports = [found.edges[i].attr["headport"] or "" for i in own]
        free = not pairs and not any(ports)
        turns = [_SIDES.get(port.split(":")[-1], 0) for port in ports]
        thick = sizes[head][0 if found.across else 1]
        spread = min(_SPREAD, 0.7 * thick / max(len(own) - 1, 1))
        order = {i: k for k, (_, i) in enumerate(sorted(zip(turns, own, strict=True)))}
        for i, port in zip(own, ports, strict=True):
            at = _pair_at(port, pairs, thick, found.across) if pairs else spread * (order[i] - (len(own) - 1) / 2.0)
            lines[i] = replace(lines[i], at=at, free=free)
        taken: dict[float, float] = {}  # by labels, where two lines end at one pair: side by side, as the factors are
        for i in reversed(own):
            text = _label(found.edges[i])
            if text:
                found.back[i] = taken.get(lines[i].at, 0.0)
                taken[lines[i].at] = found.back[i] + (_HEIGHT if found.across else _LETTER * len(text)) + 4.0
        for i in own:
            lines[i] = replace(lines[i], label=taken[lines[i].at] + _ARROW if lines[i].at in taken else 0.0)
    return lines


def _pair_at(port: str, pairs: int, thick: float, across: bool) -> float:
    """The middle of a pair's row (below the row with Σ) or column."""
    k = int(port.split(":")[0].removeprefix("pair"))
    share = (k + 0.5) / pairs if across else (k + 1.5) / (pairs + 1)
    return (share - 0.5) * thick


def _label(edge: Any) -> str:
    return html.unescape(_TAG.sub("", edge.attr["label"] or ""))


def _write(graph: Any, found: Elements, lines: list[Line], placed: Layout) -> None:
    def point(p: Point) -> str:
        x, y = (p[1], -p[0]) if found.across else (p[0], -p[1])
        return f"{x:.1f},{y:.1f}"

    for node, middle in zip(found.nodes, placed.middles, strict=True):
        node.attr["pos"] = point(middle)
    for i, (edge, line, route) in enumerate(zip(found.edges, lines, placed.routes, strict=True)):
        tip = (route[-1][0] + _inside(found.nodes[line.head], line.at, found.across), route[-1][1])
        start = (route[0][0], route[0][1])
        arrow = 0.0 if edge.attr["arrowhead"] == "none" else _ARROW
        end = (tip[0] - arrow, tip[1])
        ends = f"e,{point(tip)} " if arrow else ""
        edge.attr["pos"] = ends + " ".join(map(point, _curve([start, *route[1:-1], end])))
        text = _label(edge)
        if text:
            half = _LETTER * len(text) / 2.0
            beside = (1.0 if line.at >= 0.0 else -1.0) * (half + 3.0) if found.across else -_HEIGHT / 2.0
            back = _HEIGHT / 2.0 if found.across else half
            edge.attr["lp"] = point((tip[0] - _ARROW - 2.0 - found.back[i] - back, tip[1] + beside))
    graph.graph_attr["splines"] = "true"
    graph.graph_attr["lp"] = graph.graph_attr["bb"] = ""  # of the sizes alone: the legend goes below all of it
    graph.layout(prog="nop2")


def _inside(node: Any, at: float, across: bool) -> float:
    """How far beyond its middle's side an ellipse is met off its middle."""
    if node.attr["shape"] != "ellipse":
        return 0.0
    width, height = (_POINTS_PER_INCH * float(node.attr[side]) / 2.0 for side in ("width", "height"))
    along, thick = (height, width) if across else (width, height)
    return along * (1.0 - math.sqrt(max(0.0, 1.0 - (at / thick) ** 2)))


def _curve(route: list[Point]) -> list[Point]:
    """A Bézier curve through the points, with its ends along at each of them."""
    points = [route[0]]
    for a, b in pairwise(route):
        middle = (a[0] + b[0]) / 2.0
        points += [(middle, a[1]), (middle, b[1]), b]
    return points
